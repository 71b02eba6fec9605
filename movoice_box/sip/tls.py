"""TLS towards a trunk (RFC 3261 26.3.1, RFC 5922): whom we believe, and why a connection failed."""

import errno
import re
import socket
import ssl
from functools import lru_cache

from movoice_box.errors import TrunkError
from movoice_box.sip.transport import Destination

_EXPIRED, _NOT_YET_VALID = 10, 9  # X509_V_ERR_* of openssl/x509_vfy.h
_WRONG_NAME = {62, 63, 64}
_CLOSED = {errno.EHOSTUNREACH, errno.ENETUNREACH}


@lru_cache(maxsize=64)
def context_for(ca: str | None) -> ssl.SSLContext:
    """TLS 1.2 or later, the certificate and its host name checked.

    `ca` (PEM) is believed instead of the system's authorities; it may be the far end's own
    certificate. Reading the system's takes milliseconds. Raises `TrunkError`.
    """
    try:
        context = ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise TrunkError(
            "the trunk's CA certificate cannot be read: is it whole, in PEM?"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # refuses authorities that owners make by hand
    return context


def explain_failure(error: Exception, destination: Destination, waited_s: float) -> str:
    """Why no connection came about, and what to look at."""
    peer, port = str(destination), destination.port
    match error:
        case ssl.SSLCertVerificationError():
            return f"{peer} {_explain_certificate(error, destination)}"
        case ssl.SSLError() if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
            return f"{peer} does not speak TLS on this port: check the port and the transport"
        case ssl.SSLError() if re.search("VERSION|PROTOCOL", error.reason or ""):
            return f"{peer} has no TLS 1.2 or later: bring it up to date, or use another transport"
        case ssl.SSLError():
            reason = (error.reason or "no reason given").replace("_", " ").lower()
            return f"{peer} and we do not agree on TLS: {reason}"
        case TimeoutError():
            return f"no answer from {peer} in {waited_s:g} s: is TCP {port} open outwards?"
        case ConnectionRefusedError():
            return f"{peer} refused the connection: does anything listen there on this transport?"
        case ConnectionError():
            return f"{peer} closed the connection at once: does it know this box's address?"
        case socket.gaierror() | OSError() if error.errno in _CLOSED:
            return f"no route to {peer}: check the host and this box's network"
        case _:
            return f"no connection to {peer}: {getattr(error, 'strerror', None) or error}"


def _explain_certificate(error: ssl.SSLCertVerificationError, destination: Destination) -> str:
    if error.verify_code in _WRONG_NAME:
        name = destination.tls.server_name if destination.tls else destination.address
        return f"shows a certificate of another name than '{name}': enter the host as it says"
    if error.verify_code == _EXPIRED:
        return "shows a certificate that has expired: renew it there, or check this box's clock"
    if error.verify_code == _NOT_YET_VALID:
        return "shows a certificate that is not valid yet: check this box's clock"
    return (
        f"shows a certificate of an authority that this box does not know"
        f" ({error.verify_message}): enter its CA certificate with the trunk"
    )

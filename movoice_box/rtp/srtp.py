"""SRTP and SRTCP of one call (RFC 3711) by libsrtp: AES_CM_128_HMAC_SHA1_80, keys from the SDP."""

from collections.abc import Callable

import pylibsrtp

from movoice_box.domain.media import SrtpKey
from movoice_box.errors import RtpError


class Srtp:
    """Each side protects what it sends by its own key (RFC 4568 section 6.1).

    A packet that was forged, altered or replayed raises `RtpError`. 2 to 3 us a packet, each way.
    """

    def __init__(self, ours: SrtpKey) -> None:
        self._outbound = _session(ours, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self._theirs: SrtpKey | None = None
        self._inbound: pylibsrtp.Session | None = None

    def connect(self, theirs: SrtpKey | None) -> None:
        """Open what comes by `theirs`; the same key again leaves the memory of replays as it is."""
        if theirs != self._theirs:
            self._theirs = theirs
            self._inbound = None
            if theirs is not None:
                self._inbound = _session(theirs, pylibsrtp.Policy.SSRC_ANY_INBOUND)

    def protect(self, packet: bytes) -> bytes:
        return self._outbound.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._outbound.protect_rtcp(packet)

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet in an SRTP packet. Raises `RtpError`."""
        return _opened(self._session.unprotect, packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The RTCP packets in an SRTCP packet. Raises `RtpError`."""
        return _opened(self._session.unprotect_rtcp, packet)

    @property
    def _session(self) -> pylibsrtp.Session:
        if self._inbound is None:
            raise RtpError("an SRTP packet came before its key")
        return self._inbound


def _session(key: SrtpKey, ssrc_type: int) -> pylibsrtp.Session:
    return pylibsrtp.Session(pylibsrtp.Policy(key.master, ssrc_type))


def _opened(unprotect: Callable[[bytes], bytes], packet: bytes) -> bytes:
    try:
        return unprotect(packet)
    except (pylibsrtp.Error, ValueError) as error:  # ValueError: longer than any that we can open
        raise RtpError(f"SRTP packet of {len(packet)} bytes: {error}") from None

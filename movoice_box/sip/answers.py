"""Answers to requests that this box does nothing with (RFC 3261 8.2)."""

from movoice_box.errors import SdpError, SipError
from movoice_box.sip.dialog import ALLOW, SUPPORTED_METHODS
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import quote, split_list
from movoice_box.sip.messages import USER_AGENT

EXTENSIONS = ("100rel", "timer")
"""The option tags that a far end may require of us."""

_ELSEWHERE_KNOWN = frozenset(["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"])
_ONLY_IN_DIALOGS = frozenset(["BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "NOTIFY"])


def refuse_extension(incoming: IncomingRequest) -> bool:
    """Answer 420 where the peer requires an extension that this box lacks (8.2.2.3)."""
    if incoming.request.method in ("ACK", "CANCEL"):
        return False
    unknown = [tag for tag in _required(incoming) if tag.lower() not in EXTENSIONS]
    if unknown:
        incoming.reply(420, headers=[("Unsupported", ", ".join(unknown))])
    return bool(unknown)


def requires(incoming: IncomingRequest, extension: str) -> bool:
    return extension in map(str.lower, _required(incoming))


def refuse_media(incoming: IncomingRequest, error: SdpError) -> None:
    """488 with the reason, for whoever looks at a trace (21.4.26, 20.43)."""
    warning = f"399 {USER_AGENT} {quote(error.message)}"
    incoming.reply(488, headers=[("Warning", warning)])


def refuse_content(incoming: IncomingRequest) -> bool:
    """Refuse an INVITE whose body is no SDP (415), or whose caller takes none (406, 8.2.3)."""
    request, accept = incoming.request, [("Accept", "application/sdp")]
    if request.body and not request.has_sdp:
        incoming.reply(415, headers=accept)
    elif (taken := ",".join(request.values("Accept"))) and not _takes_sdp(taken):
        incoming.reply(406, headers=accept)
    else:
        return False
    return True


def answer_options(incoming: IncomingRequest) -> None:
    supported = ("Supported", ", ".join(EXTENSIONS))
    incoming.reply(200, headers=[ALLOW, ("Accept", "application/sdp"), supported])


def refuse_method(incoming: IncomingRequest) -> None:
    """Refuse what nothing here waits for (8.2.1).

    481 for what belongs to a call or subscription that we do not have (RFC 6665 4.1.3). A REFER is
    declined wherever it comes: nobody steers this box from outside. Else 405 for what we know and
    501 for what we never heard of.
    """
    method = incoming.request.method
    if method == "REFER":
        incoming.reply(603)
    elif method in _ONLY_IN_DIALOGS:
        incoming.reply(481)
    else:
        incoming.reply(405 if is_known_method(method) else 501, headers=[ALLOW])


def is_known_method(method: str) -> bool:
    """Whether this box has heard of a method, allowed here or not."""
    return method in _ELSEWHERE_KNOWN or method in SUPPORTED_METHODS


def _takes_sdp(accept: str) -> bool:
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(kinds & {"application/sdp", "application/*", "*/*"})


def _required(incoming: IncomingRequest) -> list[str]:
    values = incoming.request.values("Require")
    try:
        return split_list(values)
    except SipError:
        return values

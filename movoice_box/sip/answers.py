"""Answers to requests that this box does nothing with (RFC 3261 8.2)."""

from movoice_box.sip.dialog import ALLOW, SUPPORTED_METHODS
from movoice_box.sip.exchange import IncomingRequest

_EXTENSION_METHODS = frozenset(
    ["REGISTER", "INFO", "PRACK", "UPDATE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"]
)


def refuse_extension(incoming: IncomingRequest) -> bool:
    """Answer 420 where the peer requires an extension: this box has none (8.2.2.3)."""
    required = incoming.request.values("Require")
    if not required or incoming.request.method in ("ACK", "CANCEL"):
        return False
    incoming.reply(420, headers=[("Unsupported", ", ".join(required))])
    return True


def answer_options(incoming: IncomingRequest) -> None:
    incoming.reply(200, headers=[ALLOW, ("Accept", "application/sdp")])


def refuse_method(incoming: IncomingRequest) -> None:
    """405 for what we know and do not allow here, 501 for what we never heard of (8.2.1)."""
    known = incoming.request.method in _EXTENSION_METHODS or (
        incoming.request.method in SUPPORTED_METHODS
    )
    incoming.reply(405 if known else 501, headers=[ALLOW])

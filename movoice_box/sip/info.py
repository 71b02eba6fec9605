"""Key presses in SIP INFO, as gateways have sent them since before RFC 6086.

`application/dtmf-relay` has lines `Signal=5` and `Duration=160` (milliseconds); `application/dtmf`
has the key alone, or the same lines. Keys also come as event numbers (RFC 4733 3.2): 10 is `*`.
"""

import re

from movoice_box.sip.headers import split_list
from movoice_box.sip.messages import HeaderList, Request

DURATION_MS = 160
GAP_MS = 90  # between our keys, so that a gateway which plays them as tones keeps them apart

_KEYS = "0123456789*#ABCD"
_DTMF_RELAY = "application/dtmf-relay"
_DTMF = "application/dtmf"
_SIGNAL = re.compile(r"^\s*(?:Signal\s*=)?\s*([0-9]{1,2}|[*#A-Da-d])\s*$", re.I | re.M | re.ASCII)

ACCEPT: HeaderList = [("Accept", f"{_DTMF_RELAY}, {_DTMF}")]
"""What a 415 names."""


def is_digits(request: Request) -> bool:
    """Whether an INFO has a body that may hold a key press."""
    return _content_type(request) in (_DTMF_RELAY, _DTMF)


def read_digit(request: Request) -> str | None:
    """The key that was pressed; None for a hook flash and what else is no key."""
    match = _SIGNAL.search(request.body.decode("ascii", "replace"))
    if match is None:
        return None
    signal = match[1].upper()
    if signal.isdigit():
        return _KEYS[int(signal)] if int(signal) < len(_KEYS) else None
    return signal


def digit_info(digit: str, *, is_relay: bool) -> tuple[HeaderList, bytes]:
    """The header and body of an INFO that presses one of `0-9*#A-D`."""
    if is_relay:
        body = f"Signal={digit}\r\nDuration={DURATION_MS}\r\n"
        return [("Content-Type", _DTMF_RELAY)], body.encode()
    return [("Content-Type", _DTMF)], f"{digit}\r\n".encode()


def has_package(request: Request) -> bool:
    """Whether an INFO belongs to an Info Package, of which this box has none (RFC 6086 4.2.2)."""
    return bool(split_list(request.values("Info-Package")))


def _content_type(request: Request) -> str:
    return (request.get("Content-Type") or "").partition(";")[0].strip().lower()

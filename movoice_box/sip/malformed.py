"""The answer to a request that cannot be read: enough of it is left to say so (RFC 3261 8.2, 21.4).

Stateless: a copy of the request gets a copy of the answer (8.2.7).
"""

import re

from movoice_box.sip.answers import is_known_method
from movoice_box.sip.dialog import ALLOW
from movoice_box.sip.headers import quote
from movoice_box.sip.messages import PHRASES, USER_AGENT

_REQUEST_LINE = re.compile(r"([^\s:]+)[ \t]+(\S.*?)[ \t]+SIP/(\d+\.\d+)[ \t]*", re.I | re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_STRAY_END = re.compile(r"[\r\n]")
_FOLD = re.compile(r"\r\n[ \t]+")
_UNPRINTABLE = re.compile(r"[^ -~]")
_NAMES = {"v": "via", "f": "from", "t": "to", "i": "call-id"}
_ECHOED = ("via", "from", "to", "call-id", "cseq")  # in the order of 8.2.6.2
_MOST_BYTES = 4096  # of a head worth answering
_LONGEST_REASON = 80


def refusal_of(data: bytes, reason: str) -> bytes | None:
    """The response to the unreadable request `data`; None where it is none, or is an ACK.

    505 for another version of SIP, 416 for a URI of an unknown scheme, 501 for a method that this
    box never heard of, else 400 with the `reason` in a Warning (RFC 3261 20.43). The values that a
    response repeats are repeated as they came.
    """
    head, _, _ = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if len(head) > _MOST_BYTES:
        return None
    request_line, *lines = _FOLD.sub(" ", head.decode("utf-8", "replace")).split("\r\n")
    request = _REQUEST_LINE.fullmatch(request_line)
    if request is None or request[1] == "ACK" or any(_STRAY_END.search(line) for line in lines):
        return None
    echoed: dict[str, list[str]] = {name: [] for name in _ECHOED}
    for line in lines:
        name, _, _ = line.partition(":")
        name = name.strip().lower()
        if (name := _NAMES.get(name, name)) in echoed:
            echoed[name].append(line)
    if not all(echoed.values()):
        return None
    status = _status_for(*request.groups())
    warning = f"399 {USER_AGENT} {quote(_UNPRINTABLE.sub('?', reason)[:_LONGEST_REASON])}"
    told = ": ".join(ALLOW if status == 501 else ("Warning", warning))
    answer = [f"SIP/2.0 {status} {PHRASES[status]}", *echoed["via"]]
    answer += [echoed[name][0] for name in _ECHOED if name != "via"]
    return "\r\n".join([*answer, told, "Content-Length: 0", "", ""]).encode()


def _status_for(method: str, uri: str, version: str) -> int:
    scheme = _SCHEME.match(uri)
    if version != "2.0":
        return 505
    if scheme and scheme[1].lower() not in ("sip", "sips", "tel"):
        return 416
    return 400 if is_known_method(method) else 501

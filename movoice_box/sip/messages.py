"""SIP messages: wire bytes to checked values and back (RFC 3261 sections 7 and 18.3).

What every transaction and dialog needs (Via, From, To, Call-ID, CSeq) is read once when a message
is parsed, so that nothing later can meet a missing or unreadable one. Header names and compact
forms come from `sipmessage`; folded lines, leading CRLF, Content-Length, a blank before the
colon and a status line without a reason phrase are dealt with here.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address

from sipmessage import URI, CSeq, Headers
from sipmessage.message import COMPACT_FORMS

from movoice_box.errors import SipError
from movoice_box.sip.headers import (
    NameAddr,
    Via,
    parse_cseq,
    parse_q850_cause,
    parse_uri,
    split_list,
)

MAX_FORWARDS = "70"
BRANCH_COOKIE = "z9hG4bK"  # RFC 3261 8.1.1.7
USER_AGENT = "Movoice-Box"
MAX_HEADER_LINES = 256  # the work of reading them grows with their square
HeaderList = Sequence[tuple[str, str]]

_FOLD = re.compile(rb"\r\n[ \t]+")
_BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.I | re.ASCII | re.DOTALL)
_REQUEST_LINE = re.compile(r"([^ ]+) ([^ ]+) SIP/2\.0", re.I)
_SINGLE = ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length")
_SECRETS = re.compile(r"(?im)^((?:Proxy-)?Authorization[ \t]*:)[^\r\n]*(?:\r\n[ \t][^\r\n]*)*")
_SDES_KEYS = re.compile(r"(?im)^(a=crypto:[^\r\n]*?inline:)[^\r\n]*")
PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
}


@dataclass(kw_only=True)
class Message(ABC):
    """What requests and responses share. Header access by name ignores case.

    Built messages are not changed once they were sent.
    """

    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """The first value of a header, None where it is absent."""
        return self.headers.get(name)

    def values(self, name: str) -> list[str]:
        """Every value of a header, one a line as received."""
        return self.headers.getlist(name)

    def require(self, name: str) -> str:
        if value := self.headers.get(name):
            return value
        raise SipError(f"{name} is missing")

    @cached_property
    def via(self) -> Via:
        """The topmost Via."""
        return Via.parse(next(iter(split_list([self.require("Via")])), ""))

    @cached_property
    def cseq(self) -> CSeq:
        return parse_cseq(self.require("CSeq"))

    @cached_property
    def call_id(self) -> str:
        return self.require("Call-ID")

    @cached_property
    def from_tag(self) -> str:
        return NameAddr.parse(self.require("From")).tag

    @cached_property
    def to_tag(self) -> str:
        return NameAddr.parse(self.require("To")).tag

    @cached_property
    def contact(self) -> NameAddr | None:
        """The first Contact; None where there is none, it is `*` or it cannot be read."""
        try:
            return NameAddr.parse(split_list(self.values("Contact"))[0])
        except (SipError, IndexError):
            return None

    @property
    def q850_cause(self) -> int | None:
        return parse_q850_cause(self.values("Reason"))

    @property
    def has_sdp(self) -> bool:
        content_type = (self.get("Content-Type") or "").partition(";")[0].strip().lower()
        return bool(self.body) and content_type in ("application/sdp", "")

    def seconds(self, name: str) -> int | None:
        """A header in delta-seconds such as Expires; None where absent or unreadable."""
        match = re.match(r"\s*(\d{1,10})\b", self.get(name) or "", re.ASCII)
        return int(match[1]) if match else None

    @property
    @abstractmethod
    def start_line(self) -> str: ...

    def pack(self) -> bytes:
        """The wire form, Content-Length included.

        Raises `SipError` for a value with a line break: it would add a header that nobody meant.
        """
        self.headers.set("Content-Length", str(len(self.body)))
        head = f"{self.start_line}\r\n{self.headers}"
        lines = 2 + sum(len(self.headers.getlist(name)) for name in self.headers.keys())  # noqa: SIM118
        if not head.count("\r") == head.count("\n") == lines:
            raise SipError(f"{self.start_line[:40]!r} with a line break in a header")
        return head.encode("utf-8", "replace") + self.body

    def check(self) -> None:
        """Raise `SipError` unless the headers that every message needs are readable.

        Two elements must not read two messages in one: what stands once is there once (7.3.1).
        """
        for name in _SINGLE:
            if len(self.headers.getlist(name)) > 1:
                raise SipError(f"{name} is given more than once")
        _ = (self.via, self.cseq, self.call_id, self.from_tag, self.to_tag)


@dataclass(kw_only=True)
class Request(Message):
    method: str
    uri: URI

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def check(self) -> None:
        super().check()
        if self.cseq.method != self.method:
            raise SipError(f"{self.method} with CSeq of {self.cseq.method} (RFC 3261 8.1.1.5)")


@dataclass(kw_only=True)
class Response(Message):
    status: int
    phrase: str = ""

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.phrase}"

    @property
    def seen_from(self) -> tuple[str, int] | None:
        """Our address as the peer saw it, where it says (RFC 3581 section 4)."""
        received, rport = (self.via.parameters.get(name, "") for name in ("received", "rport"))
        try:
            host, port = str(ip_address(received)), int(rport)
        except ValueError:
            return None
        return (host, port) if 0 < port < 65_536 else None


def parse(data: bytes) -> Request | Response:
    """Read one datagram. Raises `SipError`; never any other exception.

    Bytes beyond Content-Length are dropped; a body shorter than it is an error (RFC 3261 18.3).
    """
    head, blank_line, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not blank_line:
        raise SipError(f"SIP message of {len(data)} bytes without an empty line after its headers")
    head = _FOLD.sub(b" ", head)
    if _BARE_LINE_END.search(head):
        raise SipError("SIP headers with a CR or LF on its own")
    start_line, *lines = head.decode("utf-8", "replace").split("\r\n")
    if len(lines) > MAX_HEADER_LINES:
        raise SipError(f"SIP message with {len(lines)} header lines")
    message = _parse_start_line(start_line)
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN.fullmatch(name):
            raise SipError(f"'{line[:80]}' is not a SIP header line")
        message.headers.add(COMPACT_FORMS.get(name.lower(), name), value.strip())
    message.check()
    message.body = _framed(message, body)
    return message


def build_request(method: str, uri: URI, headers: HeaderList, *, sdp: bytes = b"") -> Request:
    """Build a request from its header lines, in order; `sdp` brings its Content-Type."""
    built = Request(method=method, uri=uri, body=sdp)
    _fill(built, headers)
    return built


def response_to(
    received: Request,
    status: int,
    *,
    to_tag: str = "",
    headers: HeaderList = (),
    sdp: bytes = b"",
) -> Response:
    """Build the response to a request (RFC 3261 8.2.6); `to_tag` is added where To has none.

    Record-Route is copied into what can establish a dialog (12.1.1).
    """
    built = Response(status=status, phrase=PHRASES.get(status, ""))
    built.body = sdp
    built.headers.setlist("Via", list(received.values("Via")))
    if 100 < status < 300 and received.method == "INVITE":
        for route in received.values("Record-Route"):
            built.headers.add("Record-Route", route)
    built.headers.set("From", received.require("From"))
    to = received.require("To")
    built.headers.set("To", to if received.to_tag or not to_tag else f"{to};tag={to_tag}")
    built.headers.set("Call-ID", received.call_id)
    built.headers.set("CSeq", received.require("CSeq"))
    _fill(built, headers)
    return built


def stamp_via(received: Request, source: tuple[str, int]) -> None:
    """Write into the top Via where the request came from (RFC 3261 18.2.1, RFC 3581 4)."""
    via, host, port = received.via, *source
    if "rport" not in via.parameters and via.host == host:
        return
    values = list(received.values("Via"))
    top, *others = split_list([values[0]])
    stamped = re.sub(r";\s*(?:rport|received)\b\s*(?:=[^;,]*)?", "", top, flags=re.I)
    if "rport" in via.parameters:
        stamped += f";rport={port}"
    received.headers.setlist("Via", [f"{stamped};received={host}", *others, *values[1:]])
    received.__dict__.pop("via", None)


def readable(data: bytes) -> str:
    """A message for the log: whole, without Authorization values and the keys of SRTP."""
    text = data.decode("utf-8", "replace")
    return _SDES_KEYS.sub(r"\1...", _SECRETS.sub(r"\1 ...", text))


def _parse_start_line(line: str) -> Request | Response:
    if match := _STATUS_LINE.fullmatch(line):
        return Response(status=int(match[1]), phrase=(match[2] or "").strip())
    if (match := _REQUEST_LINE.fullmatch(line)) and _TOKEN.fullmatch(match[1]):
        return Request(method=match[1], uri=parse_uri(match[2]))
    raise SipError(f"'{line[:80]}' starts neither a SIP request nor a response")


def _framed(message: Message, body: bytes) -> bytes:
    if (text := message.get("Content-Length")) is None:
        return body
    length = message.seconds("Content-Length")
    if length is None or length > len(body):
        raise SipError(f"body of {len(body)} bytes, Content-Length says {text[:20]}")
    return body[:length]


def _fill(message: Message, headers: HeaderList) -> None:
    for name, value in headers:
        message.headers.add(name, value)
    if message.body and message.get("Content-Type") is None:
        message.headers.set("Content-Type", "application/sdp")

"""SIP header values as typed values (RFC 3261 sections 20 and 25).

`sipmessage` reads URIs and CSeq. It is stricter than the field elsewhere: it refuses host names
such as `gw1`, display names with brackets and `received=::1`, breaks quoted strings at their
commas and ignores the case of parameter names. Those values are read here. Every reader takes
any text and returns a value or raises `SipError`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from sipmessage import URI, CSeq, Parameters

from movoice_box.errors import SipError

DEFAULT_PORT = 5060
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_COMMA = re.compile(rf"\s*((?:{_QUOTED}|<[^>]*>|[^,\"<])*)(?:,|\Z)", re.DOTALL)
_PARAMETER = re.compile(rf"\s*([^\s=;,\"]+)\s*(?:=\s*({_QUOTED}|[^;,\"]*))?", re.DOTALL)
_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*(\w+)\s+([^\s;]+(?:\s*:\s*\d+)?)\s*(.*)", re.I | re.DOTALL)
_NAME_ADDR = re.compile(rf"((?:{_QUOTED}|[^<\"])*)<([^<>]*)>(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?:\s*:\s*(\d{1,5}))?", re.ASCII)
_URI = re.compile(r"(sips?):(?:([^@]*)@)?([^;?]+)((?:;[^?]*)?)", re.I)
_REASON_CAUSE = re.compile(r"\bcause\s*=\s*(\d{1,4})", re.I | re.ASCII)


@dataclass(frozen=True, slots=True)
class Via:
    """Where a request has been, and where its responses go (RFC 3261 20.42, RFC 3581)."""

    transport: str
    host: str
    port: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: str) -> Self:
        if (match := _VIA.fullmatch(value.strip())) is None:
            raise SipError(f"Via '{value[:80]}' is not readable")
        host, port = parse_host_port(match[2])
        return cls(match[1].upper(), host, port, parse_parameters(match[3]))

    @property
    def branch(self) -> str:
        return self.parameters.get("branch", "")

    @property
    def sent_by(self) -> tuple[str, int]:
        return self.host.lower(), self.port or DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A URI with parameters, as in From, To, Contact, Route and Record-Route."""

    uri: URI
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: str) -> Self:
        if match := _NAME_ADDR.fullmatch(value.strip()):
            return cls(parse_uri(match[2]), parse_parameters(match[3]))
        # Without brackets, parameters belong to the header, not to the URI (RFC 3261 20.10).
        uri, _, parameters = value.partition(";")
        return cls(parse_uri(uri), parse_parameters(f";{parameters}" if parameters else ""))

    @property
    def tag(self) -> str:
        return self.parameters.get("tag", "")


def parse_uri(text: str) -> URI:
    """Read a SIP, SIPS or TEL URI; a port outside 1-65535 is an error."""
    text = text.strip()
    try:
        uri = URI.parse(text)
    except (ValueError, TypeError):
        uri = _parse_uri_leniently(text)
    if uri.port is not None and not 0 < uri.port < 65_536:
        raise SipError(f"port {uri.port} in URI '{text[:80]}'")
    return uri


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Read `host`, `host:port` or `[v6]:port`; the host comes without brackets."""
    match = _HOST.fullmatch(text.strip())
    if match is None or (match[2] and not 0 < int(match[2]) < 65_536):
        raise SipError(f"'{text[:80]}' is not a host and port")
    return match[1].strip("[]"), int(match[2]) if match[2] else None


def parse_cseq(value: str) -> CSeq:
    try:
        cseq = CSeq.parse(value)
    except ValueError as error:
        raise SipError(f"CSeq '{value[:40]}' is not readable") from error
    if cseq.sequence >= 2**31:
        raise SipError(f"CSeq {value[:40]} is not below 2**31 (RFC 3261 8.1.1.5)")
    return cseq


def parse_parameters(text: str) -> dict[str, str]:
    """Read `;name=value;name` to a dictionary: names in lower case, quotes removed."""
    parameters: dict[str, str] = {}
    position = 0
    while (semicolon := _skip_spaces(text, position)) < len(text):
        match = _PARAMETER.match(text, semicolon + 1) if text[semicolon] == ";" else None
        if match is None:
            raise SipError(f"parameters '{text[:80]}' are not readable")
        parameters.setdefault(match[1].lower(), unquote((match[2] or "").strip()))
        position = match.end()
    return parameters


def split_list(values: Iterable[str]) -> list[str]:
    """The items of comma-separated header values; commas in quotes and `<>` do not separate."""
    items = []
    for value in values:
        position = 0
        while position < len(value):
            match = _COMMA.match(value, position)
            if match is None:
                raise SipError(f"list '{value[:80]}' has an open quote or bracket")
            items.append(match[1].strip())
            position = match.end()
    return [item for item in items if item]


def parse_q850_cause(values: Iterable[str]) -> int | None:
    """The ISDN cause of a Reason header such as `Q.850;cause=17;text="busy"` (RFC 3326)."""
    for value in values:
        for item in value.split(","):
            if item.strip().lower().startswith("q.850") and (cause := _REASON_CAUSE.search(item)):
                return int(cause[1])
    return None


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def bracketed(host: str) -> str:
    """An IPv6 address in brackets, as URIs and Via want it; anything else unchanged."""
    return f"[{host}]" if ":" in host else host


def _parse_uri_leniently(text: str) -> URI:
    if (match := _URI.match(text)) is None:
        raise SipError(f"URI '{text[:80]}' is not readable")
    host, port = parse_host_port(match[3])
    parameters = parse_parameters(match[4])
    parameters.pop("self", None)  # the library passes parameters as keyword arguments
    return URI(
        scheme=match[1].lower(),
        host=bracketed(host),
        port=port,
        user=match[2],
        parameters=Parameters(**{name: value or None for name, value in parameters.items()}),
    )


def _skip_spaces(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position

"""Accidents that befall bytes on a hostile network: of text, of bits and of lengths.

One `random.Random` decides everything, so that a seed gives the same accidents again.
"""

import random
from collections.abc import Callable

_CRLF = b"\r\n"
_LIMITS = (
    *(b"0", b"-1", b"1", b"255", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967295"),
    *(b"4294967296", b"18446744073709551616", b"9" * 40, b"1e9", b"0x10", b"01", b" ", b"NaN"),
)
_TEXTS = (
    *(b'"', b"\\", b'"\\"', b"<", b">", b"<>", b";", b";;", b",", b", ,", b":", b"@", b"=", b"%00"),
    *(b"%", b"\0", b"\r", b"\n", b"\r\n", b"\r\n ", b"\t", b"(", b"((((", b"[", b"[::1]", b"\xff"),
    *(
        b"\xc3\x28",
        "\u20b9".encode(),
        b";lr",
        b";tag=",
        b";branch=z9hG4bK",
        b"*",
        b"sips:",
        b"tel:",
    ),
)
_NAMES = (
    *(b"Via", b"v", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Content-Length", b"l"),
    *(b"Content-Type", b"Record-Route", b"Route", b"Require", b"Supported", b"Max-Forwards"),
    *(b"Session-Expires", b"Min-SE", b"Reason", b"Privacy", b"P-Asserted-Identity", b"Expires"),
    *(b"Retry-After", b"WWW-Authenticate", b"Proxy-Authenticate", b"RSeq", b"RAck", b"Refer-To"),
    *(b"Replaces", b"Event", b"Accept", b"Unsupported", b"Subscription-State", b"X-" + b"y" * 300),
)
METHODS = (
    *(b"INVITE", b"ACK", b"BYE", b"CANCEL", b"OPTIONS", b"REGISTER", b"PRACK", b"UPDATE", b"INFO"),
    *(b"REFER", b"NOTIFY", b"SUBSCRIBE", b"MESSAGE", b"PUBLISH", b"invite", b"NEWMETHOD", b"!~*"),
)
_MOST_BYTES = 60_000  # of one datagram


class Chance:
    """Draws and distorts. The same seed and the same questions give the same answers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 (it has to be repeatable)

    def distorted(self, data: bytes) -> bytes:
        """`data` after one to five accidents of text."""
        changed = bytearray(data)
        for _ in range(self.random.randint(1, 5)):
            self.random.choice(_ACCIDENTS)(self.random, changed)
        return bytes(changed[:_MOST_BYTES])

    def damaged(self, data: bytes) -> bytes:
        """`data` after one to four accidents of bits and lengths."""
        changed = bytearray(data)
        for _ in range(self.random.randint(1, 4)):
            self.random.choice(_DAMAGES)(self.random, changed)
        return bytes(changed[:_MOST_BYTES])

    def noise(self) -> bytes:
        """Bytes that mean nothing."""
        return self.random.randbytes(self.random.choice((0, 1, 3, 12, 40, 200, 1400, 9000)))


def _place(draw: random.Random, data: bytearray) -> int:
    return draw.randrange(len(data)) if data else 0


def _piece(draw: random.Random, data: bytearray) -> bytes:
    start = _place(draw, data)
    return bytes(data[start : start + draw.choice((1, 2, 8, 40, 200))])


def _flip_bit(draw: random.Random, data: bytearray) -> None:
    if data:
        data[_place(draw, data)] ^= 1 << draw.randrange(8)


def _set_byte(draw: random.Random, data: bytearray) -> None:
    if data:
        data[_place(draw, data)] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))


def _truncate(draw: random.Random, data: bytearray) -> None:
    del data[_place(draw, data) :]


def _cut(draw: random.Random, data: bytearray) -> None:
    start = _place(draw, data)
    del data[start : start + draw.choice((1, 2, 8, 40))]


def _repeat(draw: random.Random, data: bytearray) -> None:
    start = _place(draw, data)
    data[start:start] = _piece(draw, data) * draw.choice((1, 1, 2, 30))


def _move(draw: random.Random, data: bytearray) -> None:
    piece = _piece(draw, data)
    start = _place(draw, data)
    data[start : start + len(piece)] = piece


def _lengthen(draw: random.Random, data: bytearray) -> None:
    data += draw.randbytes(draw.choice((1, 4, 64, 1400)))


def _insert_text(draw: random.Random, data: bytearray) -> None:
    start = _place(draw, data)
    data[start:start] = draw.choice(_TEXTS) * draw.choice((1, 1, 1, 2, 60))


def _change_number(draw: random.Random, data: bytearray) -> None:
    """Replace a run of digits by one at a limit."""
    start = _place(draw, data)
    while start < len(data) and not 0x30 <= data[start] <= 0x39:
        start += 1
    end = start
    while end < len(data) and 0x30 <= data[end] <= 0x39:
        end += 1
    data[start:end] = draw.choice(_LIMITS)


def _lines(data: bytearray) -> list[bytes]:
    return bytes(data).split(_CRLF)


def _drop_line(draw: random.Random, data: bytearray) -> None:
    lines = _lines(data)
    del lines[draw.randrange(len(lines))]
    data[:] = _CRLF.join(lines)


def _double_line(draw: random.Random, data: bytearray) -> None:
    lines = _lines(data)
    line = draw.choice(lines)
    at = draw.randrange(len(lines) + 1)
    lines[at:at] = [line] * draw.choice((1, 1, 2, 40))
    data[:] = _CRLF.join(lines)


def _swap_lines(draw: random.Random, data: bytearray) -> None:
    lines = _lines(data)
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    data[:] = _CRLF.join(lines)


def _add_header(draw: random.Random, data: bytearray) -> None:
    lines = _lines(data)
    value = draw.choice((*_LIMITS, *_TEXTS, b"z" * draw.choice((300, 9000)), b"a" + b";a=1" * 400))
    lines.insert(
        min(1, len(lines)), draw.choice(_NAMES) + draw.choice((b": ", b":", b" : ")) + value
    )
    data[:] = _CRLF.join(lines)


def _replace_value(draw: random.Random, data: bytearray) -> None:
    lines = _lines(data)
    at = draw.randrange(len(lines))
    name, colon, _ = lines[at].partition(b":")
    lines[at] = name + colon + draw.choice((*_LIMITS, *_TEXTS, *METHODS))
    data[:] = _CRLF.join(lines)


def _fold(draw: random.Random, data: bytearray) -> None:
    start = _place(draw, data)
    data[start:start] = b"\r\n" + draw.choice((b" ", b"\t", b"   "))


Accident = Callable[[random.Random, bytearray], None]
_DAMAGES: tuple[Accident, ...] = (
    *(_flip_bit, _flip_bit, _set_byte, _set_byte, _truncate, _cut, _repeat, _move, _lengthen),
)
_ACCIDENTS: tuple[Accident, ...] = (
    *(_flip_bit, _set_byte, _truncate, _cut, _repeat, _move, _insert_text, _insert_text),
    *(_change_number, _change_number, _drop_line, _double_line, _swap_lines, _add_header),
    *(_replace_value, _fold),
)

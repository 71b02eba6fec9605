"""Whole SIP messages out of a stream of bytes (RFC 3261 18.3), and nothing of sockets.

Whatever arrives, no more than one message and one read of the socket is kept.
"""

import re
from enum import Enum

from movoice_box.errors import SipError

MOST_HEADER_BYTES = MOST_BODY_BYTES = 64 * 1024

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.I | re.M)
_VERSION = b"SIP/"  # of whatever number: the answer to another one is 505


class KeepAlive(Enum):
    """What stands between messages to keep a flow open (RFC 5626 4.4.1)."""

    PING = b"\r\n\r\n"
    PONG = b"\r\n"


Frame = bytes | KeepAlive


class Framer:
    """Feed it what the socket read; it gives back each message that is whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # bytes known to hold no end of the headers
        self._wanted = 0  # length of the message whose headers are whole, 0 before

    @property
    def is_inside(self) -> bool:
        """A message has begun and is not whole."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Raises `SipError` where the stream cannot be followed any more: close it then."""
        self._buffer += data
        frames: list[Frame] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        buffer = self._buffer
        if not self._wanted:
            if buffer.startswith(b"\r\n"):
                return self._take_keep_alive()
            if not (end := self._find_end()):
                return None
            self._wanted = end + _body_length(bytes(buffer[:end]))
        if len(buffer) < self._wanted:
            return None
        message = bytes(buffer[: self._wanted])
        del buffer[: self._wanted]
        self._searched = self._wanted = 0
        return message

    def _take_keep_alive(self) -> KeepAlive:
        kind = KeepAlive.PING if self._buffer.startswith(KeepAlive.PING.value) else KeepAlive.PONG
        del self._buffer[: len(kind.value)]
        return kind

    def _find_end(self) -> int:
        """The length of the headers with their empty line; 0 while that has not come."""
        buffer = self._buffer
        found = buffer.find(_END, max(0, self._searched - len(_END)), MOST_HEADER_BYTES)
        self._searched = len(buffer)
        if found < 0:
            if len(buffer) >= MOST_HEADER_BYTES:
                raise SipError(f"SIP headers of more than {MOST_HEADER_BYTES} bytes")
            return 0
        if _VERSION not in buffer[: buffer.find(b"\r\n")].upper():
            raise SipError("this is not SIP")
        return found + len(_END)


def _body_length(head: bytes) -> int:
    """What Content-Length says; a peer that leaves it out has no body (RFC 3261 20.14)."""
    values = set(_LENGTH.findall(head))
    if not values:
        return 0
    if len(values) > 1 or not (text := values.pop()).isdigit() or len(text) > 9:
        raise SipError("Content-Length is not one number")
    if int(text) > MOST_BODY_BYTES:
        raise SipError(f"SIP body of {int(text)} bytes, more than {MOST_BODY_BYTES}")
    return int(text)

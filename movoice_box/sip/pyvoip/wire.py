"""Messages between the pyVoIP driver and the process that hosts pyVoIP, over a pipe each way.

A message is a kind, the number of the call it is about, and a body: JSON or 8-bit audio.
"""

import json
import struct
from enum import IntEnum
from typing import Any, BinaryIO, NamedTuple

SILENCE = b"\x80"  # unsigned 8-bit samples, as pyVoIP takes and gives them
FRAME_BYTES = 160
BYTES_PER_SECOND = 50 * FRAME_BYTES

NO_FIRST_RESPONSE = (
    "pyVoIP saw no 100, 180 or 401 in {:g} s: it cannot tell whether the call was refused, "
    "answered at once or challenged with 407; use the native driver"
)

_HEADER = struct.Struct("!BII")
HEADER_BYTES = _HEADER.size


class Kind(IntEnum):
    """What a message says; the first group goes to the host, the second comes from it."""

    START = 1  # account and addresses
    INVITE = 2  # number and RTP port
    END = 3
    PLAY = 4  # audio, instead of what is being played
    STOP = 5
    LISTEN = 6  # from now on send HEARD

    STATUS = 20  # of the registration
    DIALED = 21  # the Call-ID
    ANSWERED = 22
    ENDED = 23  # the status or the reason
    PLAYED = 24
    DIGIT = 25
    HEARD = 26  # 20 ms of audio


class Message(NamedTuple):
    kind: Kind
    call: int = 0
    body: bytes = b""

    @classmethod
    def about(cls, kind: Kind, call: int = 0, **fields: Any) -> "Message":
        return cls(kind, call, json.dumps(fields).encode())

    @property
    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.body)
        return fields

    def pack(self) -> bytes:
        return _HEADER.pack(self.kind, self.call, len(self.body)) + self.body


def parse_header(header: bytes) -> tuple[Kind, int, int]:
    """The kind, the call and the length of the body that follows."""
    kind, call, length = _HEADER.unpack(header)
    return Kind(kind), call, length


def read_message(stream: BinaryIO) -> Message | None:
    """Block until a message has come; None at the end of the stream."""
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    kind, call, length = parse_header(header)
    return Message(kind, call, stream.read(length))

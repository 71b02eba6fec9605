"""What is hurled at a running box: at its SIP port by UDP and TCP, and at the media of live calls.

Every burst at the SIP port is followed by an honest OPTIONS, and the next waits for its answer: so
all that was sent has been read, and no datagram is lost in a full buffer instead of being met.
"""

import asyncio
import secrets
import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from movoice_box.bench.hostile_gateway import (
    LOOPBACK,
    TELEPHONE_EVENT,
    FarCall,
    HostileGateway,
    is_local,
)
from movoice_box.bench.hostile_messages import Names, request, rtcp, rtp, torture
from movoice_box.bench.mutation import METHODS, Chance
from movoice_box.errors import RtpError, SipError
from movoice_box.rtp.packet import RtpPacket
from movoice_box.sip.messages import Request, parse
from movoice_box.sip.transport import Address

STRANGER = "127.0.0.66"
TICK_S = 0.02
END_KEY, OTHER_KEY = 1, 2
"""The key that ends a call by the script of its agent, and one by which the agent asks again."""
_BURST = 40
_PROBE_S = 0.5  # until it is sent again
_PROBES = 8
_RTP_A_TICK = 4  # a call, from either side
_SHARES = {"rtp": 0.38, "rtcp": 0.08, "tcp": 0.02}  # the rest is SIP by UDP
_TCP_MESSAGES = 12  # a connection
_TCP_WAIT_S = 0.2
_STRANGERS = 0.25  # of what is sent
_CALLED_BACK = 0.1
_HARMLESS = [method for method in METHODS if method not in (b"BYE", b"CANCEL")]
_NUMBERS = ("442071234567", "anonymous", "+15551230000", "911234567890", "")


@dataclass(slots=True)
class Tally:
    """`sent` by kind; `left_out` are requests that any far end ends a call by; `probe_ms` how long
    each honest request took, and `unanswered` those that never were.
    """

    sent: Counter[str] = field(default_factory=Counter)
    left_out: int = 0
    probe_ms: list[float] = field(default_factory=list)
    unanswered: int = 0


class Flood:
    """One flood, of so many datagrams in all."""

    def __init__(self, gateway: HostileGateway, box: Address, chance: Chance) -> None:
        self.tally = Tally()
        self._gateway = gateway
        self._box = box
        self._chance = chance
        self._random = chance.random
        self._known = _socket(LOOPBACK)
        self._stranger = _socket(STRANGER)
        self._last = b""
        self._probe: tuple[bytes, asyncio.Event] = b"", asyncio.Event()
        self._kinds: list[tuple[float, str, Callable[[], bytes]]] = [
            (0.34, "SIP requests, distorted", lambda: chance.distorted(self._fresh())),
            (0.06, "SIP requests as they are", self._fresh),
            (0.14, "SIP in the manner of RFC 4475", self._torture),
            (0.16, "SIP with a stolen Call-ID, wrong tags", self._stolen),
            (0.12, "SIP inside the calls that are fair game", self._inside),
            (0.06, "SIP responses with a stolen branch", self._stolen_response),
            (0.06, "SIP messages spliced", self._spliced),
            (0.06, "noise", chance.noise),
        ]

    async def run(self, datagrams: int) -> None:
        """Send them all."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._known, self._read, self._known)
        loop.add_reader(self._stranger, self._read, self._stranger)
        parts = {name: round(share * datagrams) for name, share in _SHARES.items()}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._flood_sip(datagrams - sum(parts.values())))
                group.create_task(self._flood_media(parts["rtp"], parts["rtcp"]))
                group.create_task(self._flood_tcp(parts["tcp"]))
        finally:
            for bound in (self._known, self._stranger):
                loop.remove_reader(bound)
                bound.close()

    async def _flood_sip(self, count: int) -> None:
        weights = [weight for weight, _, _ in self._kinds]
        while count > 0:
            for _ in range(min(_BURST, count)):
                ((_, kind, make),) = self._random.choices(self._kinds, weights)
                self._send_sip(kind, make())
                count -= 1
            await self._ask()

    def _send_sip(self, kind: str, data: bytes) -> None:
        is_stranger = self._random.random() < _STRANGERS
        if self._is_aimed(data):
            self.tally.left_out += 1
            data = self._chance.noise()
        self._last = data
        bound = self._stranger if is_stranger else self._known
        with suppress(OSError):
            bound.sendto(data, self._box)
        self.tally.sent[f"{kind}{', from a stranger' if is_stranger else ''}"] += 1

    async def _ask(self) -> None:
        """An honest request, sent again until it is answered, as its sender would."""
        loop, token = asyncio.get_running_loop(), f"probe-{secrets.token_hex(8)}"
        answered = asyncio.Event()
        self._probe = token.encode(), answered
        data = request(self._chance, self._names(token), b"OPTIONS")
        start = loop.time()
        for _ in range(_PROBES):
            self._known.sendto(data, self._box)
            with suppress(TimeoutError):
                await asyncio.wait_for(answered.wait(), _PROBE_S)
                self.tally.probe_ms.append(1000 * (loop.time() - start))
                return
        self.tally.unanswered += 1

    def _read(self, bound: socket.socket) -> None:
        token, answered = self._probe
        with suppress(OSError):
            for _ in range(_BURST):
                if token in bound.recv(4096):
                    answered.set()

    def _names(self, call_id: str = "", *, own_tag: str = "", box_tag: str = "") -> Names:
        draw = self._random
        return Names(
            call_id=call_id or f"{draw.getrandbits(64):x}@{LOOPBACK}",
            local_tag=box_tag,
            remote_tag=own_tag or f"{draw.getrandbits(32):x}",
            branch=f"z9hG4bK{draw.getrandbits(64):x}",
            number=self._number(),
            cseq=draw.choice((1, 2, 100, 2**31 - 1, draw.randrange(2**31))),
            address=LOOPBACK,
            port=self._known.getsockname()[1],
        )

    def _number(self) -> str:
        """Who calls: somebody unknown, at times one whom the box has dialed."""
        known = [*self._gateway.dialed] if self._random.random() < _CALLED_BACK else _NUMBERS
        return self._random.choice(known)

    def _fresh(self) -> bytes:
        return request(self._chance, self._names())

    def _torture(self) -> bytes:
        data = torture(self._chance, self._names())
        return self._chance.distorted(data) if self._random.random() < 0.7 else data

    def _stolen(self) -> bytes:
        """All but one of the three names of a call, and those mixed up."""
        if not (call := self._one_of(self._gateway.up())):
            return self._fresh()
        wrong = self._random.choice(
            ("", "x", call.own_tag, f"{call.box_tag}0", call.box_tag.upper())
        )
        own, box = self._random.choice(
            ((call.own_tag, wrong), (wrong or "y", call.box_tag), (call.box_tag, call.own_tag))
        )
        data = request(self._chance, self._names(call.call_id, own_tag=own, box_tag=box))
        return self._chance.distorted(data) if self._random.random() < 0.5 else data

    def _inside(self) -> bytes:
        """Requests that are of a call by all its names, none of them to end it."""
        if not (call := self._one_of(self._gateway.up(is_fair_game=True))):
            return self._fresh()
        names = self._names(call.call_id, own_tag=call.own_tag, box_tag=call.box_tag)
        data = request(self._chance, names, self._random.choice(_HARMLESS))
        return self._chance.distorted(data) if self._random.random() < 0.6 else data

    def _stolen_response(self) -> bytes:
        if not (call := self._one_of(self._gateway.up())):
            return self._fresh()
        status = self._random.choice(("100 Trying", "183 Progress", "200 OK", "481 Gone", "603 No"))
        lines = [f"SIP/2.0 {status}"]
        lines += [f"{name}: {call.invite.get(name)}" for name in ("Via", "From", "To", "Call-ID")]
        method = self._random.choice(("INVITE", "OPTIONS", "BYE"))
        lines += [f"CSeq: 1 {method}", "Content-Length: 0", "", ""]
        data = "\r\n".join(lines).encode()
        return self._chance.distorted(data) if self._random.random() < 0.7 else data

    def _spliced(self) -> bytes:
        """The beginning of what was sent last, and the end of another."""
        other = self._fresh()
        data = self._last[: self._random.randrange(len(self._last) + 1)]
        return data + other[self._random.randrange(len(other)) :]

    def _one_of(self, calls: list[FarCall]) -> FarCall | None:
        return self._random.choice(calls) if calls else None

    def _is_aimed(self, data: bytes) -> bool:
        """Whether this is what it may not be: a request by all the names of a call that is not
        fair game, or one that would send the box to another machine.
        """
        calls = [call for call in self._gateway.calls.values() if call.call_id.encode() in data]
        if not calls:
            return False
        try:
            message = parse(data)
        except SipError:
            return False
        names = message.call_id, message.from_tag, message.to_tag
        is_named = isinstance(message, Request) and any(call.dialog == names for call in calls)
        is_fair = any(call.dialog == names and call.is_fair_game for call in calls)
        return (is_named and not is_fair) or not is_local(data)

    async def _flood_media(self, rtp_left: int, rtcp_left: int) -> None:
        loop = asyncio.get_running_loop()
        due, is_control_due = loop.time(), False
        while rtp_left > 0 or rtcp_left > 0:
            is_control_due = not is_control_due
            for call in self._gateway.up():
                for _ in range(min(_RTP_A_TICK, max(0, rtp_left))):
                    self._send_rtp(call)
                    rtp_left -= 1
                if is_control_due and rtcp_left > 0:
                    self._send_rtcp(call)
                    rtcp_left -= 1
            due += TICK_S
            await asyncio.sleep(max(0.001, due - loop.time()))

    def _send_rtp(self, call: FarCall) -> None:
        packet = rtp(self._chance, call.ssrc, call.sequence, call.timestamp)
        if self._random.random() < _STRANGERS:
            self._from_a_stranger(packet, call.media)
        elif not _is_end_key(packet):
            call.send(packet)
        self.tally.sent["RTP"] += 1

    def _send_rtcp(self, call: FarCall) -> None:
        packet = rtcp(self._chance, call.ssrc, self._random.getrandbits(32))
        if self._random.random() < _STRANGERS:
            self._from_a_stranger(packet, call.control)
        else:
            with suppress(OSError):
                call.rtcp.sendto(packet, call.control)
        self.tally.sent["RTCP"] += 1

    def _from_a_stranger(self, packet: bytes, target: Address) -> None:
        bound = self._random.choice((self._stranger, self._known))
        with suppress(OSError):
            bound.sendto(packet, target)

    async def _flood_tcp(self, count: int) -> None:
        while count > 0:
            messages = [self._tcp_message() for _ in range(min(_TCP_MESSAGES, count))]
            count -= len(messages)
            self.tally.sent["SIP by TCP"] += len(messages)
            address = STRANGER if self._random.random() < _STRANGERS else LOOPBACK
            with suppress(OSError):
                await self._connect(address, messages)

    def _tcp_message(self) -> bytes:
        make = self._random.choice((self._fresh, self._torture, self._stolen, self._chance.noise))
        data = make() if self._random.random() < 0.5 else self._chance.distorted(make())
        return self._chance.noise() if self._is_aimed(data) else data

    async def _connect(self, address: str, messages: list[bytes]) -> None:
        """One connection that ends in one of the ways that connections end."""
        reader, writer = await asyncio.open_connection(*self._box, local_addr=(address, 0))
        try:
            whole = b"".join(messages)
            while whole and not writer.is_closing():
                length = self._random.choice((1, 7, 100, 3000, len(whole)))
                writer.write(whole[:length])
                whole = whole[length:]
                await asyncio.sleep(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), _TCP_WAIT_S)
            if self._random.random() < 0.3:
                linger = struct.pack("ii", 1, 0)  # a reset
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        finally:
            writer.close()


def _is_end_key(packet: bytes) -> bool:
    """Whether the callee presses the key that ends the call."""
    try:
        read = RtpPacket.parse(packet)
    except RtpError:
        return False
    return read.payload_type == TELEPHONE_EVENT and read.payload[:1] == bytes([END_KEY])


def _socket(address: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind((address, 0))
    return bound

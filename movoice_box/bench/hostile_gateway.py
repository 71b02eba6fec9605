"""A gateway that carries calls as it should, and knows enough of them to be hostile."""

import asyncio
import secrets
import socket
from contextlib import suppress

from movoice_box.bench.hostile_messages import response
from movoice_box.bench.mutation import Chance
from movoice_box.domain.media import Codec, MediaOffer
from movoice_box.errors import ProtocolError, SipError
from movoice_box.rtp.packet import pack_packet
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import NameAddr, split_list
from movoice_box.sip.messages import Request, parse
from movoice_box.sip.sdp import LocalMedia, SessionDescription
from movoice_box.sip.transaction_layer import TransactionLayer
from movoice_box.sip.transport import Address

LOOPBACK = "127.0.0.1"
TELEPHONE_EVENT = 101
_CODECS = (Codec.PCMU, Codec.PCMA, Codec.G722)
_SPEECH = bytes(0x20 + 13 * place % 0x60 for place in range(160))  # PCMU, far from silence
_SAMPLES = 160
_LARGEST = 2048
_PORTS_TRIED = 20
_ODD_RESPONSES = 3  # of a call that is fair game, before it is answered
_KEY_PACKETS = 5


class FarCall:
    """One call at this gateway: its dialog as the box sees it, its sockets and its voice."""

    def __init__(self, incoming: IncomingRequest, *, is_fair_game: bool) -> None:
        invite = incoming.request
        self.invite = invite
        self.call_id = invite.call_id
        self.box_tag = invite.from_tag
        self.own_tag = incoming.tag
        self.source = incoming.source.socket_address
        self.is_fair_game = is_fair_game
        self.is_up = False
        self.heard = 0
        self.ssrc = secrets.randbits(32)
        self.sequence = 0
        self.timestamp = 0
        self.rtp, self.rtcp = _pair_of_sockets()
        local = LocalMedia(
            MediaOffer(address=LOOPBACK, port=self.rtp.getsockname()[1], codecs=_CODECS), 1
        )
        described = SessionDescription.parse(invite.body)
        target = local.read(described)
        self.answer = local.write_answer(described)
        self.media: Address = target.address, target.port
        self.control = target.rtcp or (target.address, target.port + 1)

    @property
    def dialog(self) -> tuple[str, str, str]:
        """What a request must bring to be of this call: Call-ID, From tag, To tag."""
        return self.call_id, self.own_tag, self.box_tag

    def speak(self) -> None:
        """Hear what came, and send the next 20 ms."""
        with suppress(OSError):
            while self.rtp.recv(_LARGEST):
                self.heard += 1
        with suppress(OSError):
            while self.rtcp.recv(_LARGEST):
                pass
        self.sequence = self.sequence + 1 & 0xFFFF
        self.timestamp = self.timestamp + _SAMPLES & 0xFFFF_FFFF
        self.send(pack_packet(0, self.sequence, self.timestamp, self.ssrc, _SPEECH))

    def press(self, key: int) -> None:
        """A key press as RFC 4733 has it, its end included."""
        for count in range(1, _KEY_PACKETS + 1):
            self.sequence = self.sequence + 1 & 0xFFFF
            end = 0x80 if count >= _KEY_PACKETS - 2 else 0
            event = bytes((key, end | 10)) + (min(count, 3) * _SAMPLES).to_bytes(2, "big")
            self.send(
                pack_packet(
                    TELEPHONE_EVENT, self.sequence, self.timestamp, self.ssrc, event, count == 1
                )
            )
        self.timestamp += 3 * _SAMPLES

    def send(self, packet: bytes) -> None:
        with suppress(OSError):
            self.rtp.sendto(packet, self.media)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class HostileGateway:
    """Answers whatever it is asked at one UDP port; calls to `fair_game` numbers are toyed with.

    Those get responses out of order and out of their mind before the one that answers.
    """

    def __init__(self, fair_game: str, chance: Chance) -> None:
        self.calls: dict[str, FarCall] = {}
        """Those that are up, by Call-ID."""
        self.dialed: dict[str, int] = {}
        """How many calls came for each number."""
        self._fair_game = fair_game
        self._chance = chance
        self._layer = TransactionLayer((LOOPBACK, 0), self)

    @property
    def address(self) -> Address:
        return self._layer.address

    def close(self) -> None:
        self._layer.close()
        for call in self.calls.values():
            call.close()

    def up(self, *, is_fair_game: bool | None = None) -> list[FarCall]:
        return [
            call
            for call in self.calls.values()
            if call.is_up and is_fair_game in (None, call.is_fair_game)
        ]

    def on_request(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        call = self.calls.get(request.call_id)
        if call and request.to_tag != call.own_tag:
            call = None  # a fork that somebody else made up, and the box hangs up
        match request.method:
            case "INVITE" if not request.to_tag:
                self._take(incoming)
            case "BYE":
                incoming.reply(200 if call else 481)
                if call:
                    self._forget(call.call_id)
            case "CANCEL":
                incoming.reply(481)
            case "INVITE" | "UPDATE" if call:
                contact = ("Contact", f"<sip:gateway@{LOOPBACK}:{self.address[1]}>")
                incoming.reply(200, headers=[contact], sdp=call.answer)
            case "OPTIONS" | "INFO":
                incoming.reply(200)
            case _:
                incoming.reply(481)

    def _take(self, incoming: IncomingRequest) -> None:
        number = incoming.request.uri.user or ""
        self.dialed[number] = self.dialed.get(number, 0) + 1
        is_fair_game = number.startswith(self._fair_game)
        try:
            call = FarCall(incoming, is_fair_game=is_fair_game)
        except ProtocolError:
            return incoming.reply(488)
        self.calls[call.call_id] = call
        incoming.observer = _Phone(self, call)
        incoming.reply(180)
        if is_fair_game:
            for _ in range(_ODD_RESPONSES):
                self._toy_with(incoming)
        asyncio.get_running_loop().call_later(0.1, self._answer, incoming, call)

    def _answer(self, incoming: IncomingRequest, call: FarCall) -> None:
        contact = ("Contact", f"<sip:gateway@{LOOPBACK}:{self.address[1]}>")
        if not incoming.is_answered:
            incoming.reply(200, headers=[contact], sdp=call.answer)

    def _toy_with(self, incoming: IncomingRequest) -> None:
        request, draw = incoming.request, self._chance.random
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = [f"{name}: {value}" for name in names for value in request.values(name)]
        tag = draw.choice((incoming.tag, "another", "third"))
        data = response(self._chance, lines, tag, f"sip:gateway@{LOOPBACK}:{self.address[1]}")
        if draw.random() < 0.5:
            data = self._chance.distorted(data)
        if is_local(data):
            self._layer.transmit(data, incoming.source)

    def _forget(self, call_id: str) -> None:
        if call := self.calls.pop(call_id, None):
            call.close()

    def on_over(self, call: FarCall) -> None:
        self._forget(call.call_id)


class _Phone:
    """Hears of the ACK and the CANCEL of one call."""

    def __init__(self, gateway: HostileGateway, call: FarCall) -> None:
        self._gateway = gateway
        self._call = call

    def on_ack(self, ack: Request) -> None:
        self._call.is_up = True

    def on_cancel(self) -> None:
        self._gateway.on_over(self._call)

    def on_ack_missing(self) -> None:
        self._gateway.on_over(self._call)


def is_local(data: bytes) -> bool:
    """Whether the box, should it believe this, would go on to this machine alone.

    A Contact or a route of another host would be looked up, and be called.
    """
    try:
        message = parse(data)
        uris = [message.contact.uri] if message.contact else []
        uris += [NameAddr.parse(route).uri for route in split_list(message.values("Record-Route"))]
    except SipError:
        return True  # nothing of it is believed
    return all(uri.host == LOOPBACK for uri in uris)


def _pair_of_sockets() -> tuple[socket.socket, socket.socket]:
    """RTP on an even port and RTCP on the next (RFC 3550 section 11)."""
    for _ in range(_PORTS_TRIED):
        media = _bound(0)
        port = media.getsockname()[1]
        with suppress(OSError):
            return media, _bound(port + 1)
        media.close()
    raise ProtocolError("no two ports in a row are free")


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.bind((LOOPBACK, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound

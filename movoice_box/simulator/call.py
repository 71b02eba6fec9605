"""One call that reached the gateway: the user agent server around a simulated callee."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from movoice_box.domain.audio import LineClosed
from movoice_box.domain.media import MediaTarget
from movoice_box.errors import ProtocolError, TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.simulator.callees import OK, Callee, Step
from movoice_box.simulator.hearing import Attention, Patience
from movoice_box.simulator.ledger import ANSWERED, DIGIT_HEARD, DIGIT_SENT, ENDED, SAID, Ledger
from movoice_box.simulator.tones import early_media
from movoice_box.sip.exchange import IncomingRequest
from movoice_box.sip.headers import bracketed
from movoice_box.sip.messages import MAX_FORWARDS, HeaderList, Request, Response, build_request
from movoice_box.sip.sdp import LocalMedia, SessionDescription
from movoice_box.sip.timers import Failure
from movoice_box.sip.transaction_layer import TransactionLayer
from movoice_box.sip.transport import Destination, local_address_towards

ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the calls of one gateway share. `prompts` has the PCM of every `say` of the callees."""

    layer: TransactionLayer
    media: MediaEngine
    ledger: Ledger
    media_timeout_s: float
    prompts: Mapping[str, bytes] = field(default_factory=dict)


class GatewayCall:
    """Rings, answers or refuses, lets the callee talk, until either side or the network ends it.

    Implements `InviteObserver`; the gateway passes it later requests of its dialog.
    """

    def __init__(self, resources: Resources, incoming: IncomingRequest, callee: Callee) -> None:
        self.number = incoming.request.uri.user or ""
        self._resources = resources
        self._incoming = incoming
        self._invite = incoming.request
        self._callee = callee
        self._attention = Attention(callee.steps)
        self._host = own_address(resources.layer, incoming)
        self._is_acknowledged = asyncio.Event()
        self._is_over = asyncio.Event()
        self._end: dict[str, object] = {}
        self._session: RtpSession | None = None
        self._local: LocalMedia | None = None
        self._target: MediaTarget | None = None
        incoming.observer = self

    @property
    def key(self) -> tuple[str, str]:
        """Call-ID and our tag: what later requests of the dialog are known by."""
        return self._invite.call_id, self._incoming.tag

    async def run(self) -> None:
        """Return when the call is over; cancel to end it from our side."""
        self._incoming.reply(100)
        try:
            async with asyncio.TaskGroup() as group:
                acting = group.create_task(self._act(), name=f"callee {self.number}")
                await self._is_over.wait()
                acting.cancel()
        finally:
            if not self._is_over.is_set():
                self._leave("gateway", "stopped")
            await self._close()

    def on_ack(self, ack: Request) -> None:
        if self._is_acknowledged.is_set():
            return
        self._is_acknowledged.set()
        self._note(ANSWERED)
        if ack.has_sdp and not self._invite.has_sdp:
            self._negotiate(ack)
            self._connect()

    def on_cancel(self) -> None:
        self._incoming.reply(487)
        self._finish("caller", "canceled")

    def on_ack_missing(self) -> None:
        if self._callee.status == OK:
            self._leave("network", "no ACK came")

    def on_bye(self, bye: IncomingRequest) -> None:
        bye.reply(200)
        self._finish("caller", "BYE")

    def on_reinvite(self, reinvite: IncomingRequest) -> None:
        """Take new media, or describe ours again (RFC 3261 14.2)."""
        try:
            answer = self._negotiate(reinvite.request)
        except ProtocolError:
            reinvite.reply(488)
        else:
            self._connect()
            reinvite.reply(200, headers=[self._contact], sdp=answer)

    async def _act(self) -> None:
        try:
            description = await self._open_media()
        except ProtocolError:
            return self._refuse(488)
        except TrunkError:
            return self._refuse(503, q850_cause=47)  # resource unavailable
        async with asyncio.TaskGroup() as group:
            ringing = group.create_task(self._ring(description), name="ringing")
            await asyncio.sleep(self._callee.ring_ms / 1000)
            if self._callee.status is None:
                await self._is_over.wait()
            ringing.cancel()
        if self._callee.status == OK:
            self._incoming.reply(OK, headers=[self._contact, ALLOW], sdp=description)
            self._connect()
            await self._talk()
        elif self._callee.status:
            self._refuse(self._callee.status, self._callee.q850_cause)

    async def _open_media(self) -> bytes:
        """Our SDP: an answer, or an offer where the INVITE brought none."""
        self._session = await self._resources.media.open(self._host)
        self._local = LocalMedia(self._session.offer, session_id=secrets.randbits(31))
        return self._negotiate(self._invite)

    def _negotiate(self, described_by: Request) -> bytes:
        """Learn the caller's media from a message; our answer to it. Raises `ProtocolError`."""
        if self._local is None:
            raise ProtocolError("media that was never opened")
        if not described_by.has_sdp:
            return self._local.write_offer()
        described = SessionDescription.parse(described_by.body)
        self._target = self._local.read(described)
        return self._local.write_answer(described)

    def _connect(self) -> None:
        if self._session is not None and self._target is not None:
            self._session.connect(self._target)

    async def _ring(self, description: bytes) -> None:
        if not self._callee.has_early_media or self._session is None:
            return self._incoming.reply(180, headers=[self._contact])
        self._incoming.reply(183, headers=[self._contact], sdp=description)
        self._connect()
        pcm = early_media(self._callee, self._resources.prompts)
        while True:
            await self._session.play(pcm)

    async def _talk(self) -> None:
        if self._session is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_digits(self._session), name="digits")
            patience = Patience(self._resources.media_timeout_s)
            async for pcm in self._session.frames():
                received = self._session.statistics.received
                if self._is_acknowledged.is_set() and patience.is_over(received):
                    return self._leave("network", "no media came")
                if step := self._attention.hear(pcm):
                    group.create_task(self._do(step, self._session), name="step")

    async def _do(self, step: Step, session: RtpSession) -> None:
        try:
            if step.say:
                self._note(SAID, text=step.say)
                await session.play(self._resources.prompts[step.say])
            if step.press:
                self._note(DIGIT_SENT, digits=step.press)
                await session.send_digits(step.press)
        except LineClosed:
            return
        if step.hangs_up:
            await self._is_acknowledged.wait()  # no BYE before the ACK (RFC 3261 15)
            self._leave("callee", "BYE")

    async def _hear_digits(self, session: RtpSession) -> None:
        while True:
            self._note(DIGIT_HEARD, digits=await session.next_digit())

    def _refuse(self, status: int, q850_cause: int | None = None) -> None:
        self._incoming.reply(status, headers=reason(q850_cause))
        self._finish("callee", str(status))

    def _leave(self, by: str, how: str) -> None:
        """End the call from this side, with whatever request or response is due."""
        if self._is_over.is_set():
            return
        if not self._incoming.is_answered:
            self._incoming.reply(480)
        elif self._callee.status == OK:
            self._resources.layer.send(self._bye(), self._incoming.source, _Ignored())
        self._finish(by, how)

    def _finish(self, by: str, how: str) -> None:
        if not self._is_over.is_set():
            self._end = {"by": by, "how": how}
            self._is_over.set()

    async def _close(self) -> None:
        heard = self._attention.heard
        media: dict[str, object] = {}
        if self._session is not None and self._is_acknowledged.is_set():
            counts = self._session.statistics
            media = {
                "listened_ms": heard.listened_ms,
                "speech_ms": heard.speech_ms,
                "loudest_rms": heard.loudest_rms,
                "rtp_received": counts.received,
                "rtp_lost": counts.lost,
                "rtp_sent": counts.sent,
            }
        self._note(ENDED, **self._end, **media)
        if self._session is not None:
            await self._session.close()

    def _bye(self) -> Request:
        """In the dialog as its user agent server sees it (RFC 3261 12.1.1 and 12.2.1.1)."""
        host, port = self._host, self._resources.layer.address[1]
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        remote = self._invite.contact
        headers = [
            ("Via", f"SIP/2.0/UDP {bracketed(host)}:{port};rport;branch={branch}"),
            *(("Route", route) for route in self._invite.values("Record-Route")),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{self._invite.require('To')};tag={self._incoming.tag}"),
            ("To", self._invite.require("From")),
            ("Call-ID", self._invite.call_id),
            ("CSeq", "1 BYE"),
        ]
        return build_request("BYE", remote.uri if remote else self._invite.uri, headers)

    @property
    def _contact(self) -> tuple[str, str]:
        port = self._resources.layer.address[1]
        return "Contact", f"<sip:{self.number}@{bracketed(self._host)}:{port}>"

    def _note(self, event: str, **facts: object) -> None:
        self._resources.ledger.note(event, self._invite.call_id, self.number, **facts)


def reason(q850_cause: int | None) -> HeaderList:
    return [("Reason", f"Q.850;cause={q850_cause}")] if q850_cause is not None else []


def own_address(layer: TransactionLayer, incoming: IncomingRequest) -> str:
    """The address of this host as the caller sees it."""
    if (address := layer.address[0]) not in ("0.0.0.0", "::"):  # noqa: S104 (compared, not bound)
        return address
    return local_address_towards(incoming.source.socket_address)


class _Ignored:
    """Nobody waits for the answer to our BYE; the transaction repeats it as long as it must."""

    def on_response(self, response: Response, source: Destination) -> None:
        pass

    def on_failure(self, failure: Failure) -> None:
        pass

"""The media of one call: its socket, what is played into it and what is heard from it."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from movoice_box.domain.audio import LineClosed
from movoice_box.domain.media import PTIME_MS, DtmfMethod, MediaOffer, MediaTarget
from movoice_box.domain.quality import MediaQuality
from movoice_box.rtp.datagrams import Address, read, stamp_arrivals
from movoice_box.rtp.keypad import Keypad
from movoice_box.rtp.mailbox import Mailbox
from movoice_box.rtp.measured import media_quality
from movoice_box.rtp.receiver import RtpReceiver
from movoice_box.rtp.recorder import Recorder, Recording
from movoice_box.rtp.rtcp_link import RtcpLink
from movoice_box.rtp.sender import RtpSender
from movoice_box.rtp.srtp import Srtp
from movoice_box.rtp.ticker import Ticker

_LARGEST_DATAGRAM = 2048
_MOST_EARLY_DATAGRAMS = 1000  # more than the kernel keeps of them
_MOST_DATAGRAMS = 50  # read in one tick: a flood must not hold up the other calls
_KEPT_FRAMES = 50  # one second


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStatistics:
    """Counts of packets, but for `dropped_frames`: 20 ms that a slow reader of `frames` lost.

    `strangers` came from another address than the call's media; `invalid` were no RTP that was
    offered; `send_errors` were refused by this box's own network.
    """

    sent: int
    send_errors: int
    received: int
    lost: int
    late: int
    duplicates: int
    strangers: int
    invalid: int
    dropped_frames: int


class MediaTap(Protocol):
    """Sees each datagram of a call's media, sent and received. It may not wait or raise."""

    def on_rtp(self, datagram: bytes, source: Address, destination: Address) -> None: ...


class RtpSession:
    """One call's RTP. Implements `domain.audio.CallAudio`; open it with `MediaEngine.open`.

    From `connect` to `close` a packet leaves every ptime, silence while nothing is played. The
    socket is read every 20 ms: what comes in between could not be played any earlier.
    """

    __slots__ = (
        "_dropped_frames",
        "_has_played",
        "_is_closed",
        "_is_connected",
        "_is_dtmf_by_info",
        "_is_silence_expected",
        "_keypad",
        "_offer",
        "_open_rtcp",
        "_playing",
        "_readers",
        "_receiver",
        "_recorder",
        "_recording",
        "_rtcp",
        "_send_errors",
        "_send_info",
        "_sender",
        "_socket",
        "_srtp",
        "_ticker",
        "tap",
    )

    def __init__(
        self,
        bound: socket.socket,
        ticker: Ticker,
        recorder: Recorder,
        randbits: Callable[[int], int] = secrets.randbits,
        offer: MediaOffer | None = None,
        dtmf: DtmfMethod = DtmfMethod.AUTO,
        open_rtcp: Callable[[], RtcpLink | None] = lambda: None,
    ) -> None:
        self.tap: MediaTap | None = None
        self._socket = bound
        stamp_arrivals(bound)
        self._ticker = ticker
        self._recorder = recorder
        address, port = bound.getsockname()[:2]
        self._offer = offer or MediaOffer(address=address, port=port)
        self._srtp = Srtp(self._offer.srtp) if self._offer.srtp else None
        # 15 bits: SRTP takes the first packet it sees to be before any wrap (RFC 3711 3.3.1)
        self._sender = RtpSender(randbits(32), randbits(15), randbits(32), dtmf)
        self._is_dtmf_by_info = dtmf is DtmfMethod.INFO
        self._send_info: Callable[[str], Awaitable[None]] | None = None
        self._receiver = RtpReceiver(self._srtp.unprotect if self._srtp else None)
        self._open_rtcp = open_rtcp  # when media is there: another driver may need the port
        self._rtcp: RtcpLink | None = None
        self._is_connected = False
        self._is_closed = False
        self._is_silence_expected = True
        self._playing = asyncio.Lock()
        self._has_played: asyncio.Future[None] | None = None
        self._keypad = Keypad()
        self._readers: set[Mailbox[bytes]] = set()
        self._dropped_frames = 0
        self._recording: Recording | None = None
        self._send_errors = 0

    @property
    def offer(self) -> MediaOffer:
        """Where this call's media is received, for the SDP."""
        return self._offer

    def connect(self, target: MediaTarget) -> None:
        """Send to `target` and listen to it from the next tick on.

        Call it for early media, for the answer and for every re-INVITE; what is being played goes
        on. On hold nothing is sent, and the clip waits.
        """
        if self._is_closed:
            return
        if not self._is_connected:
            self._discard_early_datagrams()
            self._rtcp = self._open_rtcp()
            self._is_connected = True
        if self._srtp is not None:
            self._srtp.connect(target.srtp)
        self._receiver.connect(target, self._offer)
        self._sender.connect(target)
        self._is_silence_expected = not target.is_sending
        self._keypad.connect(target)
        if self._rtcp is not None:
            self._rtcp.connect(target, self._srtp)
        self._ticker.add(self, self._sender.voice.packet_ms)

    def send_digits_by(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Let key presses go by `send` where the trunk wants them in the signalling (INFO)."""
        self._send_info = send

    async def play(self, pcm: bytes) -> None:
        """Play `pcm` after what is being played; see `AudioSink`. Raises `LineClosed`."""
        async with self._playing:
            await self._send_all(lambda: self._sender.play(pcm))

    async def send_digits(self, digits: str) -> None:
        """Send each of `0-9*#A-D` for 100 ms with 80 ms of pause. Raises `LineClosed`.

        They go as telephone events, as tones or by INFO, as the trunk wants them.
        """
        if self._is_dtmf_by_info and self._send_info is not None:
            if self._is_closed:
                raise LineClosed
            return await self._send_info(digits)
        async with self._playing:
            self._keypad.ignore_echo(len(digits))
            await self._send_all(lambda: self._sender.play_digits(digits))

    async def next_digit(self) -> str:
        """Wait for a key press; the last 32 are kept until asked for. Raises `LineClosed`."""
        return await self._keypad.next()

    async def frames(self) -> AsyncIterator[bytes]:
        """20 ms PCM frames from the first read on, until the call ends; see `AudioSource`."""
        reader: Mailbox[bytes] = Mailbox(_KEPT_FRAMES)
        if self._is_closed:
            reader.close()
        self._readers.add(reader)
        try:
            while True:
                yield await reader.get()
        except LineClosed:
            return
        finally:
            self._readers.discard(reader)
            self._dropped_frames += reader.dropped

    def start_recording(self, path: Path) -> None:
        """Record both sides to a WAV at `path`, from now to `close`.

        A disk that fails is logged and ends the recording, never the call.
        """
        if self._recording is None and not self._is_closed:
            self._recording = self._recorder.start(path)

    def inject_digit(self, digit: str) -> None:
        """A key press that came by INFO: heard like any other; tones are no longer listened for."""
        self._keypad.put_info(digit)

    @property
    def silent_for_s(self) -> float:
        """Seconds since the far end's last RTP or `connect`; 0 while it holds us, or before it."""
        if self._is_silence_expected or self._is_closed:
            return 0.0
        return self._receiver.silent_ticks * PTIME_MS / 1000

    @property
    def quality(self) -> MediaQuality | None:
        """What was measured so far; None before any packet was sent or heard."""
        reports = self._rtcp.reports if self._rtcp else None
        return media_quality(self._sender, self._receiver, reports, is_srtp=self._srtp is not None)

    @property
    def statistics(self) -> RtpStatistics:
        sequence = self._receiver.sequence
        return RtpStatistics(
            sent=self._sender.packets - self._send_errors,
            send_errors=self._send_errors,
            received=sequence.received,
            lost=sequence.lost,
            late=self._receiver.playout.buffer.late,
            duplicates=sequence.duplicates,
            strangers=self._receiver.strangers,
            invalid=self._receiver.invalid,
            dropped_frames=self._dropped_frames + sum(r.dropped for r in self._readers),
        )

    async def close(self) -> None:
        """Stop sending, free the port and end every waiting call with `LineClosed`.

        Returns when the recording is whole. Closing again does nothing.
        """
        self.end_line()
        if self._recording is not None:
            recording, self._recording = self._recording, None
            await self._recorder.finish(recording)

    def end_line(self) -> None:
        """Nothing more is played or heard: every waiting call ends with `LineClosed`, now.

        Also what the ticker does to a session that fails: the callee gets a BYE, not silence.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._ticker.remove(self)
        if self._rtcp is not None:
            self._rtcp.close(self._sender, self._receiver)
        self._socket.close()
        if self._has_played is not None and not self._has_played.done():
            self._has_played.set_exception(LineClosed())
        self._keypad.close()
        for reader in self._readers:
            reader.close()

    async def _send_all(self, start: Callable[[], None]) -> None:
        if self._is_closed:
            raise LineClosed
        start()
        if self._sender.is_idle:
            return
        self._has_played = asyncio.get_running_loop().create_future()
        try:
            await self._has_played
        except asyncio.CancelledError:
            self._sender.stop()
            raise
        finally:
            self._has_played = None

    def send_frame(self, skipped: int) -> None:
        """For the ticker."""
        packet = self._sender.next_packet(skipped)
        if self._recording is not None:
            self._recording.add_sent(self._sender.voice.sent)
        if packet is not None and (peer := self._receiver.peer):
            self._send(packet, peer)
            if self._sender.is_idle and self._has_played and not self._has_played.done():
                self._has_played.set_result(None)

    def hear_frame(self, skipped: int) -> None:
        """For the ticker."""
        self._receiver.silent_ticks += 1 + skipped
        self._read_socket()
        if self._rtcp is not None:
            self._rtcp.tick(self._sender, self._receiver, skipped)
        playout = self._receiver.playout
        if not self._readers and self._recording is None and not self._keypad.listens:
            return playout.skip(skipped)
        pcm = playout.frame(skipped)
        for reader in self._readers:
            reader.put(pcm)
        if self._recording is not None:
            self._recording.add(pcm, skipped)
        if self._keypad.listens:
            self._keypad.hear(pcm, self._receiver)

    def _read_socket(self) -> None:
        for datagram, source, at in read(self._socket, _MOST_DATAGRAMS):
            if self.tap:
                self.tap.on_rtp(datagram, source, (self._offer.address, self._offer.port))
            digit = self._receiver.receive(datagram, source, at)
            if digit is not None:
                self._keypad.put(digit)

    def _send(self, packet: bytes, peer: Address) -> None:
        try:
            if self._srtp is not None:
                packet = self._srtp.protect(packet)
            if self.tap:
                self.tap.on_rtp(packet, (self._offer.address, self._offer.port), peer)
            self._socket.sendto(packet, peer)
        except OSError:  # a full buffer or no route now: this frame is lost, the next may pass
            self._send_errors += 1

    def _discard_early_datagrams(self) -> None:
        """What came before anyone was listening would only be played late."""
        with suppress(OSError):
            for _ in range(_MOST_EARLY_DATAGRAMS):
                self._socket.recv(_LARGEST_DATAGRAM)

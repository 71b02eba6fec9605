"""The audio that a call hears: a frame a tick out of the jitter buffer, decoded and mended."""

from collections import deque

from movoice_box.domain.audio import FRAME_BYTES
from movoice_box.domain.media import PTIME_MS, SAMPLES_PER_FRAME, Codec
from movoice_box.rtp.codecs import Decoder, decoder_of
from movoice_box.rtp.concealment import (
    SILENT_FRAME,
    ComfortNoise,
    Concealment,
    is_quiet,
    shorten,
)
from movoice_box.rtp.jitter import Buffered, JitterBuffer

_SAMPLE_BYTES = 2
_HISTORY_FRAMES = 3  # what a concealment wants to know
_PATIENCE_TICKS = 3000 // PTIME_MS  # to wait for a pause before speech itself is shortened
_URGENT = 5 * SAMPLES_PER_FRAME  # of delay too much: shortened at once
_OPUS_STEP = 20  # samples: 2.5 ms


class Playout:
    """Plays one stream after another; a change of codec or SSRC starts a new decoder.

    The delay follows the buffer's depth: frames are left out or repeated in pauses of the voice,
    and where none comes in 3 s, or 100 ms are at stake, the voice is shortened by a pitch period
    or held for a frame.
    """

    __slots__ = (
        "_concealment",
        "_decoder",
        "_impatience",
        "_late_seen",
        "_noise",
        "_noise_level",
        "_pcm",
        "_recent",
        "_stream",
        "buffer",
        "is_made_up",
        "repeated_frames",
        "skipped_frames",
    )

    def __init__(self) -> None:
        self.buffer = JitterBuffer()
        self.skipped_frames = 0
        self.repeated_frames = 0
        self.is_made_up = False
        """Some of the last frame stands in for what did not come."""
        self._stream: tuple[int, Codec] | None = None
        self._decoder: Decoder | None = None
        self._pcm = b""  # decoded, not yet played
        self._recent: deque[bytes] = deque(maxlen=_HISTORY_FRAMES)
        self._concealment: Concealment | None = None
        self._noise = ComfortNoise()
        self._noise_level: int | None = None  # -dBov, in a pause that the sender leaves out
        self._impatience = 0
        self._late_seen = 0  # packets for which the delay has grown already

    def frame(self, skipped: int = 0) -> bytes:
        """The next 20 ms as PCM, `skipped` ticks after the last; silence before any packet."""
        if not self.buffer.has_begun:
            return SILENT_FRAME
        if skipped:
            self.buffer.advance(skipped)
        self.is_made_up = False
        self._fill(FRAME_BYTES)
        excess = self.buffer.excess(len(self._pcm) // _SAMPLE_BYTES)
        if excess >= SAMPLES_PER_FRAME or excess <= -SAMPLES_PER_FRAME:
            self._adapt(excess)
        else:
            self._impatience, self._late_seen = 0, self.buffer.late
        frame, self._pcm = self._pcm[:FRAME_BYTES], self._pcm[FRAME_BYTES:]
        self._recent.append(frame)
        self.buffer.advance()
        return frame

    def skip(self, skipped: int = 0) -> None:
        """Let a frame pass that nobody hears."""
        if not self.buffer.has_begun:
            return
        self._pcm, self._concealment, self._decoder, self._stream = b"", None, None, None
        self._recent.clear()
        self.buffer.advance(skipped)
        excess = self.buffer.excess(decoded=0)
        if excess > -SAMPLES_PER_FRAME and not self.buffer.runs_dry():
            self.buffer.skip(SAMPLES_PER_FRAME * (2 if excess >= SAMPLES_PER_FRAME else 1))
        self.buffer.advance()

    def _fill(self, wanted: int) -> None:
        """Decode until `wanted` bytes are there to be played."""
        while (missing := wanted - len(self._pcm)) > 0:
            packet = self.buffer.take()
            if packet is None:
                self._pcm += self._gap(missing // _SAMPLE_BYTES)
            elif packet.codec is None:
                self._noise_level = packet.payload[0] & 0x7F
            else:
                self._pcm += self._decode(packet, packet.codec)

    def _decode(self, packet: Buffered, codec: Codec) -> bytes:
        if self._decoder is None or self._stream != (packet.ssrc, codec):
            self._stream, self._decoder = (packet.ssrc, codec), decoder_of(codec)
        pcm = self._decoder.decode(packet.payload)
        played = self.buffer.position - packet.start
        if played > 0:
            pcm = pcm[_SAMPLE_BYTES * played :]
        self.buffer.position += len(pcm) // _SAMPLE_BYTES
        self._noise_level = None
        if self._concealment is not None and pcm:
            pcm, self._concealment = self._concealment.merge(pcm), None
        return pcm

    def _gap(self, samples: int) -> bytes:
        """What to play where there is no packet; when dry, without moving on."""
        following = self.buffer.waiting
        if following is not None:
            samples = min(samples, following.start - self.buffer.position)
            self.buffer.position += samples
        if self._noise_level is not None:
            return self._noise.fill(samples, self._noise_level)
        self.is_made_up = True
        return self._conceal(samples, following)

    def _conceal(self, samples: int, following: Buffered | None) -> bytes:
        if self._decoder is None:
            return bytes(_SAMPLE_BYTES * samples)
        own = self._conceal_by_codec(self._decoder, samples, following)
        if own is not None:
            return own
        if self._concealment is None:
            self._concealment = Concealment(b"".join(self._recent) + self._pcm)
        return self._concealment.fill(samples)

    def _conceal_by_codec(
        self, decoder: Decoder, samples: int, following: Buffered | None
    ) -> bytes | None:
        """Of whole steps of the codec; the packet that comes next may hold a copy of this one."""
        steps = -(-samples // _OPUS_STEP) * _OPUS_STEP
        is_last = following is not None and following.start <= self.buffer.position
        copy = following.payload if following is not None and is_last else b""
        own = decoder.conceal(steps, copy)
        if own is None:
            return None
        return own[: _SAMPLE_BYTES * samples].ljust(_SAMPLE_BYTES * samples, b"\0")

    def _adapt(self, excess: int) -> None:
        """Bring the delay nearer to the depth: by a frame in a pause, else when it has to be."""
        self._impatience += 1
        is_urgent = self._impatience > _PATIENCE_TICKS or abs(excess) >= _URGENT
        frame = self._pcm[:FRAME_BYTES]
        if excess < 0:
            if is_quiet(frame):
                self._pcm = frame + self._pcm
            elif is_urgent or self.buffer.late > self._late_seen:
                self._hold()
            else:
                return
            self.repeated_frames += 1
        elif self.buffer.waiting is not None or len(self._pcm) > FRAME_BYTES:
            if is_quiet(frame):
                self._pcm = self._pcm[FRAME_BYTES:]
                self._fill(FRAME_BYTES)
            elif is_urgent:
                self._fill(2 * FRAME_BYTES)
                self._pcm = shorten(self._pcm)
                self._fill(FRAME_BYTES)
            else:
                return
            self.skipped_frames += 1

    def _hold(self) -> None:
        """Say the end of what was heard for a frame longer."""
        held = Concealment(b"".join(self._recent))
        self._pcm = held.fill(SAMPLES_PER_FRAME) + held.merge(self._pcm)

"""The key presses that a call hears, by whatever way they come: each of them once."""

from movoice_box.domain.media import PTIME_MS, MediaTarget
from movoice_box.rtp.dtmf import PAUSE_MS, TONE_MS
from movoice_box.rtp.inband_dtmf import InbandDigits
from movoice_box.rtp.mailbox import Mailbox
from movoice_box.rtp.receiver import RtpReceiver

_KEPT = 32
_ECHO_TICKS = 1000 // PTIME_MS  # until the far end's echo of our tones has died away


class Keypad:
    """Telephone events and INFO are put in; tones are listened for where there is neither."""

    __slots__ = ("_inband", "_is_info_heard", "_pressed")

    def __init__(self) -> None:
        self._pressed: Mailbox[str] = Mailbox(_KEPT)
        self._inband: InbandDigits | None = None
        self._is_info_heard = False

    @property
    def listens(self) -> bool:
        """Whether it wants to hear the audio."""
        return self._inband is not None

    def connect(self, target: MediaTarget) -> None:
        """Tones are for a far end that has said it sends no telephone events."""
        needs_tones = target.telephone_event_payload_type is None and not self._is_info_heard
        self._inband = (self._inband or InbandDigits()) if needs_tones else None

    def put(self, digit: str) -> None:
        """A telephone event."""
        self._pressed.put(digit)

    def put_info(self, digit: str) -> None:
        """By INFO: tones are no longer listened for, which may say the same again."""
        self._is_info_heard, self._inband = True, None
        self._pressed.put(digit)

    def hear(self, pcm: bytes, receiver: RtpReceiver) -> None:
        """The frame that is played."""
        if receiver.has_telephone_events:
            self._inband = None  # it sends events after all, and may send both
        elif self._inband is not None:
            digit = self._inband.hear(pcm, is_made_up=receiver.playout.is_made_up)
            if digit is not None:
                self._pressed.put(digit)

    def ignore_echo(self, presses: int) -> None:
        """So many presses of our own go out, which may come back as tones."""
        if self._inband is not None:
            self._inband.ignore(presses * (TONE_MS + PAUSE_MS) // PTIME_MS + _ECHO_TICKS)

    async def next(self) -> str:
        """Wait for a press; the last 32 are kept until asked for. Raises `LineClosed`."""
        return await self._pressed.get()

    def close(self) -> None:
        self._pressed.close()

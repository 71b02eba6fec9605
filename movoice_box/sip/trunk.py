"""What the dialer asks of a trunk, whichever driver carries it.

async with asyncio.timeout(...):
    dialog = await trunk.invite(number, offer)      # the INVITE is on its way
    while not isinstance(event := await dialog.next_event(), Ended):
        ...                                         # Ringing, EarlyMedia, Answered, MediaChanged
await dialog.end()                                  # CANCEL or BYE, whichever is due
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from movoice_box.domain.audio import CallAudio
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer, MediaTarget
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount


@dataclass(frozen=True, slots=True)
class Ringing:
    """A 180 or 183: the callee's phone is being alerted."""

    sip_status: int


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """A provisional response with SDP: audio may come before the answer."""

    media: MediaTarget


@dataclass(frozen=True, slots=True)
class Answered:
    """The 200 arrived and was acknowledged.

    `audio` is set only by a driver that carries RTP itself; `media` is None then.
    """

    media: MediaTarget | None
    audio: CallAudio | None = None


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """A re-INVITE moved or held the media."""

    media: MediaTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The call is over; no event follows.

    `sip_status` is the final response to the INVITE (200 when it was answered), None where none
    came. `q850_cause` is from a Reason header (RFC 3326). `ended_by` tells who ended it.
    """

    disposition: Disposition
    sip_status: int | None = None
    sip_reason: str = ""
    q850_cause: int | None = None
    ended_by: Literal["callee", "box", "network"] = "network"


DialogEvent = Ringing | EarlyMedia | Answered | MediaChanged | Ended


class Dialog(Protocol):
    """One outgoing call, from its INVITE to its end (RFC 3261 section 12)."""

    @property
    def sip_call_id(self) -> str: ...

    async def next_event(self) -> DialogEvent:
        """Wait for what happens next. After `Ended`, returns the same `Ended` again."""
        ...

    async def end(self) -> None:
        """End the call from our side, whatever its state: CANCEL before the answer, BYE after it.

        Returns once the peer confirmed or 2 s have passed; `Ended` follows from `next_event`.
        Calling it again, or after the end, does nothing.
        """
        ...


class Trunk(Protocol):
    """A way to the telephone network."""

    @property
    def account(self) -> TrunkAccount: ...

    async def run(self) -> None:
        """Keep the trunk registered where it asks for it; run until cancelled."""
        ...

    async def reach(self) -> None:
        """Do all that takes time before an INVITE, so that the next one leaves at once.

        Raises `TrunkError` when it is known by now that there is no way to the far end.
        """
        ...

    async def invite(self, to: PhoneNumber, offer: MediaOffer) -> Dialog:
        """Send an INVITE. Raises `TrunkError` when the trunk cannot be reached at all.

        The driver ends the call with `no_answer` when `account.ring_timeout_s` passes, and always
        delivers `Ended` within a bounded time, whatever the peer does.
        """
        ...

    def local_address(self) -> str:
        """The address of this box as the trunk's host sees it, for the SDP. Raises `TrunkError`."""
        ...

    async def test(self) -> "TrunkStatus":
        """Ask the far end whether it is there: OPTIONS, and REGISTER where the account asks."""
        ...

    @property
    def status(self) -> "TrunkStatus":
        """What is known of the trunk now, for pages."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkStatus:
    """`is_up` is None before anything is known. `detail` says what happened and what to do."""

    is_up: bool | None
    detail: str
    round_trip_ms: float | None = None
    is_registered: bool | None = None

"""What the dialer asks of a trunk, whichever driver carries it.

async with asyncio.timeout(...):
    dialog = await trunk.invite(number, offer)      # the INVITE is on its way
    while not isinstance(event := await dialog.next_event(), Ended):
        ...                                         # Ringing, EarlyMedia, Answered, MediaChanged
await dialog.end()                                  # CANCEL or BYE, whichever is due

A call that comes in is an `IncomingCall`: the same dialog, once it was answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from movoice_box.domain.audio import CallAudio
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer, MediaTarget
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount

TRANSFER_REFUSED = "transfer_refused"
"""Code of the `TrunkError` of a far end that takes no REFER: it has rung nobody."""


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
    """The 200 arrived and was acknowledged; of an incoming call: the ACK came.

    `audio` is set only by a driver that carries RTP itself; `media` is None then.
    """

    media: MediaTarget | None
    audio: CallAudio | None = None


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """A re-INVITE or UPDATE moved, held, resumed or re-coded the media."""

    media: MediaTarget


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One of `0-9*#A-D` by SIP INFO."""

    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The call is over; no event follows.

    `sip_status` is the final response to the INVITE (200 when it was answered), None where none
    came. `q850_cause` is from a Reason header (RFC 3326). `ended_by` tells who ended it.
    `has_rung` tells that a phone may have rung: such a call goes to no other trunk.
    `retry_after_s` is how long the far end wants to be left alone (503, RFC 3261 21.5.4).
    """

    disposition: Disposition
    sip_status: int | None = None
    sip_reason: str = ""
    q850_cause: int | None = None
    ended_by: Literal["callee", "box", "network"] = "network"
    has_rung: bool = False
    retry_after_s: float | None = None


DialogEvent = Ringing | EarlyMedia | Answered | MediaChanged | KeyPressed | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What one call says of itself. `caller_id` None is the trunk's own.

    `call_id` goes into the header that the trunk wants it in. `written` is the number as it is
    dialed, where a GSM port's digits stand before it; None as the trunk's own rules write it.
    """

    caller_id: str | None = None
    call_id: str = ""
    written: str | None = None


NO_DETAILS = CallDetails()


class Dialog(Protocol):
    """One call, from its INVITE to its end (RFC 3261 section 12)."""

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

    async def transfer(self, to: PhoneNumber) -> None:
        """Hand the other person to `to` by REFER (RFC 3515); returns when that number answered.

        The far end ends our dialog then, or `end` does. Raises `TrunkError` where that fails, with
        code `TRANSFER_REFUSED` where the far end did not even try; the call goes on then.
        """
        ...

    async def send_digits(self, digits: str) -> None:
        """Send each of `0-9*#A-D` by SIP INFO, one after another. Raises `TrunkError`."""
        ...

    async def probe(self) -> None:
        """Ask the far end whether the call still exists; where not, `Ended` follows.

        For a call that has not been heard for some time: OPTIONS inside the dialog.
        """
        ...


class IncomingCall(Protocol):
    """A call to this box from a known trunk, ringing until `answer` or `refuse`.

    `caller` is the number that calls as the trunk writes it, "" where it is withheld; `called` the
    one that was dialed. Left alone it is refused when the trunk's ring timeout has passed.
    """

    @property
    def account(self) -> TrunkAccount: ...

    @property
    def caller(self) -> str: ...

    @property
    def called(self) -> str: ...

    def answer(self, offer: MediaOffer) -> Dialog:
        """Answer with 200 and our media. `Answered` follows from the dialog, or `Ended`.

        Raises `SdpError` where there is no common codec; the call has been refused then.
        """
        ...

    def refuse(self, sip_status: int) -> None:
        """Refuse with a final response such as 486; nothing where the caller gave up already."""
        ...


IncomingHandler = Callable[[IncomingCall], None]
"""Takes each call that comes in, at once: it may not wait."""


class Trunk(Protocol):
    """A way to the telephone network."""

    @property
    def account(self) -> TrunkAccount: ...

    async def run(self) -> None:
        """Keep the trunk registered and its health known; run until cancelled."""
        ...

    async def reach(self) -> None:
        """Do all that takes time before an INVITE, so that the next one leaves at once.

        Waits for the first outcome of a registration, and some seconds for a lost one to return.
        Raises `TrunkError` when it is known by now that there is no way to the far end.
        """
        ...

    async def invite(
        self, to: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> Dialog:
        """Send an INVITE. Raises `TrunkError` when the trunk cannot be reached at all.

        Whatever a redirection says, `to` is the only number that the call can ring: it was asked
        for in the do-not-disturb list, and another one was not. Such a call ends as `failed`.

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
        """What is known of the trunk now, for pages and for the choice of a trunk."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkStatus:
    """`is_up` is None before anything is known. `detail` says what happened and what to do.

    `registered_until` is when the registration ends unless it is refreshed.
    """

    is_up: bool | None
    detail: str
    round_trip_ms: float | None = None
    is_registered: bool | None = None
    registered_until: datetime | None = None

"""Handing the other person over by REFER, as the one who asks for it (RFC 3515).

The far end takes the REFER with a 202, calls the new number itself and reports by NOTIFY what that
call answers, as the first line of a response (sipfrag, RFC 3420). Some gateways report nothing and
hang up on us once the other two talk.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sipmessage import URI

from movoice_box.errors import TrunkError
from movoice_box.sip.dialog_client import DialogClient, Outcome
from movoice_box.sip.exchange import LoopTimers
from movoice_box.sip.headers import NameAddr
from movoice_box.sip.messages import HeaderList, Request, Response
from movoice_box.sip.timers import StartTimer, StopTimer
from movoice_box.sip.trunk import TRANSFER_REFUSED

REPORT_S = 32.0  # until the first report
ANSWER_S = 180.0  # for the new number to ring; each report starts it anew

_STATUS_LINE = re.compile(rb"\s*SIP/2\.0 +([1-6]\d\d)(?: +([^\r\n]*))?", re.I)
_NO_TRANSFERS = (405, 501)
_CALL_IS_LOST = (408, 481)  # RFC 3261 12.2.1.2


class State(Enum):
    ASKED = auto()  # the REFER is on its way
    ACCEPTED = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Done:
    """The transfer is over; `failure` says why it did not succeed, "" where it did.

    With `is_refused` the far end took no part in it: nobody else can have been rung.
    """

    failure: str = ""
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a NOTIFY says of the new call. `status` is None where that cannot be read."""

    status: int | None
    phrase: str
    is_last: bool

    @classmethod
    def of(cls, notify: Request) -> "Report":
        match = _STATUS_LINE.match(notify.body)
        state = (notify.get("Subscription-State") or "").strip().lower()
        return cls(
            status=int(match[1]) if match else None,
            phrase=(match[2] or b"").decode("utf-8", "replace").strip() if match else "",
            is_last=state.startswith("terminated"),
        )


Action = Done | StartTimer | StopTimer


class Transfer:
    """Feed it what the far end says; `Done` comes once, in bounded time. A pure machine."""

    def __init__(self, to: str) -> None:
        self.state = State.ASKED
        self._to = to

    def on_response(self, response: Response) -> list[Action]:
        """The final response to the REFER."""
        if self.state is not State.ASKED:
            return []
        if response.status < 300:
            self.state = State.ACCEPTED
            return [StartTimer("transfer", REPORT_S)]
        said = f"{response.status} {response.phrase}".strip()
        why = f"the far end refused to transfer the call to {self._to}: {said}"
        if response.status in _NO_TRANSFERS:
            why = f"the far end cannot transfer calls: it answered REFER with {said}"
        return self._done(why, is_refused=response.status not in _CALL_IS_LOST)

    def on_failure(self) -> list[Action]:
        """No response to the REFER will come."""
        if self.state is not State.ASKED:
            return []
        return self._done("the far end did not answer the REFER")

    def on_report(self, report: Report) -> list[Action]:
        """A NOTIFY; it may overtake the 202 (RFC 3515 2.4.4)."""
        if self.state is State.DONE:
            return []
        self.state = State.ACCEPTED
        status = report.status
        if status is not None and 200 <= status < 300:
            return self._done()
        if status is not None and status >= 300:
            said = f"{status} {report.phrase}".strip()
            return self._done(f"the transfer to {self._to} failed: {said}")
        if report.is_last:
            return self._done(
                f"the far end stopped reporting before {self._to} answered: the transfer failed"
            )
        return [StartTimer("transfer", ANSWER_S)]

    def on_bye(self) -> list[Action]:
        """The far end hung up on us: after its 202 that is how some say that all went well."""
        if self.state is State.ACCEPTED:
            return self._done()
        return self.on_lost()

    def on_lost(self) -> list[Action]:
        """The call ended otherwise."""
        if self.state is State.DONE:
            return []
        return self._done(f"the call ended before it was transferred to {self._to}")

    def on_timer(self, name: str) -> list[Action]:
        if name != "transfer" or self.state is not State.ACCEPTED:
            return []
        return self._done(f"no word of the transfer to {self._to} in time: did it answer?")

    def _done(self, failure: str = "", *, is_refused: bool = False) -> list[Action]:
        self.state = State.DONE
        return [StopTimer("transfer"), Done(failure, is_refused)]


class Referral:
    """A `Transfer` on the wire of one call."""

    def __init__(
        self, client: DialogClient, to: URI, guard: Callable[[Callable[[], object]], None]
    ) -> None:
        self._client = client
        self._to = to
        self._transfer = Transfer(to.user or str(to))
        self._timers = LoopTimers(
            lambda name: guard(lambda: self._perform(self._transfer.on_timer(name)))
        )
        self._done: asyncio.Future[Done] = asyncio.get_running_loop().create_future()

    @property
    def is_over(self) -> bool:
        return self._transfer.state is State.DONE

    async def run(self) -> None:
        """Send the REFER and follow it to its end. Raises `TrunkError`."""
        headers = refer_headers(self._to, self._client.dialog.caller.from_)
        self._client.send("REFER", self._on_outcome, headers)
        try:
            done = await self._done
        finally:  # also where nobody waits for the outcome any more
            self._perform(self._transfer.on_lost())
        if done.failure:
            raise TrunkError(done.failure, code=TRANSFER_REFUSED if done.is_refused else None)

    def on_notify(self, notify: Request) -> None:
        self._perform(self._transfer.on_report(Report.of(notify)))

    def on_bye(self) -> None:
        self._perform(self._transfer.on_bye())

    def on_lost(self) -> None:
        self._perform(self._transfer.on_lost())

    def _on_outcome(self, outcome: Outcome) -> None:
        if isinstance(outcome, Response):
            self._perform(self._transfer.on_response(outcome))
        else:
            self._perform(self._transfer.on_failure())

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case StartTimer(name, seconds):
                    self._timers.start(name, seconds)
                case StopTimer(name):
                    self._timers.stop(name)
                case Done() if not self._done.done():
                    self._done.set_result(action)


def refer_headers(to: URI, from_: str) -> HeaderList:
    """Refer-To (RFC 3515 2.1), and who asks, by Referred-By (RFC 3892 2.1)."""
    return [("Refer-To", f"<{to}>"), ("Referred-By", f"<{NameAddr.parse(from_).uri}>")]


def is_report(notify: Request) -> bool:
    """Whether a NOTIFY is of a REFER (RFC 3515 2.4.6)."""
    return (notify.get("Event") or "").partition(";")[0].strip().lower() == "refer"

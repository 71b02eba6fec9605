"""Session timers (RFC 4028): who refreshes the session, when, and when it is over. A pure machine.

A session that nobody refreshes in time is over: so a gateway that died is noticed in a call in
which nobody speaks. A far end that knows no such timers gets none imposed; it is asked by OPTIONS
at the same pace whether it still knows the call.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, Self

from movoice_box.sip.messages import HeaderList, Message, Request, Response
from movoice_box.sip.timers import StartTimer, StopTimer

SESSION_S = 1800  # what section 4 recommends
MIN_SE_S = 90  # below it nobody may ask (section 5)
_SHORTEST_S = 4  # answered by a far end that breaks the rule: a refresh every 2 s, not more
_MOST_BRIEF = 3  # refusals by 422 in a row that are worth another try

SUPPORTED = ("Supported", "timer")


class Step(Enum):
    """What the call does when a timer is due."""

    REFRESH = auto()  # send UPDATE or re-INVITE with `request_headers`
    PROBE = auto()  # send OPTIONS
    EXPIRE = auto()  # nobody refreshed in time: end the call


Action = Step | StartTimer | StopTimer


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """A Session-Expires header; the refresher is meant as of its own transaction (section 4)."""

    seconds: int
    refresher: Literal["uac", "uas"] | None = None

    @classmethod
    def of(cls, message: Message) -> Self | None:
        """None where there is none, or none that can be read."""
        seconds = message.seconds("Session-Expires")
        if seconds is None:
            return None
        for parameter in (message.get("Session-Expires") or "").lower().split(";")[1:]:
            match "".join(parameter.split()):
                case "refresher=uac":
                    return cls(seconds, "uac")
                case "refresher=uas":
                    return cls(seconds, "uas")
        return cls(seconds)


def supports_timer(message: Message) -> bool:
    names = ",".join([*message.values("Supported"), *message.values("Require")])
    return "timer" in names.lower().replace(" ", "").split(",")


class SessionTimer:
    """The timer of one call, through all of its INVITEs and UPDATEs.

    Timers: `refresh`, when we are to act; `expire`, when the far end should have long acted.
    """

    def __init__(self) -> None:
        self._interval_s = SESSION_S
        self._min_se_s = MIN_SE_S
        self._is_agreed = False
        self._is_refresher = True
        self._brief_in_a_row = 0

    def request_headers(self) -> HeaderList:
        """For an INVITE or UPDATE of ours (sections 7.1 and 7.4)."""
        expires = str(self._interval_s)
        if self._is_agreed:
            expires += f";refresher={'uac' if self._is_refresher else 'uas'}"
        headers = [SUPPORTED, ("Session-Expires", expires)]
        if self._min_se_s > MIN_SE_S:  # a 422 said so: the others on the way must hear it
            headers.append(("Min-SE", str(self._min_se_s)))
        return headers

    def on_too_brief(self, response: Response) -> bool:
        """A 422: True where the request is to be sent anew, with a longer interval (7.3)."""
        minimum = response.seconds("Min-SE")
        self._brief_in_a_row += 1
        if not minimum or minimum <= self._interval_s or self._brief_in_a_row > _MOST_BRIEF:
            return False
        self._interval_s = self._min_se_s = minimum
        return True

    def on_accepted(self, response: Response) -> list[Action]:
        """A 2xx to our INVITE or UPDATE (7.2)."""
        self._brief_in_a_row = 0
        agreed = SessionExpires.of(response)
        if agreed:
            self._interval_s = max(agreed.seconds, _SHORTEST_S)
        return self._agree(agreed is not None, is_refresher=not agreed or agreed.refresher != "uas")

    def is_too_brief(self, request: Request) -> bool:
        """An INVITE or UPDATE of the far end to be refused with 422 and `MIN_SE` (section 9)."""
        wanted = SessionExpires.of(request)
        return wanted is not None and wanted.seconds < MIN_SE_S and supports_timer(request)

    def accept(self, request: Request) -> tuple[HeaderList, list[Action]]:
        """The headers of our 2xx to an INVITE or UPDATE of the far end, and what follows (9).

        Where it leaves the choice to us, the refresher stays who it was, and is us at first.
        """
        wanted = SessionExpires.of(request)
        is_supported = supports_timer(request)
        if wanted is None and not is_supported:
            return [], self._agree(False, is_refresher=True)
        if wanted:
            self._interval_s = max(wanted.seconds, _SHORTEST_S)
        else:
            self._interval_s = max(self._interval_s, request.seconds("Min-SE") or 0)
        is_refresher = self._is_refresher or not is_supported
        if is_supported and wanted and wanted.refresher:
            is_refresher = wanted.refresher == "uas"
        refresher = "uas" if is_refresher else "uac"
        headers = [("Session-Expires", f"{self._interval_s};refresher={refresher}")]
        if is_supported:
            headers.append(("Require", "timer"))
        return headers, self._agree(True, is_refresher=is_refresher)

    def on_alive(self) -> list[Action]:
        """The far end answered a probe, or refused a refresh without denying the call.

        A refused refresh is tried again, a few times before the session is over.
        """
        pause_s = self._interval_s / (12 if self._is_agreed else 2)
        return [StartTimer("refresh", pause_s)]

    def on_timer(self, name: str) -> list[Action]:
        match name:
            case "refresh":
                return [Step.REFRESH if self._is_agreed else Step.PROBE]
            case "expire":
                return [Step.EXPIRE]
            case _:
                return []

    def _agree(self, is_agreed: bool, *, is_refresher: bool) -> list[Action]:
        """Refresh at half of the interval, give up somewhat before its end (section 10)."""
        self._is_agreed, self._is_refresher = is_agreed, is_refresher
        refresh: Action = StopTimer("refresh")
        if is_refresher:
            refresh = StartTimer("refresh", self._interval_s / 2)
        if not is_agreed:
            return [refresh, StopTimer("expire")]
        return [refresh, StartTimer("expire", self._interval_s - min(32, self._interval_s / 3))]


TOO_BRIEF: HeaderList = [("Min-SE", str(MIN_SE_S))]
"""The header of a 422."""

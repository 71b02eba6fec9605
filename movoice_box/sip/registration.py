"""When to REGISTER, and what the answers mean: a pure machine (RFC 3261 10.2)."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import URI

from movoice_box.errors import SipError
from movoice_box.sip.headers import NameAddr, split_list
from movoice_box.sip.messages import Response

EXPIRES_S = 300  # also keeps the path open in NATs and firewalls
_REFRESH_AT = 0.8  # of what was granted
_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 300.0
_LONGEST_WAIT_S = 3600.0  # whatever the server says: one that forgets us must not lose us for days
_REFUSED = (401, 403, 404, 407)  # our name or password: asking often gets the box banned


@dataclass(frozen=True, slots=True)
class Register:
    """Wait `in_s`, then send a REGISTER that asks for `expires_s`."""

    expires_s: int
    in_s: float = 0.0


class Registration:
    """Feed it the outcome of each REGISTER; do what it returns.

    `jitter` draws a wait between two bounds, so that many boxes do not come back at once.
    """

    def __init__(
        self, trunk_name: str, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self.is_registered: bool | None = None
        """None before the first outcome."""
        self.is_refused = False
        """The server knows us and wants us not: waiting does not help."""
        self.detail = f"trunk '{trunk_name}' is not registered yet"
        self.granted_s: int | None = None
        """How long the binding lasts from its 200 on; None while there is none."""
        self._trunk_name = trunk_name
        self._jitter = jitter
        self._expires_s = EXPIRES_S
        self._failures = 0
        self._moves = 0

    def start(self) -> Register:
        return Register(self._expires_s)

    def on_response(self, response: Response, contact: URI) -> Register:
        """A final response, after challenges; `contact` is the binding we asked for."""
        status = response.status
        if 200 <= status < 300 and (granted := _granted(response, contact, self._expires_s)):
            self.is_registered, self.is_refused, self._failures = True, False, 0
            self.granted_s = granted
            self.detail = f"registered for {granted} s"
            wait_s = min(max(1.0, _REFRESH_AT * granted), _LONGEST_WAIT_S)
            return Register(self._expires_s, wait_s)
        minimum = response.seconds("Min-Expires") or 0
        if status == 423 and minimum > self._expires_s and self._failures == 0:  # 10.2.8
            self._expires_s, self._failures = minimum, 1
            return Register(minimum)
        advice = ": check the user name and password" if status in _REFUSED else ""
        again = self.on_failure(
            f"it answered {status} {response.phrase}{advice}", is_refused=status in _REFUSED
        )
        asked_s = min(response.seconds("Retry-After") or 0.0, _LONGEST_WAIT_S)
        return Register(self._expires_s, max(again.in_s, asked_s))

    def on_refresh(self) -> None:
        """A REGISTER goes out because it is time to."""
        self._moves = 0

    def on_moved(self) -> Register:
        """The server sees us at another address than the one we gave: register that one.

        At once; one that moves again and again, as behind some NATs, waits ever longer.
        """
        wait_s = min(_FIRST_RETRY_S * 2 ** (self._moves - 1), _LONGEST_RETRY_S)
        if self._moves == 0:
            wait_s = 0.0
        self._moves = min(self._moves + 1, 10)
        return Register(self._expires_s, wait_s)

    def on_failure(self, reason: str, *, is_refused: bool = False) -> Register:
        """No final response, or a challenge that we cannot answer: later again, ever later."""
        self.is_registered, self.is_refused, self.granted_s = False, is_refused, None
        self.detail = f"trunk '{self._trunk_name}' is not registered: {reason}"
        longest = min(_FIRST_RETRY_S * 2**self._failures, _LONGEST_RETRY_S)
        if is_refused:
            longest = _LONGEST_RETRY_S
        self._failures = min(self._failures + 1, 10)
        return Register(self._expires_s, self._jitter(longest / 2, longest))

    def stop(self) -> Register | None:
        """The last REGISTER, which removes our binding (10.2.2); None where there is none."""
        if not self.is_registered:
            return None
        self.is_registered, self.detail, self.granted_s = False, "unregistered", None
        return Register(0)


def _granted(response: Response, contact: URI, asked: int) -> int:
    """How long our binding lasts, in seconds (RFC 3261 10.3, step 8)."""
    try:
        bindings = [NameAddr.parse(value) for value in split_list(response.values("Contact"))]
    except SipError:
        bindings = []
    for binding in bindings:
        ours = (contact.user, contact.host, contact.port)
        expires = binding.parameters.get("expires", "")
        is_ours = (binding.uri.user, binding.uri.host, binding.uri.port) == ours
        if is_ours and expires.isascii() and expires.isdigit():
            return int(expires[:9])
    expires_header = response.seconds("Expires")
    return asked if expires_header is None else expires_header

"""Keeping one account registered (RFC 3261 10.2): the shell around `Registration`."""

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from sipmessage import URI

from movoice_box.clock import Clock
from movoice_box.errors import TrunkError
from movoice_box.sip.dialog import readable_routes
from movoice_box.sip.digest import CREDENTIALS_REFUSED, Authenticator
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Response
from movoice_box.sip.registration import Register, Registration
from movoice_box.sip.timers import Failure

logger = logging.getLogger(__name__)

_UNREGISTER_S = 2.0
_FIRST_OUTCOME_S = 5.0
_COMES_BACK_S = 3.0


class RegistrarClient:
    """Sends what `state` decides. One Call-ID and rising CSeq for the life of the trunk (10.2)."""

    def __init__(self, line: Line, clock: Clock) -> None:
        account = line.account
        self.state = Registration(account.name)
        self.registered_until: datetime | None = None
        self._line = line
        self._clock = clock
        self._authenticator = Authenticator(account.username, account.password)
        self._call_id = secrets.token_hex(16)
        self._cseq = 0
        self._bound: URI | None = None
        self._is_running = False
        self._busy = asyncio.Lock()
        self._has_outcome = asyncio.Event()
        self._is_registered = asyncio.Event()
        self._has_moved = asyncio.Event()

    async def run(self) -> None:
        """Stay registered until cancelled, then take the binding back."""
        due = self.state.start()
        self._is_running = True
        self._line.on_reconnect = self._has_moved.set
        try:
            while True:
                if await self._moved_within(due.in_s):
                    due = self.state.on_moved()
                    await asyncio.sleep(due.in_s)
                else:
                    self.state.on_refresh()
                due = await self._register(due)
        finally:
            self._is_running = False
            self._line.on_reconnect = None
            await self._unregister()

    async def reach(self) -> None:
        """Wait for the first outcome, and some seconds for a lost registration to return.

        Raises `TrunkError` where there is none by then.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_OUTCOME_S):
                await self._has_outcome.wait()
            if not self.state.is_refused:
                async with asyncio.timeout(_COMES_BACK_S):
                    await self._is_registered.wait()
        if not self.state.is_registered:
            raise TrunkError(self.state.detail)

    def on_learned(self) -> None:
        """The line may know our public address better than the server does."""
        if self.state.is_registered and self._bound != self._line.contact_uri:
            self._has_moved.set()

    async def test(self, wait_s: float) -> None:
        """Register once, now."""
        try:
            async with asyncio.timeout(wait_s):
                await self._register(self.state.start())
        except TimeoutError:
            self.state.on_failure(Failure.TIMEOUT.explain(self._line.peer, wait_s))

    async def release(self) -> None:
        """Take the binding back, unless `run` keeps it."""
        if not self._is_running:
            await self._unregister()

    async def _register(self, due: Register) -> Register:
        async with self._busy:
            was_registered, detail = self.state.is_registered, self.state.detail
            try:
                again = self.state.on_response(*await self._send(due))
            except TrunkError as error:
                is_refused = error.code == CREDENTIALS_REFUSED
                again = self.state.on_failure(error.message, is_refused=is_refused)
            if (self.state.is_registered, self.state.detail) != (was_registered, detail):
                level = logging.INFO if self.state.is_registered else logging.WARNING
                logger.log(level, "registration: %s", self.state.detail)
            self._publish()
            return again

    def _publish(self) -> None:
        """Tell who waits what became of the last REGISTER."""
        lasts = timedelta(seconds=self.state.granted_s or 0)
        self.registered_until = self._clock.now() + lasts if lasts else None
        if self.state.is_registered:
            self._is_registered.set()
        else:
            self._is_registered.clear()
        self._has_outcome.set()
        self.on_learned()

    async def _moved_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._has_moved.wait()
        except TimeoutError:
            return False
        return True

    async def _unregister(self) -> None:
        if (last := self.state.stop()) is None:
            return
        self._publish()
        try:
            async with asyncio.timeout(_UNREGISTER_S):
                await self._send(last)
        except (TrunkError, TimeoutError) as error:
            logger.info("the registration was left to expire: %s", error or "no answer")

    async def _send(self, due: Register) -> tuple[Response, URI]:
        """The final response after all challenges, and the Contact sent. Raises `TrunkError`."""
        line = self._line
        destination = await line.find()
        self._authenticator.start_over()
        uri, identity = line.uri(None), line.uri(line.user)
        while True:
            self._cseq += 1
            self._has_moved.clear()
            contact = line.contact_uri
            caller = replace(line.caller(line.user, self._call_id), preloaded=line.own_route)
            headers = [("Expires", str(due.expires_s)), ("Supported", "path")]  # RFC 3327 5.1
            if self._bound not in (None, contact):
                headers.append(("Contact", f"<{self._bound}>;expires=0"))
            request = caller.request(
                "REGISTER",
                uri,
                f"<{identity}>",
                self._cseq,
                headers=[*headers, *self._authenticator.headers("REGISTER", str(uri))],
            )
            outcome = await line.endpoint.ask(request, destination)
            if isinstance(outcome, Failure):
                raise TrunkError(outcome.explain(line.peer, line.endpoint.timers.timeout, "F"))
            line.learn(outcome)
            if outcome.status < 300:
                self._bound = contact
                line.service_route = tuple(readable_routes(outcome, "Service-Route"))
            if outcome.status not in (401, 407):
                return outcome, contact
            self._authenticator.answer(outcome)

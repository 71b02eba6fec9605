"""Keeping one account registered (RFC 3261 10.2): the shell around `Registration`."""

import asyncio
import logging
import secrets

from sipmessage import URI

from movoice_box.errors import TrunkError
from movoice_box.sip.digest import CREDENTIALS_REFUSED, Authenticator
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Response
from movoice_box.sip.registration import Register, Registration
from movoice_box.sip.timers import Failure

logger = logging.getLogger(__name__)

_UNREGISTER_S = 2.0


class RegistrarClient:
    """Sends what `state` decides. One Call-ID and rising CSeq for the life of the trunk (10.2)."""

    def __init__(self, line: Line) -> None:
        account = line.account
        self.state = Registration(account.name)
        self._line = line
        self._authenticator = Authenticator(account.username, account.password)
        self._call_id = secrets.token_hex(16)
        self._cseq = 0
        self._is_running = False
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Stay registered until cancelled, then take the binding back."""
        due = self.state.start()
        self._is_running = True
        try:
            while True:
                await asyncio.sleep(due.in_s)
                due = await self._register(due)
        finally:
            self._is_running = False
            await self._unregister()

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
            return again

    async def _unregister(self) -> None:
        if (last := self.state.stop()) is None:
            return
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
            contact = line.contact_uri
            request = line.caller(line.user, self._call_id).request(
                "REGISTER",
                uri,
                f"<{identity}>",
                self._cseq,
                headers=[
                    ("Expires", str(due.expires_s)),
                    *self._authenticator.headers("REGISTER", str(uri)),
                ],
            )
            outcome = await line.endpoint.ask(request, destination)
            if isinstance(outcome, Failure):
                raise TrunkError(outcome.explain(line.peer, line.endpoint.timers.timeout, "F"))
            line.learn(outcome)
            if outcome.status not in (401, 407):
                return outcome, contact
            self._authenticator.answer(outcome)

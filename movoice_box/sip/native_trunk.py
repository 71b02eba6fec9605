"""The native SIP driver: a trunk reached over the box's own user agent (the `Trunk` Protocol)."""

import asyncio
import contextlib
import secrets
from dataclasses import replace

from movoice_box.clock import Clock
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.headers import NameAddr
from movoice_box.sip.identity import identity_of
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Response
from movoice_box.sip.native_dialog import NativeDialog
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.registrar import RegistrarClient
from movoice_box.sip.targets import Targets
from movoice_box.sip.timers import Failure
from movoice_box.sip.trunk import NO_DETAILS, CallDetails, Ended, TrunkStatus

_TEST_S = 5.0


class NativeTrunk:
    """Calls, registration and tests of one account over a shared `SipEndpoint`."""

    def __init__(self, account: TrunkAccount, endpoint: SipEndpoint, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._endpoint = endpoint
        self._line = Line(account, endpoint)
        self._registrar = RegistrarClient(self._line) if account.register else None
        self._status = TrunkStatus(is_up=None, detail="not tried yet")

    @property
    def account(self) -> TrunkAccount:
        return self._account

    @property
    def status(self) -> TrunkStatus:
        if self._registrar is None:
            return self._status
        registration = self._registrar.state
        return replace(
            self._status,
            is_up=registration.is_registered,
            is_registered=registration.is_registered,
            detail=registration.detail,
        )

    async def run(self) -> None:
        """Find the host, keep registered where the account asks; run until cancelled."""
        await self._endpoint.ready()
        if self._registrar:
            await self._registrar.run()
        try:
            await self._line.find()
        except TrunkError as error:
            self._status = TrunkStatus(is_up=False, detail=error.message)
        await asyncio.Event().wait()

    async def reach(self) -> None:
        """Look up the host."""
        await self._line.find()

    async def invite(
        self, to: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> NativeDialog:
        account, line = self._account, self._line
        identity = identity_of(account, details, line.uri(line.user))
        uri = line.uri(details.written or account.number_writing.write(to))
        candidates = await line.candidates()
        caller = line.caller(line.user)
        tag = NameAddr.parse(caller.from_).tag
        dialog = NativeDialog(
            line,
            replace(caller, from_=f"{identity.from_};tag={tag}"),
            Targets(uri, candidates, self._is_own_host if account.follows_redirects else None),
            identity.headers,
            MediaNegotiation(offer, session_id=secrets.randbits(48)),
            self._note,
        )
        dialog.start()
        return dialog

    def _is_own_host(self, host: str) -> bool:
        return host.lower() == self._account.host.lower() or self._line.is_at(host)

    def local_address(self) -> str:
        return self._line.local_address()

    async def test(self) -> TrunkStatus:
        """OPTIONS, answered within 5 s by whatever status, then REGISTER where it is due."""
        try:
            self._status = await self._ping()
        except TrunkError as error:
            self._status = TrunkStatus(is_up=False, detail=error.message)
        if self._registrar is None:
            return self._status
        await self._registrar.test(_TEST_S)
        status = self.status
        await self._registrar.release()
        return status

    async def _ping(self) -> TrunkStatus:
        line, destination = self._line, await self._line.find()
        uri = line.uri(None)
        options = line.caller(line.user).request("OPTIONS", uri, f"<{uri}>", 1)
        started = self._clock.monotonic()
        outcome: Response | Failure = Failure.TIMEOUT
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TEST_S):
                outcome = await self._endpoint.ask(options, destination)
        if isinstance(outcome, Failure):
            return TrunkStatus(is_up=False, detail=outcome.explain(line.peer, _TEST_S))
        line.learn(outcome)
        return TrunkStatus(
            is_up=True,
            detail=f"answered OPTIONS with {outcome.status} {outcome.phrase}",
            round_trip_ms=1000 * (self._clock.monotonic() - started),
        )

    def _note(self, outcome: Response | Ended) -> None:
        """What a call shows of the trunk."""
        if isinstance(outcome, Response):
            self._line.learn(outcome)
            detail = f"answered a call with {outcome.status} {outcome.phrase}"
            self._status = replace(self._status, is_up=True, detail=detail)
        elif outcome.disposition is Disposition.UNREACHABLE:
            self._status = TrunkStatus(is_up=False, detail=outcome.sip_reason)

"""The native SIP driver: a trunk reached over the box's own user agent (the `Trunk` Protocol)."""

import asyncio
import contextlib
import secrets
from dataclasses import replace

from movoice_box.clock import Clock
from movoice_box.domain.call import Disposition
from movoice_box.domain.media import MediaOffer
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import Transport, TrunkAccount
from movoice_box.errors import TrunkError
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.headers import NameAddr
from movoice_box.sip.health import Health
from movoice_box.sip.identity import identity_of
from movoice_box.sip.incoming_call import Reception
from movoice_box.sip.line import Line
from movoice_box.sip.messages import Response
from movoice_box.sip.native_dialog import NativeDialog
from movoice_box.sip.negotiation import MediaNegotiation
from movoice_box.sip.registrar import RegistrarClient
from movoice_box.sip.targets import Targets
from movoice_box.sip.timers import Failure
from movoice_box.sip.transport import Destination
from movoice_box.sip.trunk import NO_DETAILS, CallDetails, Ended, IncomingHandler, TrunkStatus

_TEST_S = 5.0
_HEALTH_PER_T1 = 60  # OPTIONS every 30 s


class NativeTrunk:
    """Calls, registration and tests of one account over a shared `SipEndpoint`."""

    def __init__(
        self,
        account: TrunkAccount,
        endpoint: SipEndpoint,
        clock: Clock,
        on_call: IncomingHandler | None = None,
    ) -> None:
        """`on_call` takes the calls that come in; without it they get 486."""
        self._account = account
        self._clock = clock
        self._endpoint = endpoint
        self._line = Line(account, endpoint)
        if on_call:
            self._line.on_invite = Reception(self._line, on_call).on_invite
        self._registrar = RegistrarClient(self._line, clock) if account.register else None
        self._health = Health(every_s=_HEALTH_PER_T1 * endpoint.timers.t1)
        self._is_watched = False
        self._was_lost = asyncio.Event()
        self._detail = "not tried yet"
        self._round_trip_ms: float | None = None

    @property
    def account(self) -> TrunkAccount:
        return self._account

    @property
    def status(self) -> TrunkStatus:
        if self._registrar is None:
            return TrunkStatus(
                is_up=self._health.is_up, detail=self._detail, round_trip_ms=self._round_trip_ms
            )
        registration = self._registrar.state
        return TrunkStatus(
            is_up=registration.is_registered,
            detail=registration.detail,
            round_trip_ms=self._round_trip_ms,
            is_registered=registration.is_registered,
            registered_until=self._registrar.registered_until,
        )

    async def run(self) -> None:
        """Keep registered where the account asks, else ask by OPTIONS; run until cancelled."""
        await self._endpoint.ready()
        self._is_watched = True
        try:
            if self._registrar:
                await self._registrar.run()
            while True:
                await self._probe()
                await self._pause()
        finally:
            self._is_watched = False
            self._line.close()

    async def reach(self) -> None:
        """Look up the host, and wait for a registration; a trunk known to be down is not tried."""
        await self._line.find()
        if self._registrar:
            await self._registrar.reach()
        elif self._is_watched and self._health.is_up is False:
            raise TrunkError(f"trunk '{self._account.name}' is down: {self._detail}")

    async def invite(
        self, to: PhoneNumber, offer: MediaOffer, details: CallDetails = NO_DETAILS
    ) -> NativeDialog:
        account, line = self._account, self._line
        identity = identity_of(account, details, line.uri(line.user))
        uri = line.uri(details.written or account.number_writing.write(to))
        if account.transport is Transport.TLS:  # our Contact is our end of the connection
            await line.find()
        candidates = await line.candidates()
        caller = line.caller(line.user)
        tag = NameAddr.parse(caller.from_).tag
        dialog = NativeDialog(
            line,
            replace(caller, from_=f"{identity.from_};tag={tag}"),
            Targets(
                uri,
                candidates,
                self._is_own_host if account.follows_redirects else None,
                is_proxied=account.proxy is not None,
            ),
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
        why = await self._probe()
        if self._registrar is None:
            return replace(self.status, is_up=False, detail=why) if why else self.status
        await self._registrar.test(_TEST_S)
        status = self.status
        await self._registrar.release()
        return status

    async def _pause(self) -> None:
        """Wait for the next OPTIONS: not so long once a call found nobody there."""
        self._was_lost.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._health.pause_s):
                await self._was_lost.wait()
        if self._was_lost.is_set():
            await asyncio.sleep(self._health.pause_s)

    async def _probe(self) -> str:
        """Ask by OPTIONS; says why there was no answer."""
        line, self._round_trip_ms = self._line, None
        try:
            destination = await line.find()
            started = self._clock.monotonic()
            outcome = await self._ask(destination)
        except TrunkError as error:
            self._detail = error.message
            self._health.on_unreachable()
            return error.message
        if isinstance(outcome, Response):
            self._learn(outcome)
            self._round_trip_ms = 1000 * (self._clock.monotonic() - started)
            self._detail = f"answered OPTIONS with {outcome.status} {outcome.phrase}"
            self._health.on_answer()
            return ""
        line.mark_failed(destination)
        why = outcome.explain(line.peer, _TEST_S)
        if outcome is Failure.UNREACHABLE:
            self._health.on_unreachable()
        else:
            self._health.on_silence()
        if self._health.is_up is None:
            self._detail = f"{why} Some gateways answer no OPTIONS: a call will tell"
        elif not self._health.is_up:
            self._detail = why
        return why

    async def _ask(self, destination: Destination) -> Response | Failure:
        line = self._line
        uri = line.uri(None)
        options = line.caller(line.user).request("OPTIONS", uri, f"<{uri}>", 1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TEST_S):
                return await self._endpoint.ask(options, destination)
        return Failure.TIMEOUT

    def _learn(self, response: Response) -> None:
        """Take note of our public address, which a registration may have to follow."""
        self._line.learn(response)
        if self._registrar:
            self._registrar.on_learned()

    def _note(self, outcome: Response | Ended) -> None:
        """What a call shows of the trunk."""
        if isinstance(outcome, Response):
            self._learn(outcome)
            self._detail = f"answered a call with {outcome.status} {outcome.phrase}"
            self._health.on_call_answered()
        elif outcome.disposition is Disposition.UNREACHABLE:
            self._detail = outcome.sip_reason
            self._health.on_unreachable()
            self._was_lost.set()

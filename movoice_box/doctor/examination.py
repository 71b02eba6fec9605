"""A trunk examined from its name to its audio: `async for finding in examination.run(...)`."""

from collections.abc import AsyncGenerator, Callable

from movoice_box.clock import Clock
from movoice_box.doctor.call import CallRequest, TestCall
from movoice_box.doctor.findings import Finding, Level, failure, note
from movoice_box.doctor.judgement import judge_call
from movoice_box.doctor.signalling import examine_options, examine_registration, examine_way
from movoice_box.doctor.wire import Wire
from movoice_box.domain.trunk import TrunkAccount, TrunkDriver
from movoice_box.errors import BoxError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.settings import Rtp
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.line import Line
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.registrar import RegistrarClient


class Examination:
    """Everything that can be measured of `account` over `endpoint`, whose `tap` is the wire.

    `rtp` has the ports of `media`; `tell` hears of what takes long, while it does.
    """

    def __init__(
        self,
        account: TrunkAccount,
        endpoint: SipEndpoint,
        media: MediaEngine,
        wire: Wire,
        clock: Clock,
        rtp: Rtp,
        tell: Callable[[str], None],
    ) -> None:
        self._account = account
        self._endpoint = endpoint
        self._media = media
        self._wire = wire
        self._clock = clock
        self._rtp = rtp
        self._tell = tell
        self._line = Line(account, endpoint)
        self._registrar = RegistrarClient(self._line, clock) if account.register else None

    async def run(self, request: CallRequest | None) -> AsyncGenerator[Finding, None]:
        """Find on, until something fails that makes the rest impossible.

        With `request` a call is placed. Close the iterator to take the registration back.
        """
        if self._account.driver is TrunkDriver.PYVOIP:
            yield note("driver", "examined with the box's own SIP; calls of this trunk use pyVoIP")
        steps = [examine_way(self._line), examine_options(self._line, self._endpoint, self._clock)]
        if self._registrar:
            steps.append(examine_registration(self._registrar, self._line, self._wire))
        try:
            for step in steps:
                has_failed = False
                async for finding in step:
                    has_failed |= finding.level is Level.FAILURE
                    yield finding
                if has_failed:
                    return
            if request is not None:
                for finding in await self._call(request):
                    yield finding
        finally:
            if self._registrar:
                await self._registrar.release()
            self._line.close()

    async def _call(self, request: CallRequest) -> list[Finding]:
        trunk = NativeTrunk(self._account, self._endpoint, self._clock)
        call = TestCall(trunk, self._media, self._wire, self._clock, self._tell)
        try:
            record = await call.place(request)
        except BoxError as error:
            return [failure("call", error.message)]
        return list(judge_call(self._account, record, self._wire, self._rtp))

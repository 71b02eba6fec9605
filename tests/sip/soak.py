"""Many short calls of every kind at once, and what they may leave behind: nothing."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from movoice_box.clock import SystemClock
from movoice_box.domain.media import MediaTarget
from movoice_box.domain.trunk import Transport
from movoice_box.errors import SdpError, TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.settings import Rtp
from movoice_box.sip.endpoint import SipEndpoint
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.trunk import Answered, Dialog, EarlyMedia, Ended, IncomingCall, MediaChanged
from tests.peers import sipp_caller
from tests.peers.sipp import sipp_carrier
from tests.peers.sipp_caller import maybe, pause, receive, send
from tests.peers.sockets import free_port
from tests.sip.ends import NUMBER, an_account

BY_UDP = (
    *("answer", "callee_hangs_up", "refuse", "challenge", "fork", "reliable_ringing"),
    *("ring_then_answer", "ring_out", "answer_crosses_cancel", "hold_and_resume", "overloaded"),
    *("no_sdp", "deaf_after_answer", "record_route", "ignore_cancel", "early_media"),
    *("foreign_codec", "mute_gateway", "redirect_away", "never_satisfied", "offerless_reinvite"),
)
BY_TCP = ("answer", "refuse", "ring_then_answer", "overloaded", "ring_out")
_ELSEWHERE = "sip:elsewhere@192.0.2.1"
_LONGEST_S = 3.0

_TALK = (
    send("INVITE", sdp=sipp_caller.SDP),
    *(maybe(100), maybe(180), receive(200), send("ACK", in_dialog=True), pause(50)),
    *(send("BYE", cseq=2, in_dialog=True), receive(200)),
)
_GIVE_UP = (
    send("INVITE", branch="z9hG4bK[call_number]-[pid]", sdp=sipp_caller.SDP),
    *(receive(100), receive(180), send("CANCEL", branch="z9hG4bK[call_number]-[pid]")),
    *(receive(200), receive(487), send("ACK", branch="z9hG4bK[call_number]-[pid]")),
)


@dataclass(frozen=True)
class Holdings:
    """What an endpoint and its process have in hand."""

    dialogs: int
    transactions: int
    tasks: int
    sockets: int
    timers: int

    @classmethod
    def of(cls, endpoint: SipEndpoint) -> Self:
        timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        return cls(
            dialogs=endpoint.live_dialogs,
            transactions=endpoint.live_transactions,
            tasks=len(asyncio.all_tasks()),
            sockets=sum(map(_is_socket, os.listdir("/proc/self/fd"))),
            timers=sum(not timer.cancelled() for timer in timers),
        )

    def is_within(self, before: Self) -> bool:
        """Whether nothing is held beyond what was, but for a timer of a keep-alive."""
        return (
            self.dialogs <= before.dialogs
            and self.transactions <= before.transactions
            and self.tasks <= before.tasks
            and self.sockets <= before.sockets
            and self.timers <= before.timers + 1
        )


def _is_socket(descriptor: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    except FileNotFoundError:  # the one by which the list was read
        return False


@dataclass
class Soak:
    """The box's side: calls go out by any of `trunks`, and what comes in is taken or refused."""

    endpoint: SipEndpoint
    media: MediaEngine
    chance: random.Random
    trunks: list[NativeTrunk] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    async def call_out(self, trunk: NativeTrunk, gives_up_s: float) -> None:
        """One call, ended by whoever is first."""
        session = await self.media.open(trunk.local_address())
        try:
            dialog = await trunk.invite(NUMBER, session.offer)
            await self._follow(dialog, session, gives_up_s)
        except TrunkError:
            self.ends["no way"] += 1
        finally:
            await session.close()

    def take(self, incoming: IncomingCall) -> None:
        self.group.create_task(self._take(incoming, self.chance.uniform(0, 0.1)))

    async def _take(self, incoming: IncomingCall, after_s: float) -> None:
        await asyncio.sleep(after_s)
        session = await self.media.open("127.0.0.1")
        try:
            await self._follow(incoming.answer(session.offer), session, _LONGEST_S)
        except SdpError:
            self.ends["no codec"] += 1
        finally:
            await session.close()

    async def _follow(self, dialog: Dialog, session: RtpSession, gives_up_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(gives_up_s):
                while not isinstance(event := await dialog.next_event(), Ended):
                    match event:
                        case (
                            EarlyMedia(MediaTarget() as media)
                            | Answered(MediaTarget() as media)
                            | MediaChanged(media)
                        ):
                            session.connect(media)
        await dialog.end()
        while not isinstance(event := await dialog.next_event(), Ended):
            pass
        self.ends[str(event.disposition)] += 1


@asynccontextmanager
async def a_soak(folder: Path, endpoint: SipEndpoint, seed: int, calls: int) -> AsyncIterator[Soak]:
    """A SIPp for each scenario and transport, and a trunk to each."""
    media = MediaEngine(Rtp(port_min=20_000, port_max=29_998), SystemClock())
    soak = Soak(endpoint, media, random.Random(seed))
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        running = group.create_task(media.run())
        for transport, scenarios in ((Transport.UDP, BY_UDP), (Transport.TCP, BY_TCP)):
            for scenario in scenarios:
                workdir = folder / f"{transport}-{scenario}"
                workdir.mkdir()
                carrier = sipp_carrier(
                    *(workdir, scenario),
                    calls=10 * calls,
                    is_judge=False,
                    by_tcp=transport is Transport.TCP,
                    port=free_port(),
                    target=_ELSEWHERE,
                )
                address = await stack.enter_async_context(carrier)
                account = an_account(address, transport=transport, ring_timeout_s=10, name=scenario)
                trunk = NativeTrunk(account, endpoint, SystemClock(), soak.take)
                await trunk.reach()
                soak.trunks.append(trunk)
        yield soak
        running.cancel()


async def run(soak: Soak, folder: Path, calls: int, every_s: float) -> None:
    """`calls` go out, one every so often and each given up at a random moment; others come in."""
    chance, at = soak.chance, soak.endpoint.address
    async with soak.group as group:
        for name, messages in (("talk", _TALK), ("give_up", _GIVE_UP)):
            workdir = folder / name
            workdir.mkdir()
            calling = sipp_caller.call(workdir, at, *messages, calls=max(5, calls // 20))
            group.create_task(calling)
        for number in range(calls):
            gives_up_s = chance.choice([0.0, chance.uniform(0, 0.5), _LONGEST_S])
            trunk = soak.trunks[number % len(soak.trunks)]
            group.create_task(soak.call_out(trunk, gives_up_s))
            await asyncio.sleep(every_s)

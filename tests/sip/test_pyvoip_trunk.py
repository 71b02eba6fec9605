"""pyVoIP as a driver: what it can, what becomes of what it cannot, and that it stays in its box."""

import asyncio
import os
import signal
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from movoice_box.bench.peers import sipp_gateway
from movoice_box.clock import SystemClock
from movoice_box.domain.audio import CallAudio, LineClosed
from movoice_box.domain.call import Disposition
from movoice_box.domain.phone import PhoneNumber
from movoice_box.domain.trunk import TrunkDriver
from movoice_box.errors import InputError, TrunkError
from movoice_box.rtp.engine import MediaEngine
from movoice_box.rtp.session import RtpSession
from movoice_box.settings import Rtp
from movoice_box.sip.pyvoip_trunk import PyvoipTrunk
from movoice_box.sip.trunk import Answered, Dialog, Ended
from tests.peers.test_baresip_media import GREETING, REPLY, find
from tests.rtp.ends import LOOPBACK, Ear, a_target
from tests.sip.drivers import a_driver, a_pyvoip_trunk
from tests.sip.ends import NUMBER, OFFER, an_account, events_of, true_soon, until

pytestmark = pytest.mark.peer

HASTY = {"ring_timeout_s": 1}


@dataclass(frozen=True)
class Talk:
    """A call that is up: the box's audio over pyVoIP, and the callee's end of it."""

    trunk: PyvoipTrunk
    dialog: Dialog
    box: CallAudio
    callee: RtpSession


@asynccontextmanager
async def a_talk() -> AsyncIterator[Talk]:
    media = MediaEngine(Rtp(port_min=30_000, port_max=39_998), SystemClock())
    async with (
        sipp_gateway() as (port, _),
        a_pyvoip_trunk((LOOPBACK, port)) as trunk,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(media.run())
        callee, box = await media.open(LOOPBACK), await media.open(LOOPBACK)
        dialog = await trunk.invite(PhoneNumber(f"+91{callee.offer.port}"), box.offer)
        answered = await until(dialog, Answered)
        assert answered.audio is not None
        callee.connect(a_target(box.offer.port + 1))
        yield Talk(trunk, dialog, answered.audio, callee)
        await dialog.end()
        for session in (callee, box):
            await session.close()
        running.cancel()


def children() -> set[int]:
    threads = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for thread in threads for pid in thread.read_text().split()}


def host_of(trunk: PyvoipTrunk) -> int:
    """The process that hosts pyVoIP."""
    (pid,) = (p for p in children() if b"pyvoip.host" in Path(f"/proc/{p}/cmdline").read_bytes())
    return pid


async def test_both_sides_recognise_each_other_although_in_8_bits() -> None:
    async with a_talk() as talk, asyncio.TaskGroup() as group:
        ears = Ear(talk.callee, group), Ear(talk.box, group)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as speaking:
            speaking.create_task(talk.box.play(GREETING))
            speaking.create_task(talk.callee.play(REPLY))
        await asyncio.sleep(0.3)
        await talk.dialog.end()
        await talk.callee.close()

    for clip, ear in zip((GREETING, REPLY), ears, strict=True):
        found = find(clip, ear.pcm)
        assert found.likeness > 0.9
        assert found.energy == pytest.approx(1, abs=0.15)


async def test_keys_of_the_callee_are_heard_and_kept_until_asked_for() -> None:
    async with a_talk() as talk:
        await talk.callee.send_digits("15#")
        async with asyncio.timeout(5):
            assert [await talk.box.next_digit() for _ in range(3)] == ["1", "5", "#"]


async def test_a_clip_that_is_cut_short_is_heard_cut_short() -> None:
    async with a_talk() as talk, asyncio.TaskGroup() as group:
        ear = Ear(talk.callee, group)
        speaking = group.create_task(talk.box.play(GREETING))
        await asyncio.sleep(0.6)
        speaking.cancel()
        await asyncio.sleep(0.5)
        await talk.callee.close()

    assert find(GREETING, ear.pcm).energy < 0.45


async def test_every_wait_ends_when_the_call_does() -> None:
    async with a_talk() as talk, asyncio.TaskGroup() as group:
        ear = Ear(talk.box, group)  # type: ignore[arg-type]
        waits = [
            group.create_task(_raises_line_closed(talk.box.play(GREETING))),
            group.create_task(_raises_line_closed(talk.box.play(GREETING))),
            group.create_task(_raises_line_closed(talk.box.next_digit())),
        ]
        await asyncio.sleep(0.1)
        await talk.dialog.end()
        await asyncio.wait([*waits, ear.task], timeout=5)
        assert all(wait.done() for wait in waits)
        await _raises_line_closed(talk.box.play(GREETING))
        await _raises_line_closed(talk.box.next_digit())


async def _raises_line_closed(wait: Any) -> None:
    with pytest.raises(LineClosed):
        await wait


async def test_digits_cannot_be_sent_and_the_error_says_what_to_do() -> None:
    async with a_talk() as talk:
        with pytest.raises(TrunkError, match="use the native driver"):
            await talk.box.send_digits("1")


@pytest.mark.parametrize("scenario", ["answer", "proxy_challenge"])
async def test_what_pyvoip_waits_out_ends_as_failed_within_the_ring_timeout(
    scenario: str, tmp_path: Path
) -> None:
    async with a_driver(TrunkDriver.PYVOIP, tmp_path, scenario, HASTY, is_judge=False) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert isinstance(ended, Ended)
    assert ended.disposition is Disposition.FAILED
    assert ended.sip_reason.startswith("pyVoIP saw no 100, 180 or 401 in 1 s")


@pytest.mark.parametrize("status", ["486", "603"])
async def test_busy_and_refused_end_as_unanswered_and_say_that_they_may_not_be(
    status: str, tmp_path: Path
) -> None:
    async with a_driver(
        TrunkDriver.PYVOIP, tmp_path, "refuse", HASTY, is_judge=False, status=status
    ) as trunk:
        ended = (await events_of(await trunk.invite(NUMBER, OFFER)))[-1]

    assert isinstance(ended, Ended)
    assert ended.disposition is Disposition.NO_ANSWER
    assert "pyVoIP does not tell busy and refused from unanswered" in ended.sip_reason


async def test_an_answer_after_the_ring_timeout_is_hung_up_on(tmp_path: Path) -> None:
    async with a_driver(TrunkDriver.PYVOIP, tmp_path, "answer_after_ring_timeout", HASTY) as trunk:
        events = await events_of(await trunk.invite(NUMBER, OFFER))
        await asyncio.sleep(2.5)

    assert [type(event) for event in events] == [Ended]


async def test_a_call_given_up_while_another_is_dialed_is_never_dialed(tmp_path: Path) -> None:
    async with a_driver(
        TrunkDriver.PYVOIP, tmp_path, "answer", {"ring_timeout_s": 2}, is_judge=False
    ) as trunk:
        stuck = await trunk.invite(NUMBER, OFFER)
        waiting = await trunk.invite(PhoneNumber("+919876500000"), OFFER)
        await waiting.end()
        await events_of(stuck)
        await asyncio.sleep(0.3)
        seen = (tmp_path / "sip.log").read_text()

    assert "INVITE sip:+919876543210" in seen
    assert "+919876500000" not in seen


async def test_a_stuck_call_does_not_hold_up_the_next_for_ever(tmp_path: Path) -> None:
    async with a_driver(TrunkDriver.PYVOIP, tmp_path, "answer", HASTY, is_judge=False) as trunk:
        ends = [await events_of(await trunk.invite(NUMBER, OFFER)) for _ in range(3)]

    assert [type(event) for events in ends for event in events] == [Ended] * 3


async def test_nothing_that_pyvoip_prints_or_changes_reaches_the_box(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    filters = list(warnings.filters)
    async with a_driver(
        TrunkDriver.PYVOIP, tmp_path, "refuse", HASTY, is_judge=False, status="486"
    ) as trunk:
        await events_of(await trunk.invite(NUMBER, OFFER))
    async with a_driver(
        TrunkDriver.PYVOIP, tmp_path, "refuse", HASTY, is_judge=False, status="404"
    ) as trunk:
        await events_of(await trunk.invite(NUMBER, OFFER))

    assert capfd.readouterr() == ("", "")
    assert list(warnings.filters) == filters


async def test_threads_and_sockets_of_ended_calls_are_given_back() -> None:
    media = MediaEngine(Rtp(port_min=30_000, port_max=39_998), SystemClock())
    async with sipp_gateway() as (port, _), a_pyvoip_trunk((LOOPBACK, port)) as trunk:
        host = Path(f"/proc/{host_of(trunk)}")
        before = _threads_and_files(host)
        for _ in range(5):
            box, callee = await media.open(LOOPBACK), await media.open(LOOPBACK)
            dialog = await trunk.invite(PhoneNumber(f"+91{callee.offer.port}"), box.offer)
            await until(dialog, Answered)
            await dialog.end()
            await box.close()
            await callee.close()
        await true_soon(lambda: _threads_and_files(host) <= before)


def _threads_and_files(process: Path) -> tuple[int, int]:
    return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


async def test_a_host_that_is_killed_ends_its_calls_and_is_reported() -> None:
    async with a_talk() as talk:
        os.kill(host_of(talk.trunk), signal.SIGKILL)
        ended = await until(talk.dialog, Ended)
        status = talk.trunk.status

    assert (ended.disposition, ended.sip_reason) == (Disposition.ANSWERED, "pyVoIP has stopped")
    assert (status.is_up, status.detail) == (False, "pyVoIP has stopped")


async def test_the_host_ends_with_the_trunk() -> None:
    async with sipp_gateway() as (port, _), a_pyvoip_trunk((LOOPBACK, port)) as trunk:
        host = host_of(trunk)
    assert host not in children()


def test_an_account_without_registration_is_refused() -> None:
    with pytest.raises(InputError, match="'pyvoip' always registers") as caught:
        an_account((LOOPBACK, 5060), driver=TrunkDriver.PYVOIP)
    assert caught.value.field == "register"

"""How both drivers stay registered, with SIPp as the registrar that sets the pace."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.trunk import TrunkDriver
from movoice_box.errors import TrunkError
from movoice_box.sip.dialog import Caller
from movoice_box.sip.headers import parse_uri
from movoice_box.sip.native_trunk import NativeTrunk
from movoice_box.sip.pyvoip_trunk import PyvoipTrunk
from movoice_box.sip.trunk import IncomingCall, Trunk
from tests.peers.kamailio import kamailio
from tests.peers.sipp import sipp_carrier
from tests.peers.sipp_callee import say, wait_for
from tests.sip.bare import Stranger
from tests.sip.contract import unless_pyvoip
from tests.sip.ends import an_account, an_endpoint, true_soon

pytestmark = pytest.mark.peer

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n"
REMOVED = wait_for("REGISTER", ("Expires", "^ *0")) + say(200)


def granted(seconds: int) -> str:
    return say(200, f"[last_Contact:];expires={seconds}")


@asynccontextmanager
async def registering(driver: TrunkDriver, folder: Path, then: str) -> AsyncIterator[Trunk]:
    """A trunk that runs towards a registrar which plays `then`; stopped at the end."""
    async with (
        sipp_carrier(folder, "register_then", then=then, finish_s=0.5) as registrar,
        an_endpoint() as endpoint,
    ):
        account = an_account(registrar, register=True, driver=driver)
        trunk: Trunk = PyvoipTrunk(account, SystemClock())
        if driver is TrunkDriver.NATIVE:
            trunk = NativeTrunk(account, endpoint, SystemClock())
        running = asyncio.get_running_loop().create_task(trunk.run())
        try:
            yield trunk
        finally:
            running.cancel()
            await asyncio.wait([running])


@pytest.mark.parametrize("driver", unless_pyvoip("refreshes after 115 s, whatever was granted"))
async def test_registration_is_refreshed_before_what_was_granted_runs_out(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    then = wait_for("REGISTER") + granted(2) + wait_for("REGISTER") + granted(60) + REMOVED
    async with registering(driver, tmp_path, then) as trunk:
        async with asyncio.timeout(2.5):
            await true_soon(lambda: trunk.status.detail == "registered for 60 s")
        status = trunk.status

    assert (status.is_up, status.is_registered) == (True, True)
    assert trunk.status.is_registered is False


@pytest.mark.parametrize("driver", unless_pyvoip("asks for the same 120 s again, after 115 s"))
async def test_longer_registration_is_asked_for_where_ours_is_too_brief(
    driver: TrunkDriver, tmp_path: Path
) -> None:
    longer = wait_for("REGISTER", ("Expires", "^ *7200"))
    then = wait_for("REGISTER") + say(423, "Min-Expires: 7200") + longer + granted(7200) + REMOVED
    async with registering(driver, tmp_path, then) as trunk, asyncio.timeout(1.5):
        await true_soon(lambda: trunk.status.detail == "registered for 7200 s")


async def test_registrar_that_is_overloaded_is_left_alone_as_long_as_it_asks(
    tmp_path: Path,
) -> None:
    then = wait_for("REGISTER") + say(503, "Retry-After: 3") + wait_for("REGISTER") + granted(60)
    async with registering(TrunkDriver.NATIVE, tmp_path, then + REMOVED) as trunk:
        await true_soon(lambda: trunk.status.is_up is False)
        refused_at, detail = SystemClock().monotonic(), trunk.status.detail
        with pytest.raises(TrunkError, match="503"):
            await trunk.reach()
        await true_soon(lambda: trunk.status.is_up is True)
        rested_s = SystemClock().monotonic() - refused_at

    assert "it answered 503" in detail
    assert rested_s > 2.9


async def test_accounts_of_one_registrar_are_registered_and_called_apart(tmp_path: Path) -> None:
    """Both have the same Contact but for their users."""
    calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
    async with (
        kamailio(tmp_path) as proxy,
        an_endpoint() as endpoint,
        await Stranger.open() as desk,
    ):
        names = ["asha", "ravi", "meera"]
        trunks = [
            NativeTrunk(
                an_account(("127.0.0.1", proxy.port), name=name, username=name, register=True),
                endpoint,
                SystemClock(),
                calls.put_nowait,
            )
            for name in names
        ]
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(trunk.run()) for trunk in trunks]
            await true_soon(lambda: all(trunk.status.is_up for trunk in trunks))
            called = []
            for name in names:
                desk.send(a_call_to(name, desk, proxy.port), ("127.0.0.1", proxy.port))
                incoming = await asyncio.wait_for(calls.get(), 10)
                incoming.refuse(486)
                called.append((incoming.account.name, incoming.called))
            for task in running:
                task.cancel()

    assert called == [(name, name) for name in names]


def a_call_to(name: str, desk: Stranger, port: int) -> bytes:
    host, own_port = desk.address
    caller = Caller(
        local=desk.address,
        contact=f"<sip:desk@{host}:{own_port}>",
        from_=f"<sip:desk@{host}>;tag=desk",
        call_id=name,
    )
    uri = parse_uri(f"sip:{name}@127.0.0.1:{port}")
    return caller.request("INVITE", uri, f"<{uri}>", 1, sdp=SDP).pack()

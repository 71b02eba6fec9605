"""Failover as carriers make it happen: two SIPps, the dialer between them on a real endpoint."""

from pathlib import Path
from typing import Any

import pytest

from movoice_box.clock import SystemClock
from movoice_box.domain.batch import BatchState
from movoice_box.domain.call import Call, Disposition
from movoice_box.domain.routing import Wish
from movoice_box.domain.trunk import TrunkAccount
from movoice_box.ids import TrunkId
from movoice_box.sip.native_trunk import NativeTrunk
from tests.builders import Office, a_trunk
from tests.dialer.lines import calls_of, dialing, until, waits_for
from tests.peers.sipp import free_udp_port, sipp_carrier
from tests.sip.ends import an_endpoint

pytestmark = pytest.mark.peer


async def _call_over(office: Office, first: int, second: int) -> tuple[Call, str]:
    """One call of a batch that may use either trunk; and why the first takes no more, if so."""
    accounts = (
        a_trunk("gateway", port=first),
        a_trunk("spare", port=second, priority=2),
    )
    async with an_endpoint() as endpoint:

        def build(account: TrunkAccount) -> NativeTrunk:
            return NativeTrunk(account, endpoint, SystemClock())

        async with dialing(office, *accounts, build=build) as dialer:
            batch_id = await office.a_batch(rows=1)
            await until(office, batch_id, state=BatchState.COMPLETED)
            (call,) = await calls_of(office, batch_id)
            return call, waits_for(dialer, Wish(trunk_id=TrunkId("trunk_gateway")))


async def test_a_503_with_retry_after_rests_its_trunk_and_the_next_carries_the_call(
    office: Office, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    words: Any = {"status": "503", "reason": "Retry-After: 60"}
    async with (
        sipp_carrier(first, "refuse_at_once", calls=9, is_judge=False, **words) as (_, full),
        sipp_carrier(second, "callee_hangs_up", calls=9, is_judge=False) as (_, spare),
    ):
        call, why = await _call_over(office, full, spare)
    assert (call.trunk_id, call.disposition) == ("trunk_spare", Disposition.ANSWERED)
    assert "trunk 'gateway' rests: asked for a rest of 60 s" in why


async def test_a_call_that_rang_before_its_503_goes_to_no_other_trunk(
    office: Office, tmp_path: Path
) -> None:
    words: Any = {"status": "503", "reason": "Retry-After: 60"}
    async with sipp_carrier(tmp_path, "refuse", calls=9, is_judge=False, **words) as (_, port):
        call, why = await _call_over(office, port, free_udp_port())
    assert (call.trunk_id, call.sip_status) == ("trunk_gateway", 503)
    assert "rests: asked for a rest of 60 s" in why


async def test_a_port_that_nobody_listens_on_hands_the_call_to_the_next_trunk(
    office: Office, tmp_path: Path
) -> None:
    async with sipp_carrier(tmp_path, "callee_hangs_up", calls=9, is_judge=False) as (_, spare):
        call, _ = await _call_over(office, free_udp_port(), spare)
    assert (call.trunk_id, call.disposition) == ("trunk_spare", Disposition.ANSWERED)

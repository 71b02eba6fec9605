from datetime import timedelta

from movoice_box.domain.call import CallState, Disposition
from movoice_box.domain.port_usage import PortDay
from movoice_box.ids import TrunkId
from movoice_box.store import calls, port_days
from movoice_box.store.database import fetch_all
from tests.builders import START, Office, a_result

GSM = TrunkId("trunk_gsm")


async def _carry(
    office: Office, channel: str | None, *, talk_s: float | None = None, trunk: str = GSM
) -> None:
    """One call after another, on a channel; answered where it talked."""
    batch_id = await office.a_batch(rows=1)
    (call,) = await office.claim(batch_id)
    await office.dial(call, trunk, channel)
    disposition = Disposition.NO_ANSWER
    if talk_s is not None:
        disposition = Disposition.ANSWERED
        now = office.clock.now()
        await office.database.write(lambda db: calls.progress(db, call.id, CallState.TALKING, now))
        office.clock.pass_time(talk_s)
    await office.book.end(batch_id, call, a_result(disposition=disposition))


async def _days(office: Office) -> dict[str, PortDay]:
    async with office.database.reading() as db:
        return await port_days.since(db, GSM, START)


async def test_the_day_of_each_port_is_what_its_calls_were(office: Office) -> None:
    await _carry(office, "SIM 1", talk_s=61)
    await _carry(office, "SIM 1", talk_s=60)
    await _carry(office, "SIM 1")
    office.clock.pass_time(30)
    await _carry(office, "SIM 1")
    await _carry(office, "SIM 2")
    days = await _days(office)
    assert days["SIM 1"] == PortDay(
        calls=4,
        minutes=3,
        answered=2,
        talk_s=121.0,
        unanswered=2,
        last_ended_at=START + timedelta(seconds=151),
    )
    assert (days["SIM 2"].calls, days["SIM 2"].minutes, days["SIM 2"].unanswered) == (1, 0, 1)


async def test_calls_of_yesterday_of_other_trunks_and_without_a_port_do_not_count(
    office: Office,
) -> None:
    office.clock.pass_time(-1)
    await _carry(office, "SIM 1")
    office.clock.pass_time(1)
    await _carry(office, "SIM 1", trunk="trunk_other")
    await _carry(office, None)
    assert await _days(office) == {}


async def test_the_day_is_read_by_an_index(office: Office) -> None:
    seen: list[str] = []
    async with office.database.reading() as db:
        await db.set_trace_callback(seen.append)
        await port_days.since(db, GSM, START)
        await db.set_trace_callback(None)  # type: ignore[arg-type]
        plan = await fetch_all(db, f"EXPLAIN QUERY PLAN {seen[0]}")
    assert any("calls_by_trunk" in row["detail"] for row in plan)

import asyncio

import pytest

from movoice_box.dialer.broadcast import Change
from movoice_box.domain.call import CallState, Disposition, TranscriptLine
from movoice_box.ids import BatchId, CallId
from tests.builders import AGENT_ID, a_result
from tests.web.samples import write_recording
from tests.web.sites import Site
from tests.web.visitor import Visitor

ASKED = {
    "agent_id": AGENT_ID,
    "phone": "98765 43210",
    "variable-name": "Rahul",
    "variable-amount_due": "₹2500",
}


async def test_one_number_is_called(site: Site, visitor: Visitor) -> None:
    placed = await visitor.send("/calls/new", **ASKED)
    call = (await site.api.get(f"/v1{placed.path}")).json()
    assert call["phone"] == "+919876543210"
    assert call["variables"] == {"name": "Rahul", "amount_due": "₹2500"}
    assert "Queued" in placed.words


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"phone": "12"}, "'12' is not a phone number"),
        ({"phone": ""}, "The number is missing."),
        ({"phone": "9811100001"}, "On the do-not-disturb list"),
        ({"variable-name": ""}, "Name is missing"),
    ],
)
async def test_a_number_that_may_not_be_called_is_told(
    site: Site, visitor: Visitor, changes: dict[str, str], told: str
) -> None:
    await site.office.dnd.add("9811100001")
    answer = await visitor.send("/calls/new", **{**ASKED, **changes})
    assert answer.path == "/calls/new"
    assert told in answer.words
    assert 'value="₹2500"' in answer.source


async def test_a_call_is_placed_again_with_what_it_was_about(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=1)
    call_id = await site.call_next(batch_id, a_result())
    source = await visitor.source(f"/calls/new?again={call_id}")
    for value in ("+919876500000", "Rahul", "₹2500"):
        assert f'value="{value}"' in source


async def test_a_call_shows_what_was_said_and_how_it_went(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=1, name="Spring")
    said = (TranscriptLine(0, "agent", "Hello Rahul."), TranscriptLine(65_400, "callee", "1"))
    call_id = await site.call_next(
        batch_id, a_result(transcript=said, collected={"slot": "Friday"}, sip_reason="OK")
    )
    words = await visitor.read(f"/calls/{call_id}")
    assert "Agent 0:00.0 Hello Rahul. Callee 1:05.4 1" in words
    assert "Rahul confirmed." in words
    assert "Rang 4.0 s Talked 10 s SIP 200" in words
    assert "SIP answer 200 OK" in words
    assert "Collected slot Friday" in words
    assert "Spring" in words


async def test_a_refused_call_says_what_the_network_said(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=1)
    result = a_result(
        "BUSY",
        disposition=Disposition.BUSY,
        sip_status=486,
        sip_reason="Busy Here",
        q850_cause=17,
        ended_by="network",
    )
    call_id = await site.call_next(batch_id, result)
    words = await visitor.read(f"/calls/{call_id}")
    assert "SIP answer 486 Busy Here Q.850 cause 17 Ended by the network" in words
    assert "Nobody spoke in this call." in words


async def test_a_recorded_call_has_a_player_and_can_be_heard_in_parts(
    site: Site, visitor: Visitor
) -> None:
    batch_id = await site.office.a_batch(rows=1)
    call_id = await site.call_next(batch_id, a_result(recording="call.wav"))
    write_recording(site.office.settings.recordings / "call.wav")
    source = await visitor.source(f"/calls/{call_id}")
    assert f'<audio controls preload="metadata" src="/v1/calls/{call_id}/recording.wav">' in source
    heard = await visitor.client.get(
        f"/v1/calls/{call_id}/recording.wav", headers={"Range": "bytes=0-3"}
    )
    assert (heard.status_code, heard.content) == (206, b"RIFF")


async def test_calls_are_found_by_number_and_outcome(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=2)
    await site.call_next(batch_id, a_result("BOOKED"))
    await site.call_next(batch_id, a_result("REFUSED"))
    by_number = await visitor.read("/calls?phone=98765 00000")
    assert "+919876500000" in by_number
    assert "+919876500001" not in by_number
    by_outcome = await visitor.read("/calls?outcome=REFUSED")
    assert "+919876500001" in by_outcome
    assert "+919876500000" not in by_outcome
    assert "No call matches" in await visitor.read("/calls?phone=9811100009")
    assert "'12' is not a phone number" in await visitor.read("/calls?phone=12")


async def test_the_stream_of_a_call_tells_each_sentence_until_the_end(
    site: Site, visitor: Visitor
) -> None:
    batch_id = await site.office.a_batch(rows=1)
    (call,) = await site.office.claim(batch_id)
    await site.office.dial(call)
    await site.office.book.progress(batch_id, call, CallState.TALKING)

    async def go_on() -> None:
        news = Change(batch_id, call.id, "agent: Hello <Rahul>.")
        site.office.broadcast.publish(news)
        await site.office.book.end(batch_id, call, a_result())

    async with (
        visitor.client.stream("GET", f"/calls/{call.id}/live") as stream,
        asyncio.TaskGroup() as group,
    ):
        lines = stream.aiter_lines()
        first = await anext(lines)
        group.create_task(go_on())
        rest = [line async for line in lines]
    assert first == "event: facts"
    assert any("Hello &lt;Rahul&gt;." in line for line in rest)
    assert rest[-3:-1] == ["event: ended", "data: now"]


async def test_ending_a_call_that_is_over_says_so(site: Site, visitor: Visitor) -> None:
    batch_id: BatchId = await site.office.a_batch(rows=1)
    call_id: CallId = await site.call_next(batch_id, a_result())
    assert "not up any more" in (await visitor.send(f"/calls/{call_id}/end")).words

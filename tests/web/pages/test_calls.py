import asyncio
from dataclasses import replace

import pytest

from movoice_box.dialer.broadcast import Change
from movoice_box.dialer.live import LiveCall
from movoice_box.domain.call import CallState, Disposition, TranscriptLine
from movoice_box.domain.early_media import EarlyMediaVerdict, EarlySound
from movoice_box.ids import BatchId, CallId
from tests.builders import A_QUALITY, AGENT_ID, a_result
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


async def test_a_call_tells_how_it_sounded(site: Site, visitor: Visitor) -> None:
    batch_id = await site.a_batch("+919876543210")
    quality = replace(
        A_QUALITY,
        is_srtp=True,
        loss_sent=0.015,
        jitter_sent_ms=4.25,
        round_trip_ms=80.4,
        late=2,
        strangers=7,
    )
    call_id = await site.call_next(batch_id, a_result(quality=quality))
    words = await visitor.read(f"/calls/{call_id}")
    assert "How it sounded Good opinion score 4.2 of 4.5" in words
    assert "Codec PCMA, encrypted (SRTP)" in words
    assert "Lost 2 % of what we heard, 1.5 % of what we sent" in words
    assert "Jitter 3.5 ms heard, 4.2 ms sent" in words
    assert "Round trip 80 ms" in words
    assert "490 heard, 2 of them too late, 500 sent" in words
    assert "7 packets from elsewhere dropped" in words


async def test_an_announcement_before_a_refusal_can_be_heard(site: Site, visitor: Visitor) -> None:
    batch_id = await site.a_batch("+919876543210")
    sounds = (EarlySound.SPEECH, EarlySound.SPECIAL_INFORMATION)
    result = a_result(
        "NO_ANSWER",
        disposition=Disposition.NO_ANSWER,
        sip_status=480,
        early_media=EarlyMediaVerdict(sounds=sounds, heard_s=4.5),
        recording="early.wav",
    )
    call_id = await site.call_next(batch_id, result)
    words = await visitor.read(f"/calls/{call_id}")
    assert "Heard an announcement, special information tone in 4.5 s" in words
    assert "What was heard before the call ended unanswered." in words
    assert "How it sounded" not in words


async def test_a_returned_call_says_who_called_whom_and_over_what(
    site: Site, visitor: Visitor
) -> None:
    batch_id = await site.a_batch("+919876543210", trunk_id="trunk_gateway", name="April")
    (call,) = await site.office.claim(batch_id)
    await site.office.dial(call, channel="sim1")
    assert "gateway , port sim1" in await visitor.read(f"/calls/{call.id}")
    back = await site.office.call_back("+919876543210")
    words = await visitor.read(f"/calls/{back.id}")
    assert "Call from +919876543210" in words
    assert "Returned call" in words


async def test_a_talking_call_is_handed_over_to_a_person(site: Site, visitor: Visitor) -> None:
    batch_id = await site.a_batch("+919876543210")
    (call,) = await site.office.claim(batch_id)
    await site.office.dial(call)
    assert "Hand the call over" not in await visitor.read(f"/calls/{call.id}")
    await site.office.book.progress(batch_id, call, CallState.TALKING)
    path = f"/calls/{call.id}"
    assert "Hand the call over" in await visitor.read(path)
    with site.office.live.holding(LiveCall(call.id, batch_id, CallState.TALKING)):
        assert (
            "'nobody' is not a phone number"
            in (await visitor.send(f"{path}/transfer", to="nobody")).words
        )
        told = await visitor.send(f"{path}/transfer", to="98765 11111")
        assert "+919876511111 is being called to take over." in told.words
        again = await visitor.send(f"{path}/transfer", to="98765 11111")
        assert "cannot be transferred" in again.words


async def test_the_buttons_of_a_call_follow_its_state(site: Site, visitor: Visitor) -> None:
    batch_id = await site.a_batch("+919876543210")
    (call,) = await site.office.claim(batch_id)
    await site.office.dial(call)
    async with visitor.client.stream("GET", f"/calls/{call.id}/live?shown=dialing") as stream:
        lines = stream.aiter_lines()
        await site.office.book.progress(batch_id, call, CallState.TALKING)
        async for line in lines:
            if "Transfer the call" in line:
                break
        await site.office.book.end(batch_id, call, a_result())
        rest = [line async for line in lines]
    assert any("Call again" in line for line in rest)


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
    await site.office.call_back("+919876500001")
    incoming = await visitor.read("/calls?direction=inbound")
    assert "+919876500001 Incoming" in incoming
    assert "+919876500000" not in incoming
    assert "'nobody' is not a phone number" in await visitor.read("/calls?phone=nobody")


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

import asyncio

import httpx

from movoice_box.domain.call import CallState, Disposition
from movoice_box.sip.trunk import TrunkStatus
from movoice_box.store import trunks
from tests.builders import a_result, a_row
from tests.web.sites import QuietTrunk, Site
from tests.web.visitor import Visitor


async def test_an_empty_box_says_what_to_do_first(site: Site, visitor: Visitor) -> None:
    assert "No batch yet" in await visitor.read("/calls/batches")
    await site.office.database.write(lambda db: trunks.remove(db, "trunk_gateway"))
    words = await visitor.read("/calls/batches")
    assert "Connect the box first" in words
    assert "Add a trunk" in words


async def test_the_list_shows_batches_newest_first(site: Site, visitor: Visitor) -> None:
    await site.office.a_batch(rows=3, name="Older")
    await site.office.a_batch(rows=2, name="Newer")
    words = await visitor.read("/calls/batches")
    assert words.index("Newer") < words.index("Older")
    assert "0 of 3 done" in words


async def test_the_list_is_filtered_by_state(site: Site, visitor: Visitor) -> None:
    paused = await site.office.a_batch(name="Held")
    await site.office.a_batch(name="Going")
    await site.office.control.pause(paused)
    words = await visitor.read("/calls/batches?state=paused")
    assert "Held" in words
    assert "Going" not in words


async def test_the_page_counts_what_happened(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=4)
    await site.call_next(batch_id, a_result(summary="Rahul will pay."))
    await site.call_next(batch_id, a_result("BUSY", disposition=Disposition.BUSY))
    words = await visitor.read(f"/calls/batches/{batch_id}")
    assert "50 % 2 of 4 rows done" in words
    assert "Total 4 Completed 2 Failed 0 In progress 0 Queued 2" in words
    assert "Answered 1 Answer rate 50 %" in words
    assert "Rahul will pay." in words


async def test_the_page_names_who_is_on_the_phone(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=60)
    calls = await site.office.claim(batch_id, 58)
    for call in calls:
        await site.office.dial(call)
    await site.office.book.progress(batch_id, calls[0], CallState.RINGING)
    words = await visitor.read(f"/calls/batches/{batch_id}")
    assert "On the phone now Ringing +919876500000 Dialing +919876500001" in words


async def test_rows_are_turned_page_by_page_and_back(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=120)
    first = await visitor.source(f"/calls/batches/{batch_id}")
    assert "cursor=50" in first
    second = await visitor.source(f"/calls/batches/{batch_id}?cursor=50")
    assert f'href="/calls/batches/{batch_id}?cursor=50&amp;cursor=100"' in second
    assert f'rel="prev" href="/calls/batches/{batch_id}"' in second
    third = await visitor.read(f"/calls/batches/{batch_id}?cursor=50&cursor=100")
    assert "Page 3" in third
    assert "+919876500119" in third


async def test_rows_are_filtered_by_state_and_outcome(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=3)
    await site.call_next(batch_id, a_result("BOOKED"))
    await site.call_next(batch_id, a_result("REFUSED"))
    words = await visitor.read(f"/calls/batches/{batch_id}/rows?state=completed&outcome=REFUSED")
    assert "+919876500001" in words
    assert "+919876500000" not in words
    assert "+919876500002" not in words


async def test_a_filter_chosen_on_the_page_goes_into_its_address(
    site: Site, visitor: Visitor
) -> None:
    batch_id = await site.office.a_batch()
    path = f"/calls/batches/{batch_id}/rows?state=queued"
    chosen = await visitor.client.get(path, headers={"HX-Trigger": "filter"})
    assert chosen.headers["HX-Push-Url"] == f"/calls/batches/{batch_id}?state=queued"
    assert "HX-Push-Url" not in (await visitor.client.get(path)).headers


async def test_a_batch_is_paused_and_goes_on(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch()
    paused = await visitor.send(f"/calls/batches/{batch_id}/pause")
    assert "Resume" in paused.words
    resumed = await visitor.send(f"/calls/batches/{batch_id}/resume")
    assert "Pause" in resumed.words


async def test_cancel_asks_about_those_who_talk(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch()
    assert "People who are talking" in await visitor.read(f"/calls/batches/{batch_id}")
    canceled = await visitor.send(f"/calls/batches/{batch_id}/cancel", live="end")
    assert "Canceled 3" in canceled.words
    assert "Pause" not in canceled.words


async def test_an_action_that_comes_too_late_says_why(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch()
    await site.office.control.cancel(batch_id, end_talking=False)
    late = await visitor.send(f"/calls/batches/{batch_id}/pause")
    assert (late.status, late.path) == (200, f"/calls/batches/{batch_id}/pause")
    assert "Cannot pause a batch that is canceled" in late.words


async def test_an_unknown_action_is_not_there(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch()
    assert (await visitor.send(f"/calls/batches/{batch_id}/burn")).status == 404


async def test_what_people_are_called_is_never_markup(site: Site, visitor: Visitor) -> None:
    rows = [a_row(name="<script>alert(1)</script>")]
    answer = await site.office.intake.accept(site.office.request(rows=rows, name="<b>bold</b>"))
    source = await visitor.source(f"/calls/batches/{answer['batch_id']}")
    assert "<script>alert" not in source
    assert "<b>bold" not in source


async def test_the_stream_draws_what_is_and_ends_when_nothing_can_change(
    site: Site, visitor: Visitor
) -> None:
    batch_id = await site.office.a_batch(rows=1)
    path = f"/calls/batches/{batch_id}/live?shown=running"
    async with visitor.client.stream("GET", path) as stream, asyncio.TaskGroup() as group:
        lines = stream.aiter_lines()
        first = [await anext(lines) for _ in range(20)]
        group.create_task(site.call_next(batch_id, a_result()))
        rest = [line async for line in lines]
    assert "event: summary" in first[0]
    assert any("0 of 1 rows done" in line for line in first)
    assert "event: rows" in rest
    assert any("1 of 1 rows done" in line for line in rest)
    assert any('id="actions"' in line for line in rest)  # the state moved: so do the buttons
    assert "data: Batch completed, 100 percent done" in rest
    assert rest[-3:-1] == ["event: over", "data: now"]


async def test_the_stream_of_a_batch_that_is_not_there_is_a_page(visitor: Visitor) -> None:
    answer: httpx.Response = await visitor.client.get("/calls/batches/batch_none/live")
    assert answer.status_code == 404


async def test_a_batch_tells_its_trunk_its_caller_id_and_what_it_waits_for(
    site: Site, visitor: Visitor
) -> None:
    batch_id = await site.a_batch(caller_id="+912240005678")
    path = f"/calls/batches/{batch_id}"
    words = await visitor.read(path)
    assert "Automatic as +912240005678" in words
    assert "Calls wait for a trunk" not in words
    (account,) = site.services.trunks.accounts()
    trunk = site.services.trunks.get(account.id)
    assert isinstance(trunk, QuietTrunk)
    trunk.status = TrunkStatus(is_up=False, detail="no answer")
    words = await visitor.read(path)
    assert "Calls wait for a trunk Trunk 'gateway' is down: no answer." in words
    await visitor.send(f"{path}/pause")
    assert "Calls wait for a trunk" not in await visitor.read(path)

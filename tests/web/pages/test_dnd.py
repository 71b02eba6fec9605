import pytest

from movoice_box.store import calls
from tests.builders import a_result
from tests.web.sites import Site
from tests.web.visitor import Visitor


async def test_a_number_is_added_found_and_removed(visitor: Visitor) -> None:
    added = await visitor.send("/dnd/add", add="98111 00001", note="asked by letter")
    assert "+919811100001 is on the list" in added.words
    assert "1 number" in added.words
    assert "asked by letter" in await visitor.read("/dnd?search=11100")
    assert "No number has these digits" in await visitor.read("/dnd?search=999")
    removed = await visitor.send("/dnd/remove", phone="+919811100001")
    assert "+919811100001 may be called again." in removed.words
    again = await visitor.send("/dnd/remove", phone="+919811100001")
    assert "was not on the list any more" in again.words


async def test_a_check_answers_yes_or_no_with_the_reason(site: Site, visitor: Visitor) -> None:
    await site.office.dnd.add("9811100001")
    assert "No +919811100001 is on the do-not-disturb list" in await visitor.read(
        "/dnd?check=9811100001"
    )
    assert "Yes 9811100002 is not on the list." in await visitor.read("/dnd?check=9811100002")


async def test_what_is_no_number_is_told_where_it_was_typed(visitor: Visitor) -> None:
    for form, source in (
        ("check", await visitor.source("/dnd?check=98-12")),
        ("add", (await visitor.send("/dnd/add", add="98-12")).source),
    ):
        assert f'id="p-{form}"' in source
        assert "&#39;98-12&#39; is not a phone number" in source
        assert 'value="98-12"' in source


async def test_an_import_counts_what_it_did(site: Site, visitor: Visitor) -> None:
    await site.office.dnd.add("9811100001")
    data = b"phone\n9811100001\n9811100002\n9811100003\nnobody\n"
    words = (await visitor.upload("/dnd/import", "list.csv", data)).words
    assert "2 added, 1 were on the list already, 1 are no phone numbers." in words
    assert "row 4: “nobody”" in words


@pytest.mark.parametrize("data", [b"", b"name\nAsha\n"])
async def test_a_file_without_numbers_is_told(visitor: Visitor, data: bytes) -> None:
    answer = await visitor.upload("/dnd/import", "list.csv", data)
    assert answer.source.count("invalid-feedback") == 1


async def test_an_opt_out_leads_to_its_call(site: Site, visitor: Visitor) -> None:
    batch_id = await site.office.a_batch(rows=1)
    call_id = await site.call_next(batch_id, a_result("OPTED_OUT"))
    async with site.office.database.reading() as db:
        call = await calls.get(db, call_id)
    await site.office.dnd.add_opt_out(call.phone, call.id, "asked in a call")
    source = await visitor.source("/dnd")
    assert f'href="/calls/{call_id}"' in source
    assert "Opted out" in source

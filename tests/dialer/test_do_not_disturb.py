import pytest

from movoice_box.domain.phone import PhoneNumber
from movoice_box.errors import InputError, NotFoundError
from movoice_box.ids import CallId
from tests.builders import Office


async def test_a_listed_number_is_found_however_it_is_written(office: Office) -> None:
    await office.dnd.add("98765 43210", "asked by letter")
    entry = await office.dnd.check("+91-98765-43210")
    assert entry is not None
    assert entry.note == "asked by letter"
    await office.dnd.remove("09876543210")
    assert await office.dnd.check("9876543210") is None


async def test_taking_off_what_is_not_listed_says_so(office: Office) -> None:
    with pytest.raises(NotFoundError, match="not on the do-not-disturb list"):
        await office.dnd.remove("9876543210")


async def test_an_opt_out_stays_one_when_the_owner_lists_the_number_too(office: Office) -> None:
    await office.dnd.add_opt_out(PhoneNumber("+919876543210"), CallId("call_1"), "key 9")
    entry = await office.dnd.add("9876543210")
    assert (entry.source, entry.call_id) == ("opt_out", "call_1")


@pytest.mark.parametrize("header", [b"Name,Mobile\nA,", b"mobile\n", b""])
async def test_an_import_takes_the_phone_column(office: Office, header: bytes) -> None:
    imported = await office.dnd.import_csv(header + b"9876543210\n")
    assert (imported.added, imported.invalid) == (1, [])
    assert await office.dnd.check("9876543210")


async def test_an_import_counts_what_it_knew_and_names_what_is_no_number(office: Office) -> None:
    await office.dnd.add("9876543210")
    imported = await office.dnd.import_csv(b"phone\n9876543210\n9876543211\nnobody\n")
    assert (imported.added, imported.known, imported.invalid) == (1, 1, [(3, "nobody")])


async def test_a_file_without_a_phone_number_is_refused(office: Office) -> None:
    with pytest.raises(InputError, match="name the column 'phone'"):
        await office.dnd.import_csv(b"a,b\nc,d\n")

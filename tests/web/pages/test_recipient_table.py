import pytest

from movoice_box.dialer.recipient_file import RecipientFile
from movoice_box.errors import InputError
from movoice_box.web.pages.recipient_table import pasted, preselect, read_mapping


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("+919876543210\n+919876543211", 2),
        ("9876543210, 9876543211; 9876543212", 3),
        ("(0987) 654-3210\r\n\r\n98765 43211\t98765 43212", 3),
        ("9876543210,Asha\n9876543211,Ravi", 2),
        ("phone\tname\n9876543210\tAsha", 1),
    ],
)
def test_numbers_may_be_pasted_in_any_way(text: str, rows: int) -> None:
    assert len(RecipientFile.parse(pasted(text), "IN").rows) == rows


def test_nothing_pasted_is_told() -> None:
    with pytest.raises(InputError) as caught:
        pasted(" \n,\n")
    assert caught.value.field == "numbers"


def test_a_column_that_the_agent_does_not_say_keeps_its_name() -> None:
    table = RecipientFile(("Mobile", "Name", "branch"), (("9876543210", "Asha", "West"),))
    assert preselect(table, ["name"]) == {"Mobile": "phone", "Name": "name", "branch": "branch"}


def test_a_second_column_of_phones_is_left_out() -> None:
    table = RecipientFile(("phone", "mobile", "name"), (("9876543210", "9876543211", "Asha"),))
    chosen = preselect(table, ["name"])
    assert sorted(chosen.values()) == ["mobile", "name", "phone"]
    assert read_mapping(table, list(chosen.values()), ["name"]) == chosen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movoice_box.dialer.recipient_file import RecipientFile
from movoice_box.errors import InputError

ISSUE = """phone,name,amount_due,due_date
+919876543210,Rahul Sharma,₹2500,April 25
+919876543211,Priya Patel,₹1800,April 26
"""
COLUMNS = ("phone", "name", "amount_due", "due_date")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_encoding_and_separator_gives_the_same_table(encoding: str, separator: str) -> None:
    file = RecipientFile.parse(ISSUE.replace(",", separator).encode(encoding))
    assert file.columns == COLUMNS
    assert file.rows[0] == ("+919876543210", "Rahul Sharma", "₹2500", "April 25")


def test_a_file_from_an_old_excel_is_read_as_windows_1252() -> None:
    assert RecipientFile.parse("phone,name\n1,José".encode("cp1252")).rows == (("1", "José"),)


def test_quoted_newlines_and_separators_stay_in_their_value() -> None:
    file = RecipientFile.parse(b'phone,note\r\n1,"two\r\nlines, one ""value"""\r\n')
    assert file.rows == (("1", 'two\r\nlines, one "value"'),)


def test_short_and_empty_rows_are_filled_and_left_out() -> None:
    file = RecipientFile.parse(b"phone,name,due\n1,Asha\n\n ,,\n2,Ravi,May\n")
    assert file.rows == (("1", "Asha", ""), ("2", "Ravi", "May"))


def test_columns_without_a_name_or_with_the_same_one_can_still_be_mapped() -> None:
    file = RecipientFile.parse(b"phone,name,name,,name\n1,a,b,c,d\n")
    assert file.columns == ("phone", "name", "name (2)", "column 4", "name (3)")


def test_too_many_values_name_the_row() -> None:
    with pytest.raises(InputError, match="row 2 has 3 values") as caught:
        RecipientFile.parse("phone,amount\n1,2\n3,₹1,800\n".encode())
    assert caught.value.row == 2


def test_a_quote_that_never_ends_names_the_row() -> None:
    with pytest.raises(InputError, match="row 2 cannot be read"):
        RecipientFile.parse(b'phone,name\n1,a\n2,"b\n3,c\n')


def test_an_empty_file_says_what_is_expected() -> None:
    with pytest.raises(InputError, match="first row must name the columns"):
        RecipientFile.parse(b"\n\n")


def test_columns_are_guessed_by_their_names() -> None:
    file = RecipientFile.parse(b"Customer Name,Mobile No.,Amount Due,Shop\nA,9876543210,5,B\n")
    assert file.guess_mapping(["name", "amount_due", "customer_name"]) == {
        "Customer Name": "customer_name",
        "Mobile No.": "phone",
        "Amount Due": "amount_due",
    }


def test_a_phone_column_is_known_by_its_values() -> None:
    file = RecipientFile.parse(b"who,where\nAsha,98765 43210\nRavi,98765 43211\n")
    assert file.guess_mapping([])["where"] == "phone"


def test_any_column_can_be_the_phone_and_any_a_variable() -> None:
    file = RecipientFile.parse(ISSUE.encode())
    rows = file.recipients({"due_date": "phone", "phone": "name", "name": ""})
    assert (rows[0].phone, rows[0].variables) == ("April 25", {"name": "+919876543210"})


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"mobile": "phone"}, "the column 'mobile', the file has: phone, name"),
        ({"name": "name"}, "exactly one column to 'phone', it sends 0"),
        ({"name": "phone", "phone": "phone"}, "it sends 2"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(mapping: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RecipientFile.parse(ISSUE.encode()).recipients(mapping)


def test_an_agent_that_says_the_number_leaves_one_column_of_numbers() -> None:
    file = RecipientFile.parse(b"phone,mobile,name\n9876543210,9876543211,Asha\n")
    assert file.guess_mapping(["phone", "name"]) == {"phone": "phone", "name": "name"}


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_table_or_an_input_error(data: bytes) -> None:
    try:
        file = RecipientFile.parse(data)
    except InputError:
        return
    assert all(len(row) == len(file.columns) for row in file.rows)
    assert len(set(file.columns)) == len(file.columns)


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        (b"phone,name\n9876543210,Asha\n", ("phone", "name"), 1),
        (b"9876543210\n9876543211\n", ("phone",), 2),
        (b"9876543210,Asha\n9876543211,Ravi\n", ("column 1", "column 2"), 2),
        (b"Asha;+919876543210\n", ("column 1", "column 2"), 1),
        (b"9876543210,5,5\n", ("column 1", "column 2", "column 3"), 1),
    ],
)
def test_nobody_is_taken_for_a_column_name(
    data: bytes, columns: tuple[str, ...], rows: int
) -> None:
    table = RecipientFile.parse(data, "IN")
    assert table.columns == columns
    assert len(table.rows) == rows

import pytest

from movoice_box.voice.normalize.english import English
from movoice_box.voice.normalize.text import spoken_text
from movoice_box.voice.normalize.wording import Number


def spoken(text: str) -> str:
    return spoken_text(text, "en-IN")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("₹2500", "two thousand five hundred rupees"),
        ("₹ 2,500", "two thousand five hundred rupees"),
        ("Rs. 2,500", "two thousand five hundred rupees"),
        ("Rs.2500/-", "two thousand five hundred rupees"),
        ("rs 2500", "two thousand five hundred rupees"),
        ("2500/-", "two thousand five hundred rupees"),
        ("2500 INR", "two thousand five hundred rupees"),
        ("2500 rupees", "two thousand five hundred rupees"),
        ("INR 2500.50", "two thousand five hundred rupees and fifty paise"),
        ("₹2500.5", "two thousand five hundred rupees and fifty paise"),
        ("₹2500.00", "two thousand five hundred rupees"),
        ("₹1", "one rupee"),
        ("₹0.50", "fifty paise"),
        ("₹0.01", "one paisa"),
        ("₹0", "zero rupees"),
        ("₹2,50,000", "two lakh fifty thousand rupees"),
        ("₹250000", "two lakh fifty thousand rupees"),
        ("₹1,00,00,000", "one crore rupees"),
        ("₹12,34,56,789", "twelve crore thirty-four lakh fifty-six thousand seven hundred and "
         "eighty-nine rupees"),
        ("₹2.5 lakh", "two point five lakh rupees"),
        ("₹3 Cr", "three crore rupees"),
        ("₹10k", "ten thousand rupees"),
        ("₹-500", "minus five hundred rupees"),
        ("$1,250.99", "one thousand two hundred and fifty dollars and ninety-nine cents"),
        ("$1", "one dollar"),
        ("US$ 2,500,000", "two million five hundred thousand dollars"),
        ("€3 million", "three million euros"),
        ("20€", "twenty euros"),
        ("£1.01", "one pound and one penny"),
        ("GBP 5", "five pounds"),
        ("₹500-1000", "five hundred rupees to one thousand"),
    ],
)  # fmt: skip
def test_amounts(written: str, words: str) -> None:
    assert spoken(written) == words
    assert spoken(f"Pay {written} now.") == f"Pay {words} now."


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("April 25", "April twenty-fifth"),
        ("april 25th", "April twenty-fifth"),
        ("Apr. 25, 2026", "April twenty-fifth twenty twenty-six"),
        ("25 Apr", "twenty-fifth April"),
        ("25-Apr-2026", "twenty-fifth April twenty twenty-six"),
        ("25th of April", "twenty-fifth April"),
        ("May 1", "May first"),
        ("2 May 2005", "second May two thousand five"),
        ("25/04/2026", "twenty-fifth April twenty twenty-six"),
        ("25-04-26", "twenty-fifth April twenty twenty-six"),
        ("25.04.2026", "twenty-fifth April twenty twenty-six"),
        ("04/05/2026", "fourth May twenty twenty-six"),
        ("04/25/2026", "twenty-fifth April twenty twenty-six"),
        ("2026-04-25", "twenty-fifth April twenty twenty-six"),
        ("2026-04-25T15:30", "twenty-fifth April twenty twenty-six three thirty PM"),
        ("31 Dec 1999", "thirty-first December nineteen ninety-nine"),
        ("1 Jan 1905", "first January nineteen oh five"),
        ("1 Jan 1900", "first January nineteen hundred"),
        ("March 2027", "March twenty twenty-seven"),
        ("अप्रैल 25", "April twenty-fifth"),
    ],
)
def test_dates(written: str, words: str) -> None:
    assert spoken(written) == words
    assert spoken(f"It is due by {written}.") == f"It is due by {words}."


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("you may 5", "you may five"),
        ("we march 10 miles", "we march ten miles"),
        ("April 31", "April thirty-one"),
        ("30 Feb", "thirty Feb"),
        ("13/13/2026", "thirteen/thirteen/two thousand and twenty-six"),
        ("2026-13-01", "two thousand and twenty-six-thirteen-zero one"),
        ("25:99", "twenty-five:ninety-nine"),
    ],
)
def test_what_is_no_date_or_time_is_not_taken_for_one(written: str, words: str) -> None:
    assert spoken(written) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("3:30 PM", "three thirty PM"),
        ("3.30pm", "three thirty PM"),
        ("3 PM", "three PM"),
        ("3:05 p.m.", "three oh five PM"),
        ("12 PM", "twelve noon"),
        ("12:00 am", "twelve midnight"),
        ("12:30 am", "twelve thirty AM"),
        ("15:30", "three thirty PM"),
        ("09:00", "nine AM"),
        ("00:15", "twelve fifteen AM"),
        ("10:30", "ten thirty"),
        ("10:30:00", "ten thirty"),
        ("4:00", "four o'clock"),
        ("10-11 AM", "ten to eleven AM"),
        ("10:00-18:00", "ten o'clock to six PM"),
    ],
)
def test_times(written: str, words: str) -> None:
    assert spoken(f"Come at {written}, please") == f"Come at {words}, please"


def test_a_sentence_that_ends_with_p_m_still_ends() -> None:
    assert spoken("Come at 3 p.m. Bring it.") == "Come at three PM. Bring it."
    assert spoken("Come at 3 p.m. or so.") == "Come at three PM or so."


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("9876543210", "nine eight seven six five, four three two one zero"),
        ("+91 98765 43210", "nine one, nine eight seven six five, four three two one zero"),
        ("98765-43210", "nine eight seven six five, four three two one zero"),
        ("1800-123-4567", "one eight zero zero, one two three, four five six seven"),
        ("022-26543210", "zero two two, two six five four three two one zero"),
        ("1234 5678 9012", "one two three four, five six seven eight, nine zero one two"),
        ("0042", "zero zero four two"),
        ("account number 123456", "account number one two three, four five six"),
        ("A/c no. 4521", "account number four five two one"),
        ("account XX1234", "account ending in one two three four"),
        ("card XXXX XXXX XXXX 1234", "card ending in one two three four"),
        ("OTP is 4521", "O T P is four five two one"),
        ("order #20417", "order number two zero four one seven"),
        ("pin code 560001", "pin code five six zero, zero zero one"),
        ("KA01AB1234", "K A zero one A B one two three four"),
        ("INV-2041", "I N V two zero four one"),
    ],
)
def test_what_names_something_is_said_digit_by_digit(written: str, words: str) -> None:
    assert spoken(f"{written}, thanks") == f"{words}, thanks"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("0", "zero"),
        ("21", "twenty-one"),
        ("101", "one hundred and one"),
        ("1001", "one thousand and one"),
        ("1,234", "one thousand two hundred and thirty-four"),
        ("12,34,567", "twelve lakh thirty-four thousand five hundred and sixty-seven"),
        ("-5", "minus five"),
        ("1500.75", "one thousand five hundred point seven five"),
        ("2.5 lakh", "two point five lakh"),
        ("10k", "ten thousand"),
        ("12.5%", "twelve point five percent"),
        ("7 %", "seven percent"),
        ("2-3 days", "two to three days"),
        ("1st", "first"),
        ("22nd", "twenty-second"),
        ("30th", "thirtieth"),
        ("112th", "one hundred and twelfth"),
        ("COVID-19", "COVID-nineteen"),
        ("4G", "4G"),
        ("१२३", "one hundred and twenty-three"),
        ("5 hrs 30 mins", "five hours thirty minutes"),
    ],
)
def test_numbers(written: str, words: str) -> None:
    assert spoken(f"about {written} of it.") == f"about {words} of it."


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Mr. Rao & Mrs. Rao", "Mister Rao and Missus Rao"),
        ("Dr. Sen", "Doctor Sen"),
        ("Acme Pvt. Ltd.", "Acme Private Limited"),
        ("KYC by UPI", "K Y C by U P I"),
        ("Press *", "Press star"),
        ("www.example.com", "W W W dot example dot com"),
        ("a.b@example.com", "a.b at example dot com"),
        ("**bold** <b>_x_</b>", "**bold** b x /b"),
        ("a\u00a0 b\n\u200bc", "a b c"),
    ],
)
def test_abbreviations_and_signs(written: str, words: str) -> None:
    assert spoken(written) == words


def test_america_and_britain_count_and_write_dates_their_own_way() -> None:
    written = "04/05/2026 and 1,250,105"
    assert spoken_text(written, "en-US") == (
        "April fifth twenty twenty-six and one million two hundred fifty thousand one hundred five"
    )
    assert spoken_text(written, "en-GB") == (
        "fourth May twenty twenty-six and one million two hundred and fifty thousand "
        "one hundred and five"
    )


@pytest.mark.parametrize("region", ["in", "us", "gb"])
def test_different_numbers_have_different_words(region: str) -> None:
    english = English(region)
    numbers = [*range(2_000), *range(99_900, 101_100), *range(10**7 - 50, 10**7 + 50)]
    words = {english.number(Number(str(number))) for number in numbers}
    assert len(words) == len(numbers)

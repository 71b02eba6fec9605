"""Hindi: numbers, amounts, dates and times in words."""

import re
from typing import Literal

from movoice_box.voice.normalize.wording import Currency, Number, Scale

# Up to a hundred, Hindi has a word of its own for every number.
_SMALL = str.split(
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ "
    "दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस "
    "बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस "
    "तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस "
    "चालीस इकतालीस बयालीस तैंतालीस चवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास "
    "पचास इक्यावन बावन तिरेपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ "
    "साठ इकसठ बासठ तिरेसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर "
    "सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी "
    "अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी "
    "नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
_GROUPS = ((10**7, "करोड़"), (10**5, "लाख"), (10**3, "हज़ार"), (10**2, "सौ"))
_SCALES = {
    Scale.THOUSAND: "हज़ार",
    Scale.LAKH: "लाख",
    Scale.MILLION: "मिलियन",
    Scale.CRORE: "करोड़",
    Scale.BILLION: "बिलियन",
}
_ORDINALS = {1: "पहला", 2: "दूसरा", 3: "तीसरा", 4: "चौथा", 6: "छठा"}
_MONTHS = str.split("जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर")
_CURRENCIES = {
    Currency.RUPEE: ("रुपया", "रुपये", "पैसा", "पैसे"),
    Currency.DOLLAR: ("डॉलर", "डॉलर", "सेंट", "सेंट"),
    Currency.EURO: ("यूरो", "यूरो", "सेंट", "सेंट"),
    Currency.POUND: ("पाउंड", "पाउंड", "पेनी", "पेंस"),
}


class Hindi:
    is_month_first = False
    range_word = "से"
    acronyms = re.compile(r"\b(?:ATM|DND|EMI|GST|IFSC|KYC|OTP|PNR|SBI|UPI)\b")
    abbreviations = (
        (re.compile(r"डॉ\.|\bDr\b\.?"), "डॉक्टर"),
        (re.compile(r"\bMrs?\b\.?"), "श्री"),
        (re.compile(r"नं\.|\bNo\.(?=\s*\d)"), "नंबर "),
        (re.compile(r"\s*&\s*"), " और "),
        (re.compile(r"(?<!\S)\*(?!\S)"), "स्टार"),
        (re.compile(r"(?<!\S)#(?!\S)"), "हैश"),
    )

    def digits(self, digits: str) -> str:
        return " ".join(_SMALL[int(digit)] for digit in digits)

    def number(self, number: Number) -> str:
        words = self._with_half(number) or self._with_point(number)
        if number.scale:
            words += f" {_SCALES[number.scale]}"
        return f"माइनस {words}" if number.is_negative else words

    def ordinal(self, number: int) -> str:
        return _ORDINALS.get(number) or f"{_cardinal(number)}वाँ"

    def money(self, number: Number, currency: Currency) -> str:
        one, many, hundredth, hundredths = _CURRENCIES[currency]
        if number.scale or len(number.fraction) > 2:
            return f"{self.number(number)} {many}"
        major, minor = int(number.whole), int(number.fraction.ljust(2, "0"))
        parts = ["माइनस"] if number.is_negative else []
        if major or not minor:
            parts.append(f"{_cardinal(major)} {one if major == 1 else many}")
        if minor:
            parts.append(f"{_cardinal(minor)} {hundredth if minor == 1 else hundredths}")
        return " ".join(parts)

    def percent(self, number: Number) -> str:
        return f"{self.number(number)} प्रतिशत"

    def date(self, day: int | None, month: int, year: int | None, *, day_first: bool) -> str:
        """Hindi has one order; `day_first` changes nothing."""
        parts = [] if day is None else ["पहली" if day == 1 else _cardinal(day)]
        parts.append(_MONTHS[month - 1])
        if year is not None:
            parts.append(self.year(year))
        return " ".join(parts)

    def year(self, year: int) -> str:
        century, rest = divmod(year, 100)
        if not 1100 <= year < 2000:
            return _cardinal(year)
        return f"{_SMALL[century]} सौ {_SMALL[rest]}" if rest else f"{_SMALL[century]} सौ"

    def time(self, hour: int, minute: int, half: Literal["AM", "PM"] | None) -> str:
        words = f"{_part_of_day(hour, half)} {_clock(hour, minute)}" if half else ""
        return words or _clock(hour, minute)

    def ending_in(self, digits: str) -> str:
        return f"जिसके आख़िरी अंक {digits} हैं"

    def _with_point(self, number: Number) -> str:
        words = _cardinal(int(number.whole))
        return f"{words} दशमलव {self.digits(number.fraction)}" if number.fraction else words

    def _with_half(self, number: Number) -> str | None:
        """The usual words for a half of a lakh: डेढ़ is 1.5, ढाई 2.5, साढ़े n from there on."""
        whole = int(number.whole)
        if number.scale is None or number.fraction.rstrip("0") != "5" or whole == 0:
            return None
        return {1: "डेढ़", 2: "ढाई"}.get(whole) or f"साढ़े {_cardinal(whole)}"


def _cardinal(number: int) -> str:
    if number < 100:
        return _SMALL[number]
    size, name = next(group for group in _GROUPS if number >= group[0])
    count, rest = divmod(number, size)
    words = f"{_cardinal(count)} {name}"
    return f"{words} {_cardinal(rest)}" if rest else words


def _part_of_day(hour: int, half: Literal["AM", "PM"]) -> str:
    of_24 = hour % 12 + (12 if half == "PM" else 0)
    if 4 <= of_24 < 12:
        return "सुबह"
    if 12 <= of_24 < 16:
        return "दोपहर"
    return "शाम" if 16 <= of_24 < 20 else "रात"


def _clock(hour: int, minute: int) -> str:
    match minute:
        case 0:
            return f"{_SMALL[hour]} बजे"
        case 15:
            return f"सवा {_SMALL[hour]} बजे"
        case 30 if hour in (1, 2):
            return f"{'डेढ़' if hour == 1 else 'ढाई'} बजे"
        case 30:
            return f"साढ़े {_SMALL[hour]} बजे"
        case 45:
            return f"पौने {_SMALL[hour % 12 + 1]} बजे"
        case _:
            return f"{_SMALL[hour]} बजकर {_SMALL[minute]} मिनट"

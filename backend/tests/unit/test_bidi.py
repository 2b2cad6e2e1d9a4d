"""Lines as they are seen, and how they are read."""

import pytest

from app.services.knowledge.parsers._bidi import context_after, is_reversed, logical, unshaped

ARABIC = "السعر"
SEEN = ARABIC[::-1]


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        ("ةعاس ٢٤ رادم ىلع", "على مدار ٢٤ ساعة"),
        (f"س.ر ١٢٫٥٠ {SEEN}", f"{ARABIC} ١٢٫٥٠ ر.س"),
        (f"لاير 1,250.75 {SEEN}", f"{ARABIC} 1,250.75 ريال"),
        (f"920001234 {SEEN}", f"{ARABIC} 920001234"),
        (f"4567 123 50 966+ {SEEN}", f"{ARABIC} +966 50 123 4567"),
        (f"+966 50 123 4567 {SEEN}", f"{ARABIC} +966 50 123 4567"),
        (f"4567 123 050 {SEEN}", f"{ARABIC} 050 123 4567"),
        (f"050 123 4567 {SEEN}", f"{ARABIC} 050 123 4567"),
        (f"01-03-2026 {SEEN}", f"{ARABIC} 2026-03-01"),
        (f"٣١/٠٣/٢٠٢٦ {SEEN}", f"{ARABIC} ٣١/٠٣/٢٠٢٦"),
        (f"5-3 {SEEN}", f"{ARABIC} 3-5"),
        (f"17:30 - 9:00 {SEEN}", f"{ARABIC} 9:00 - 17:30"),
        (f"%15 {SEEN}", f"{ARABIC} 15%"),
        (f"15% {SEEN}", f"{ARABIC} 15%"),
        (f"٪٢٥ {SEEN}", f"{ARABIC} ٢٥٪"),
        (f"C°25 {SEEN}", f"{ARABIC} 25°C"),
        (f"45$ {SEEN}", f"{ARABIC} $45"),
        (f"(راح) {SEEN}", f"{ARABIC} (حار)"),
        (f"Apple Pay {SEEN}", f"{ARABIC} Apple Pay"),
        (f"Rewards 15% {SEEN}", f"{ARABIC} Rewards 15%"),
        (f"iPhone 15 {SEEN}", f"{ARABIC} iPhone 15"),
        (f"Pay ١٥ {SEEN}", f"{ARABIC} ١٥ Pay"),
        (f"SAR 12.50 {SEEN}", f"{ARABIC} 12.50 SAR"),
        (f"Mbps 100 {SEEN}", f"{ARABIC} 100 Mbps"),
        (f"AM - 5 PM 9 {SEEN}", f"{ARABIC} 9 AM - 5 PM"),
        (f"INV-2026-0042 {SEEN}", f"{ARABIC} INV-2026-0042"),
        (f"https://wafaa.example/menu?id=7 {SEEN}", f"{ARABIC} https://wafaa.example/menu?id=7"),
        (f".info@wafaa.example {SEEN}", f"{ARABIC} info@wafaa.example."),
        (f"{SEEN} 2026-03-01", f"2026-03-01 {ARABIC}"),
        ("9:00 - 17:30", "17:30 - 9:00"),
    ],
)
def test_a_right_to_left_line_is_read_as_it_was_written(seen: str, read: str) -> None:
    assert logical(list(seen), right_to_left=True) == read


def test_a_ligature_keeps_the_order_of_its_letters() -> None:
    assert logical(["م", "لا", "س"], right_to_left=True) == "سلام"


def test_a_mark_stays_behind_its_letter() -> None:
    assert logical(["ا", "رً", "ه", "ظ"], right_to_left=True) == "ظهرًا"


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        (f"The name is {SEEN} and 12 SAR.", f"The name is {ARABIC} and 12 SAR."),
        ("Call 920001234 now (free)", "Call 920001234 now (free)"),
        ("from 12 ةوهق 15 ةعاس to", "from 12 ساعة 15 قهوة to"),
    ],
)
def test_a_left_to_right_line_turns_only_its_arabic(seen: str, read: str) -> None:
    assert logical(list(seen), right_to_left=False) == read


def test_a_hyphen_between_digits_depends_on_what_was_read_before() -> None:
    assert logical(list("2026-03-01"), right_to_left=True, after="start") == "2026-03-01"
    assert logical(list("01-03-2026"), right_to_left=True, after="arabic") == "2026-03-01"


@pytest.mark.parametrize(
    ("text", "context"),
    [("السعر 12", "arabic"), ("price 12", "latin"), ("12 - 13", "start"), ("", "start")],
)
def test_the_last_letter_decides_the_context(text: str, context: str) -> None:
    assert context_after(text) == context


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("القهوة في المدينة الكبيرة", False),
        ("ةريبكلا ةنيدملا يف ةوهقلا", True),
        ("no Arabic", None),
    ],
)
def test_reversed_words_are_recognised(text: str, answer: bool | None) -> None:
    assert is_reversed(text) is answer


@pytest.mark.parametrize(
    ("shaped", "plain"),
    [
        ("ﷺ", "صلى الله عليه وسلم"),
        ("ﻻ ﻼ", "لا لا"),
        ("ﺎﻬﻗﻣ", "اهقم"),
        ("رﹰ", "رً"),
        ("ﬁve", "five"),
        ("10² m½", "10² m½"),
    ],
)
def test_presentation_forms_become_letters_and_numbers_stay(shaped: str, plain: str) -> None:
    assert unshaped(shaped) == plain


def test_a_page_of_one_character_does_not_take_forever() -> None:
    for char in "%+1(م -":
        assert len(logical([char] * 20_000, right_to_left=True)) == 20_000

"""Terms: one spelling for the many ways a word is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.knowledge.lexical import normalise, terms, words
from app.services.knowledge.phrasing import leans, phrasings


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("مُحَمَّدٌ", "محمد"),
        ("مـــرحبا", "مرحبا"),
        ("أإآٱا", "ااااا"),
        ("مستشفى", "مستشفي"),
        ("قهوة", "قهوه"),
        ("مسؤول", "مسوول"),
        ("رئيس", "رييس"),
        ("شيء", "شي"),
        ("کتاب ایران", "كتاب ايران"),
        ("پیتزا", "بيتزا"),
        ("٢٤ ۲۴ 24", "24 24 24"),
        ("Café ＦＵＬＬ ﬁne", "cafe full fine"),
        ("STRASSE straße", "strasse strasse"),
        ("ﷲ", "الله"),
        ("a\u200fb", "ab"),
    ],
)
def test_one_spelling(written: str, folded: str) -> None:
    assert normalise(written) == folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A-15", ["a", "15", "a15"]),
        ("١٢٫٥٠ ريال", ["12", "50", "ريال", "1250"]),
        ("well-known", ["well", "known"]),
        ("9:00-17:00", ["9", "00", "17", "00", "9001700"]),
    ],
)
def test_numbers_and_codes_are_also_whole_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_terms_are_pieces_of_words_with_their_edges() -> None:
    assert dict(terms("coffee, I")) == {
        " cof": 1,
        "coff": 1,
        "offe": 1,
        "ffee": 1,
        "fee ": 1,
        " i ": 1,
    }


def test_a_word_with_a_digit_is_one_term() -> None:
    assert dict(terms("iphone15 2024")) == {"iphone15": 1, "2024": 1}


def test_a_prefix_leaves_most_terms_of_an_arabic_word() -> None:
    assert len(terms("والتوصيل") & terms("توصيل")) >= 3


@given(st.text())
def test_any_text_has_terms_without_error(text: str) -> None:
    assert all(term.strip() and often > 0 for term, often in terms(text).items())
    assert normalise(normalise(text)) == normalise(normalise(normalise(text)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("And on Friday?", True),
        ("What about the large one with milk and sugar?", True),
        ("كم سعره؟", True),
        ("وهل يوجد توصيل مجاني للطلبات الكبيرة اليوم؟", True),
        ("Do you deliver large birthday cakes to the north of Riyadh?", False),
        ("ما هي أسعار توصيل الكعك الكبير إلى شمال مدينة الرياض؟", False),
    ],
)
def test_a_question_that_leans_on_the_one_before_is_told(query: str, expected: bool) -> None:
    assert leans(query) is expected


def test_a_leaning_question_is_asked_alone_and_with_the_one_before() -> None:
    assert phrasings("And on Friday?", "When do you open?") == [
        "And on Friday?",
        "When do you open?\nAnd on Friday?",
    ]
    assert phrasings("And on Friday?", None) == ["And on Friday?"]

"""Chunks: whole sentences of one section and one language, the same each time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.knowledge.base import Block, BlockKind
from app.services.knowledge.chunker import LONGEST, chunks, language_of, sentences

TITLE, HEADING, PARAGRAPH = BlockKind.TITLE, BlockKind.HEADING, BlockKind.PARAGRAPH
ROW, ENTRY = BlockKind.TABLE_ROW, BlockKind.QUESTION_ANSWER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We open at nine. Come in!", ["We open at nine.", "Come in!"]),
        ("Dr. Smith is in. Ask him.", ["Dr. Smith is in.", "Ask him."]),
        (
            "Open 9 a.m. to 5 p.m. daily. Free parking.",
            ["Open 9 a.m. to 5 p.m. daily.", "Free parking."],
        ),
        ("It costs 12.50 SAR, e.g. for two.", ["It costs 12.50 SAR, e.g. for two."]),
        ("1. Ring the bell\n2. Wait", ["1. Ring the bell", "2. Wait"]),
        ("«هل هو مفتوح؟» نعم، حتى العاشرة.", ["«هل هو مفتوح؟»", "نعم، حتى العاشرة."]),
        ("القهوة جاهزة؛ تفضل… أهلًا!", ["القهوة جاهزة؛", "تفضل…", "أهلًا!"]),
        ("السعر ١٢.٥ ر.س. للكوب. شكرًا.", ["السعر ١٢.٥ ر.س. للكوب.", "شكرًا."]),
        ("د. أحمد موجود. تفضل.", ["د. أحمد موجود.", "تفضل."]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    if "ر.س." in text:
        expected = ["السعر ١٢.٥ ر.س. للكوب.", "شكرًا."]
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Opening hours", "en"),
        ("ساعات العمل", "ar"),
        ("سعر جهاز iPhone 15 Pro", "ar"),
        ("Riyadh (الرياض) is the capital", "en"),
    ],
)
def test_language_is_the_script_that_prevails(text: str, language: str) -> None:
    assert language_of(text) == language


def test_language_of_bare_numbers_is_that_of_what_stands_before() -> None:
    found = chunks([Block(PARAGRAPH, "ساعات العمل:"), Block(PARAGRAPH, "9:00-17:00")])
    assert [(c.language, c.text) for c in found] == [("ar", "ساعات العمل:\n9:00-17:00")]


def test_titles_lead_to_each_chunk_and_end_with_their_section() -> None:
    found = chunks(
        [
            Block(TITLE, "Café"),
            Block(HEADING, "Menu", 1),
            Block(HEADING, "Hot", 2),
            Block(PARAGRAPH, "Latte."),
            Block(HEADING, "Hours", 1),
            Block(PARAGRAPH, "Nine to five."),
        ],
        "menu.pdf",
    )
    assert [c.title_path for c in found] == ["Café › Menu › Hot", "Café › Hours"]
    assert found[0].indexed_text == "Café › Menu › Hot\nLatte."


def test_a_document_without_headings_is_found_by_its_title() -> None:
    assert chunks([Block(PARAGRAPH, "Nine to five.")], "Hours")[0].title_path == "Hours"


def test_an_entry_of_questions_and_answers_is_one_chunk_with_its_question() -> None:
    found = chunks(
        [
            Block(ENTRY, "من التاسعة. كل يوم.", question="متى تفتحون؟"),
            Block(ENTRY, "By card.", question="How do I pay?"),
        ]
    )
    assert [(c.question, c.text, c.language) for c in found] == [
        ("متى تفتحون؟", "من التاسعة. كل يوم.", "ar"),
        ("How do I pay?", "By card.", "en"),
    ]
    assert found[0].sentences == ("من التاسعة.", "كل يوم.")


def test_a_table_row_stays_whole() -> None:
    row = "Dish: Soup. Of the day. | Price: 12 SAR."
    assert chunks([Block(ROW, row), Block(ROW, "Dish: Tea | Price: 5 SAR")])[0].sentences[0] == row


def test_languages_do_not_share_a_chunk() -> None:
    found = chunks([Block(PARAGRAPH, "We open at nine."), Block(PARAGRAPH, "نفتح في التاسعة.")])
    assert [c.language for c in found] == ["en", "ar"]


@pytest.mark.parametrize(
    "sentence", ["The coffee is roasted every morning. ", "نحمص القهوة كل صباح في المحمصة. "]
)
def test_long_text_is_cut_into_like_pieces_between_sentences(sentence: str) -> None:
    found = chunks([Block(PARAGRAPH, sentence * 100)])
    assert all(600 <= len(c.text) <= LONGEST for c in found)
    assert all(set(c.sentences) == {sentence.strip()} for c in found)
    assert [c.ordinal for c in found] == list(range(len(found)))


def test_a_wall_of_letters_is_cut_rather_than_kept_whole() -> None:
    found = chunks([Block(PARAGRAPH, "x" * 5000)])
    assert [len(c.text) for c in found] == [2000, 2000, 1000]


@given(st.lists(st.text(alphabet="ab. \nصب؟x1", max_size=400), max_size=8))
def test_nothing_is_lost_and_nothing_changes_the_second_time(texts: list[str]) -> None:
    blocks = [Block(PARAGRAPH, text) for text in texts]
    found = chunks(blocks)
    assert "".join("".join(c.text.split()) for c in found) == "".join(
        "".join(t.split()) for t in texts
    )
    assert found == chunks(blocks)
    assert all("".join(" ".join(c.sentences).split()) == "".join(c.text.split()) for c in found)

"""Real PDFs, printed by a browser: every number comes out identical and in its place.

``tests/payloads/files/make_pdfs.py`` made the files, and beside each the text that it was made from.
"""

import re
import zlib
from collections import Counter
from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.services.knowledge.base import Block, BlockKind
from app.services.knowledge.parsers._bidi import unshaped
from app.services.knowledge.parsers._pdf_content import Operator, Unusual, scan
from app.services.knowledge.parsers._pdf_layout import is_suspect, read
from app.services.knowledge.parsers._pdf_page import UNKNOWN, Glyph, Sheet
from app.services.knowledge.parsers.pdf import Pdf

FILES = Path(__file__).parents[1] / "payloads" / "files"
NAMES = ("cafe.ar", "policy.ar", "branches.ar", "clinic.en")

NUMBER = re.compile(r"[+$]?[0-9٠-٩](?:[0-9٠-٩.,:/٫٬-]*[0-9٠-٩])?[%٪°]?")
WORD = re.compile(r"\w+")


def content(name: str) -> bytes:
    return (FILES / f"{name}.pdf").read_bytes()


def truth(name: str) -> str:
    return unshaped((FILES / f"{name}.txt").read_text("utf-8"))


def words(blocks: list[Block]) -> str:
    return "\n".join(block.text for block in blocks)


def without_hints(pdf: bytes) -> bytes:
    """The file without the words that the browser left beside ligatures, as other programs write it."""

    def blinded(stream: re.Match[bytes]) -> bytes:
        try:
            plain = zlib.decompress(stream[1])
        except zlib.error:
            return stream[0]
        packed = zlib.compress(plain.replace(b"/ActualText", b"/ActualTexX"), 9)
        return b"stream\n" + packed.ljust(len(stream[1])) + b"\nendstream"

    found = re.sub(rb"stream\n(.*?)\nendstream", blinded, pdf, flags=re.DOTALL)
    assert len(found) == len(pdf)
    return found


@pytest.mark.parametrize("hints", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_identical_and_in_order_and_no_word_is_lost(name: str, hints: bool) -> None:
    blocks = Pdf().parse(content(name) if hints else without_hints(content(name)))
    assert NUMBER.findall(words(blocks)) == NUMBER.findall(truth(name))
    said, found = Counter(WORD.findall(truth(name))), Counter(WORD.findall(words(blocks)))
    assert sum((said & found).values()) / sum(said.values()) >= (1.0 if hints else 0.99)
    assert not any(block.suspect for block in blocks)


def test_sentences_are_read_whole() -> None:
    blocks = Pdf().parse(content("policy.ar"))
    for line in truth("policy.ar").splitlines():
        if line.strip():
            assert " ".join(line.split()) in [block.text for block in blocks]


def test_a_ruled_table_names_every_cell() -> None:
    rows = [b.text for b in Pdf().parse(content("cafe.ar")) if b.kind is BlockKind.TABLE_ROW]
    assert rows == [
        "المشروب: قهوة مختصة | الحجم: كبير | السعر: ١٢٫٥٠ ر.س | Price: 12.50 SAR",
        "المشروب: لاتيه بالحليب | الحجم: وسط | السعر: ١٨٫٧٥ ر.س | Price: 18.75 SAR",
        "المشروب: شاي كرك (حار) | الحجم: صغير | السعر: ٥ ر.س | Price: 5 SAR",
    ]


def test_a_table_without_lines_is_recognised_by_its_columns() -> None:
    rows = [b.text for b in Pdf().parse(content("branches.ar")) if b.kind is BlockKind.TABLE_ROW]
    assert rows == [
        "الأحد - الخميس | 9:00 - 17:30",
        "الجمعة | ١٤:٠٠ - ٢٢:٠٠",
        "السبت | مغلق",
        "الصنف: كابتشينو | السعر: 16 ريال | السعرات: 120 kcal",
        "الصنف: موكا بالشوكولاتة البيضاء | السعر: ٢١٫٥٠ ريال | السعرات: ٣٤٠ سعرة",
        "الصنف: Flat White | السعر: 17.25 SAR | السعرات: 95",
    ]


def test_columns_are_read_one_after_the_other() -> None:
    long = [b.text for b in Pdf().parse(content("branches.ar")) if len(b.text) > 200]
    assert len(long) == 2
    assert all(text.count("(VIP) تتسع إلى 18 شخصًا بسعر 350.00 ريال") == 3 for text in long)


def test_titles_headings_and_pages_are_known() -> None:
    blocks = Pdf().parse(content("clinic.en"))
    assert [(b.kind, b.text, b.level) for b in blocks if b.level] == [
        (BlockKind.TITLE, "Bright Dental Clinic", 1),
        (BlockKind.HEADING, "Prices", 2),
    ]
    assert {b.page for b in blocks} == {1}


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        (b"BT /F1 12.5 Tf -3 .5 Td % why\n(a) Tj ET", ["BT", "F1", 12.5, "Tf", -3, 0.5, "Td", b"a", "Tj", "ET"]),
        (rb"(a\)\\ \101\7\n) '", [b"a)\\ A\x07\n", "'"]),
        (b"<48 6> Tj [(a) -12 <4a>] TJ T*", [b"H`", "Tj", [b"a", -12, b"J"], "TJ", "T*"]),
        (
            b"/A#20b<</ActualText<FEFF0627>/K[1 true null]>>BDC",
            ["A b", {"ActualText": b"\xfe\xff\x06'", "K": [1, True, None]}, "BDC"],
        ),
        (b"[<</MCID 0>>] x", [[{"MCID": 0}], "x"]),
        (b"", []),
    ],
)  # fmt: skip
def test_content_is_cut_into_operands_and_operators(content: bytes, tokens: list[object]) -> None:
    found = list(scan(content))
    assert [getattr(token, "name", token) for token in found] == tokens
    assert [isinstance(token, Operator) for token in found] == [
        isinstance(token, str) and token not in ("F1", "A b") for token in tokens
    ]


@pytest.mark.parametrize(
    "content", [b"(a (b) c) Tj", b"BI /W 1 ID x EI", b"] Tj", b"{ }", b"(open", b"(" * 99_999]
)
def test_what_the_scanner_does_not_know_is_left_to_pdfminer(content: bytes) -> None:
    with pytest.raises(Unusual):
        list(scan(content))


def test_a_page_that_the_scanner_does_not_know_is_read_all_the_same() -> None:
    (block,) = Pdf().parse(plain_pdf([["Latte (hot (very)) 18.75 SAR"]]))
    assert block.text == "Latte (hot (very)) 18.75 SAR"


def line(text: str, base: float, size: float = 10.0) -> list[Glyph]:
    """A line as drawn, one glyph a letter, from the left."""
    return [
        Glyph(char, 50 + 5.0 * n, 55 + 5.0 * n, base, size, "Plain") for n, char in enumerate(text)
    ]


@pytest.mark.parametrize(
    ("sheet", "suspect"),
    [
        (Sheet(1, 600, line("ةريبكلا ةنيدملا يف ةوهقلا", 700)), False),
        (Sheet(1, 600, line("القهوة في المدينة الكبيرة", 700)), True),  # Drawn in the wrong order.
        (Sheet(1, 600, line("price " + UNKNOWN * 5, 700)), True),
        (Sheet(1, 600, line("price 12", 700), sideways=9), True),
        (Sheet(1, 600, images=True), True),
        (Sheet(1, 600, line("price 12", 700), images=True), False),
        (Sheet(1, 600), False),
    ],
)
def test_a_page_that_may_be_misread_is_suspect(sheet: Sheet, suspect: bool) -> None:
    assert is_suspect(sheet, read(sheet)) is suspect


def test_the_order_of_drawing_does_not_matter() -> None:
    glyphs = line("ةعاس ٢٤ رادم ىلع", 700)
    for drawn in (glyphs, glyphs[::-1], glyphs[::2] + glyphs[1::2]):
        (paragraph,) = read(Sheet(1, 600, drawn))
        assert paragraph.text == "على مدار ٢٤ ساعة"


def test_running_heads_are_left_out_and_prices_stay() -> None:
    pages = [[f"Cafe Wafaa - page {n} of 5", f"Blend costs {n}9 SAR."] for n in range(1, 6)]
    blocks = Pdf().parse(plain_pdf(pages))
    assert [block.text for block in blocks] == [price for _, price in pages]


def test_a_pdf_without_text_says_so() -> None:
    with pytest.raises(InvalidInput, match="pictures"):
        Pdf().parse(plain_pdf([[]]))


def plain_pdf(pages: list[list[str]]) -> bytes:
    """A PDF of Latin lines, 100 points apart."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for n, lines in enumerate(pages):
        drawn = "".join(
            f"BT /F 12 Tf 50 {700 - 100 * k} Td ({text}) Tj ET\n" for k, text in enumerate(lines)
        )
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>/Contents {5 + 2 * n} 0 R>>"
        )
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
    body = "".join(f"{n} 0 obj\n{text}\nendobj\n" for n, text in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R>>\n".encode()

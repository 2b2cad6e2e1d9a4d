"""What each parser makes of an ordinary file, in Arabic and English."""

from collections.abc import Sequence
from io import BytesIO

import pytest
from docx import Document
from docx.oxml import OxmlElement

from app.core.errors import InvalidInput, TooLarge
from app.services.knowledge.base import Block, BlockKind
from app.services.knowledge.parsers.csv import Csv
from app.services.knowledge.parsers.docx import Docx
from app.services.knowledge.parsers.html import Html
from app.services.knowledge.parsers.markdown import Markdown
from app.services.knowledge.parsers.text import Text


def short(blocks: Sequence[Block]) -> list[tuple[str, ...]]:
    """Kind and text, and the question where there is one."""
    return [
        (block.kind.value, block.text) + ((block.question,) if block.question else ())
        for block in blocks
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("نفتح من ٩ إلى ٥".encode(), "نفتح من ٩ إلى ٥"),
        ("نفتح من 9".encode("utf-8-sig"), "نفتح من 9"),
        ("نفتح من ٩".encode("utf-16"), "نفتح من ٩"),
        ("Open at 9".encode("utf-16-le"), "Open at 9"),
        ("Open at 9".encode("utf-16-be"), "Open at 9"),
        ("نفتح من 9 إلى 5".encode("cp1256"), "نفتح من 9 إلى 5"),
        ("Café à 12 €, déjà vu".encode("cp1252"), "Café à 12 €, déjà vu"),
        ("قهوة".encode()[:-1], "قهو\ufffd"),
        ("A\u202e\u200b\x07\U000e0041B\ue000".encode(), "AB"),
    ],
)
def test_text_in_any_encoding_is_read(content: bytes, text: str) -> None:
    assert short(Text().parse(content)) == [("paragraph", text)]


def test_text_knows_paragraphs_lists_and_questions() -> None:
    source = (
        "ساعات العمل\r\nمن ٩ إلى ٥\r\n\r\n- قهوة\n- شاي\n\nس: هل لديكم توصيل؟\nج: نعم، خلال ٤٥ دقيقة.\n\n"
        "Q: Do you deliver?\n"
        "A: Yes.\nWithin 45 minutes.\n\n"
        "A sentence that some editor wrapped after sixty characters or\nso goes on."
    )
    assert short(Text().parse(source.encode())) == [
        ("paragraph", "ساعات العمل\nمن ٩ إلى ٥"),
        ("list_item", "قهوة"),
        ("list_item", "شاي"),
        ("question_answer", "نعم، خلال ٤٥ دقيقة.", "هل لديكم توصيل؟"),
        ("question_answer", "Yes.\nWithin 45 minutes.", "Do you deliver?"),
        ("paragraph", "A sentence that some editor wrapped after sixty characters or so goes on."),
    ]


def test_markdown_knows_titles_lists_tables_and_addresses() -> None:
    source = """---
lang: ar
---
# مقهى وفاء

نص **غامق** و[موقعنا](https://wafaa.example/menu) بسعر ~~20~~ 18 ريالًا.

1. قهوة
2. شاي
   - كرك

| Item | Price |
|------|-------|
| Latte | 18.75 SAR |
| Tea |  |

## Hours

<p>From <b>9</b> to 5</p>

    code 1.50
"""
    blocks = Markdown().parse(source.encode())
    assert short(blocks) == [
        ("title", "مقهى وفاء"),
        ("paragraph", "نص غامق وموقعنا (https://wafaa.example/menu) بسعر 18 ريالًا."),
        ("list_item", "قهوة"),
        ("list_item", "شاي"),
        ("list_item", "كرك"),
        ("table_row", "Item: Latte | Price: 18.75 SAR"),
        ("table_row", "Item: Tea"),
        ("heading", "Hours"),
        ("paragraph", "From 9 to 5"),
        ("paragraph", "code 1.50"),
    ]
    assert [block.level for block in blocks if block.kind is BlockKind.HEADING] == [2]


def test_markdown_takes_its_title_from_the_front_matter() -> None:
    assert short(Markdown().parse(b"---\ntitle: 'Menu'\n---\n# Drinks\n")) == [
        ("title", "Menu"),
        ("heading", "Drinks"),
    ]


def test_html_is_read_as_a_visitor_reads_it() -> None:
    source = """<!doctype html><html lang="ar" dir="rtl"><head><title>قائمة الأسعار</title><style>p { color: red
    }</style></head><body>
      <nav>الرئيسية</nav><h1>مشروباتنا</h1>نص قبل <b>12</b>.50 ريال
      <p>اتصل <a href="tel:+966920001234">بنا</a> أو <a href="https://wafaa.example">الموقع</a><br>سطر آخر</p>
      <p hidden>مخفي</p><p style="display: none">مخفي</p><div aria-hidden="true">مخفي</div>
      <ul><li>واحد <s>20</s></li><li>اثنان<ul><li>ثلاثة</li></ul></li></ul>
      <table><caption>الأسعار</caption><tr><th>الصنف</th><th>السعر</th></tr><tr><td>لاتيه</td><td><del>20</del>
      <p>١٨٫٧٥</p></td></tr></table>
      <table><tr><td><h2>إطار</h2></td><td>ليس جدولًا</td></tr></table>
      <details><summary>هل لديكم توصيل؟</summary><p>نعم.</p><p>خلال ٤٥ دقيقة.</p></details>
      <dl><dt>Parking?</dt><dd>Yes, 40 places</dd><dt>Wi-Fi</dt><dd>100 Mbps</dd></dl>
      <footer>حقوق النشر</footer><script>alert(1)</script><noscript>x</noscript></body></html>"""
    assert short(Html().parse(source.encode())) == [
        ("title", "قائمة الأسعار"),
        ("heading", "مشروباتنا"),
        ("paragraph", "نص قبل 12.50 ريال"),
        ("paragraph", "اتصل بنا (+966920001234) أو الموقع (https://wafaa.example)\nسطر آخر"),
        ("list_item", "واحد"),
        ("list_item", "اثنان"),
        ("list_item", "ثلاثة"),
        ("paragraph", "الأسعار"),
        ("table_row", "الصنف: لاتيه | السعر: ١٨٫٧٥"),
        ("heading", "إطار"),
        ("paragraph", "ليس جدولًا"),
        ("question_answer", "نعم.\nخلال ٤٥ دقيقة.", "هل لديكم توصيل؟"),
        ("question_answer", "Yes, 40 places", "Parking?"),
        ("paragraph", "Wi-Fi: 100 Mbps"),
    ]


def test_html_says_its_encoding() -> None:
    source = '<meta charset="windows-1256"><p>قهوة 12</p>'.encode("cp1256")
    assert short(Html().parse(source)) == [("paragraph", "قهوة 12")]


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("question,answer\nDo you deliver?,Yes\n", [("question_answer", "Yes", "Do you deliver?")]),
        (
            "\ufeffالسؤال;الجواب\nهل لديكم توصيل؟;نعم، خلال ٤٥ دقيقة\n",
            [("question_answer", "نعم، خلال ٤٥ دقيقة", "هل لديكم توصيل؟")],
        ),
        (
            "Question (AR)\tAnswer (AR)\tQuestion (EN)\tAnswer (EN)\nمتى؟\tالآن\tWhen?\tNow\n",
            [("question_answer", "الآن", "متى؟"), ("question_answer", "Now", "When?")],
        ),
        (
            'Category,Question,Answer\nPay,"Cash, or card?","Both.\nAnd mada."\n',
            [("question_answer", "Both.\nAnd mada.", "Cash, or card?")],
        ),
        (
            "When do you open?,At 9\nWhere?,Riyadh\n",
            [("question_answer", "At 9", "When do you open?"), ("question_answer", "Riyadh", "Where?")],
        ),
        (
            "الصنف,السعر\nلاتيه,١٨٫٧٥\n,\nشاي,٧,حار\n",
            [("table_row", "الصنف: لاتيه | السعر: ١٨٫٧٥"), ("table_row", "الصنف: شاي | السعر: ٧ | حار")],
        ),
        ("Name|Phone\nRiyadh|920001234\n", [("table_row", "Name: Riyadh | Phone: 920001234")]),
        ("Item,Note\nLatte,=HYPERLINK(\"http://x\")\n", [("table_row", 'Item: Latte | Note: =HYPERLINK("http://x")')]),
        ("1,2\n3,4\n", [("table_row", "1 | 2"), ("table_row", "3 | 4")]),
        ("السؤال,الجواب\nمتى؟,\n", [("table_row", "السؤال: متى؟")]),
    ],
)  # fmt: skip
def test_csv_is_questions_or_rows(source: str, blocks: list[tuple[str, ...]]) -> None:
    assert short(Csv().parse(source.encode())) == blocks


def test_csv_from_arabic_excel_is_read() -> None:
    source = "السؤال;الجواب\nمتى تفتحون؟;الساعة 9".encode("cp1256")
    assert short(Csv().parse(source)) == [("question_answer", "الساعة 9", "متى تفتحون؟")]


def test_csv_with_absurd_cells_or_columns_is_refused() -> None:
    with pytest.raises(TooLarge):
        Csv().parse(b",".join([b"a"] * 100_000))
    with pytest.raises(InvalidInput):
        Csv().parse(b'"' + b"a" * 300_000)
    with pytest.raises(InvalidInput):
        Csv().parse(b",,,\n,,,\n")


def _document() -> bytes:
    document = Document()
    document.add_heading("مقهى وفاء", 0)
    document.add_heading("Prices", 2)
    paragraph = document.add_paragraph("Delivery takes ")
    paragraph.add_run("45").bold = True
    paragraph.add_run(" minutes.")
    paragraph.add_run(" Secret").font.hidden = True
    paragraph.add_run(" Old").font.strike = True
    document.add_paragraph("قهوة", style="List Bullet")
    table = document.add_table(3, 3)
    rows = (("الصنف", "الحجم", "السعر"), ("لاتيه", "كبير", "١٨٫٧٥"), ("", "صغير", "١٥"))
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    frame = document.add_table(1, 1)
    frame.cell(0, 0).text = "In a frame"
    questions = document.add_table(2, 2)
    for cell, text in zip(
        (cell for row in questions.rows for cell in row.cells),
        ("Question", "Answer", "Do you deliver?", "Yes"),
        strict=True,
    ):
        cell.text = text
    deleted = document.add_paragraph("Kept")
    removed = OxmlElement("w:del")
    removed.append(deleted.add_run(" and deleted")._r)
    deleted._p.append(removed)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def test_docx_knows_headings_lists_tables_and_what_is_hidden() -> None:
    blocks = Docx().parse(_document())
    assert short(blocks) == [
        ("title", "مقهى وفاء"),
        ("heading", "Prices"),
        ("paragraph", "Delivery takes 45 minutes."),
        ("list_item", "قهوة"),
        ("table_row", "الصنف: لاتيه | الحجم: كبير | السعر: ١٨٫٧٥"),
        ("table_row", "الصنف: لاتيه | الحجم: صغير | السعر: ١٥"),
        ("paragraph", "In a frame"),
        ("question_answer", "Yes", "Do you deliver?"),
        ("paragraph", "Kept"),
    ]
    assert blocks[1].level == 2

"""A business teaches its files through the API; what can't be read is told in the reader's language."""

import asyncio
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fixtures.product import Business, Product
from tests.hostile.files import SEED, corpus
from tests.unit.test_parsers_pdf import plain_pdf

FILES = Path(__file__).parents[1] / "payloads" / "files"
FAQ = (
    'question,answer\nDo you have Wi-Fi?,"Yes, free for guests."\nهل يوجد مواقف؟,نعم، أمام الفرع.\n'
)
PAGE = "<html><title>Delivery</title><body><h1>Delivery</h1><p>Delivery costs 15 SAR.</p></body></html>"


def a_docx(text: str) -> bytes:
    """The least that Word would open."""
    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    )
    kinds = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    links = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", kinds)
        archive.writestr("_rels/.rels", links)
        archive.writestr("word/document.xml", body)
    return packed.getvalue()


async def upload(
    product: Product, business: Business, name: str, content: bytes, language: str = "en"
) -> dict[str, Any]:
    """Uploads a file, lets it be learned, and tells what became of it."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type="application/octet-stream")
    headers = business.staff | {"Accept-Language": language}
    async with product.api.post("/v1/documents", data=form, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
        taken = await answer.json()
    await product.services.worker.drain()
    async with product.api.get(f"/v1/documents/{taken['id']}", headers=headers) as answer:
        document: dict[str, Any] = await answer.json()
        return document


async def found(product: Product, business: Business, query: str) -> str:
    """The first passage of a search."""
    async with product.api.get("/v1/search", params={"q": query}, headers=business.staff) as answer:
        passages = await answer.json()
        return f"{passages[0]['question'] or ''} {passages[0]['text']}"


@pytest.mark.parametrize(
    ("name", "content", "query", "expected"),
    [
        ("hours.txt", b"We open at seven in the morning.", "When do you open?", "seven"),
        ("menu.md", "# القائمة\n\nسعر اللاتيه 18 ريالًا.".encode(), "كم سعر اللاتيه؟", "18"),
        ("page.html", PAGE.encode(), "How much is delivery?", "15 SAR"),
        ("faq.csv", FAQ.encode(), "هل يوجد مواقف؟", "أمام الفرع"),
        ("note.docx", a_docx("Birthday cakes need two days."), "birthday cakes", "two days"),
        ("cafe.ar.pdf", (FILES / "cafe.ar.pdf").read_bytes(), "أسعار القهوة", "١٢٫٥٠ ر.س"),
    ],
)
async def test_every_kind_of_file_is_learned_and_found(
    product: Product, name: str, content: bytes, query: str, expected: str
) -> None:
    business = await product.business("bakery")
    document = await upload(product, business, name, content)
    assert (document["status"], document["progress"], document["error"]) == ("ready", 1.0, None)
    assert document["doubtful_pages"] == []
    assert expected in await found(product, business, query)


@pytest.mark.parametrize(
    ("language", "name", "content", "said"),
    [
        ("en", "menu.docx", b"PK\x03\x04 broken", "This file is broken."),
        ("ar", "menu.docx", b"PK\x03\x04 broken", "هذا الملف تالف."),
        ("en", "menu.pdf", b"%PDF-1.7 nothing else", "This PDF is broken."),
        ("ar", "menu.pdf", b"%PDF-1.7 nothing else", "ملف PDF هذا تالف."),
        ("en", "photo.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "can't be read"),
        ("ar", "photo.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "لا "),
    ],
)
async def test_a_file_that_cant_be_read_is_told_in_the_readers_language_and_costs_no_knowledge(
    product: Product, language: str, name: str, content: bytes, said: str
) -> None:
    business = await product.business("bakery", documents={"hours.md": "We open at seven."})
    await product.drain()
    document = await upload(product, business, name, content, language)
    assert document["status"] == "failed"
    assert said in document["error"]
    assert "seven" in await found(product, business, "When do you open?")


async def test_hostile_files_are_told_in_words_and_the_next_file_is_learned(
    product: Product,
) -> None:
    """Check 46: by way of the API and a worker, while the API goes on."""
    business = await product.business("bakery")
    known = corpus()
    for name in random.Random(SEED).sample(sorted(known), 8):  # noqa: S311
        form = aiohttp.FormData()
        form.add_field("file", known[name].make(), filename=f"{name[:20]}.{known[name].name[-4:]}")
        async with product.api.post("/v1/documents", data=form, headers=business.staff) as answer:
            assert answer.status in (202, 409, 413, 415, 422), await answer.text()
    learning = asyncio.create_task(product.services.worker.drain())
    while not learning.done():
        async with product.api.get("/health/live") as answer:
            assert answer.status == 200
        await asyncio.sleep(0.1)
    await learning
    async with product.api.get("/v1/documents", headers=business.staff) as answer:
        documents = await answer.json()
    assert documents
    assert all(one["status"] == "ready" or one["error"] for one in documents)
    good = await upload(product, business, "hours.txt", b"We open at seven in the morning.")
    assert good["status"] == "ready"


async def test_pages_that_may_have_been_misread_are_named(product: Product) -> None:
    """The second page is a picture of a page, as scanners make them."""
    business = await product.business("bakery")
    words, picture = b"(Latte 18 SAR) Tj", b"500 0 0 700 0 0 cm /I Do"
    scanned = plain_pdf([["Latte 18 SAR"], ["x"]])
    text = b"BT /F 12 Tf 50 700 Td (x) Tj ET\n"
    assert words in scanned
    assert text in scanned
    image = b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>"
    page = scanned.replace(text, picture.ljust(len(text)))
    page = page.replace(b"/Font<</F 3 0 R>>", b"/Font<</F 3 0 R>>/XObject<</I 8 0 R>>")
    page = page.replace(b"trailer", b"8 0 obj\n" + image + b"stream\n0\nendstream\nendobj\ntrailer")
    document = await upload(product, business, "menu.pdf", page)
    assert document["status"] == "ready"
    assert document["doubtful_pages"] == [2]

"""What a file is, told by its content first and its claims second; and what may be unpacked."""

import zipfile
from io import BytesIO

import pytest

from app.core.errors import InvalidInput, TooLarge, UnsupportedMedia, WafaaError
from app.services.knowledge._confined import read
from app.services.knowledge._sniff import DOCX, HTML, PDF, TEXT, media_type_of
from app.services.knowledge.parsers import _zip


def archive(*names: str, content: bytes = b"x", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for name in names:
            packed.writestr(name, content)
    return file.getvalue()


WORD = archive("[Content_Types].xml", "word/document.xml")


@pytest.mark.parametrize(
    ("content", "claimed", "filename", "found"),
    [
        (b"Menu", "", "", TEXT),
        (b"Menu", "TEXT/PLAIN; charset=utf-8", "menu", TEXT),
        (b"Menu", "text/plain", "menu.csv", "text/csv"),
        (b"Menu", "text/markdown", "menu.txt", "text/markdown"),
        (b"Menu", "text/x-markdown", "C:\\files\\menu", "text/markdown"),
        (b"Menu", "application/vnd.ms-excel", "menu.csv", "text/csv"),
        (b"Menu", "", "menu.v2", TEXT),
        ("قهوة".encode("utf-16"), "", "menu.txt", TEXT),
        ("Menu and prices".encode("utf-16-le"), "", "menu.txt", TEXT),
        (b"<!-- x --> <HTML lang=ar>", "", "page", HTML),
        (b"<html>", "text/plain", "page.txt", TEXT),
        (b"<p>", "", "page.html", HTML),
        (b"\n%PDF-1.7", "", "menu", PDF),
        (b"%PDF-1.7", "application/x-pdf", "menu.PDF", PDF),
        (WORD, "application/octet-stream", "menu", DOCX),
        (WORD, DOCX, "menu.docx", DOCX),
    ],
)
def test_a_file_is_what_its_content_and_its_claims_say(
    content: bytes, claimed: str, filename: str, found: str
) -> None:
    assert media_type_of(content, claimed, filename) == found


@pytest.mark.parametrize(
    ("content", "claimed", "filename", "refusal"),
    [
        (b"", "", "", InvalidInput),
        (b"\xef\xbb\xbf \n", "", "", InvalidInput),
        (b"Menu", PDF, "menu.pdf", InvalidInput),
        (b"%PDF-1.7", "text/plain", "menu.txt", InvalidInput),
        (b"%PDF-1.7", "image/png", "menu.pdf", UnsupportedMedia),
        (b"Menu", "", "menu.exe", UnsupportedMedia),
        (b"Menu", "audio/mpeg", "menu.txt", UnsupportedMedia),
        (b"\x89PNG\r\n\x1a\n", "", "menu", UnsupportedMedia),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", "menu.doc", InvalidInput),
        (b"a\0b\0\0\0c", "", "menu.txt", InvalidInput),
        (archive("xl/workbook.xml"), "", "menu.xlsx", UnsupportedMedia),
        (b"PK\x03\x04", "", "menu.docx", InvalidInput),
    ],
)
def test_a_file_that_is_nothing_we_read_or_not_what_it_says_is_refused(
    content: bytes, claimed: str, filename: str, refusal: type[WafaaError]
) -> None:
    with pytest.raises(refusal):
        media_type_of(content, claimed, filename)


def test_a_file_is_read_by_the_parser_for_what_it_is() -> None:
    assert [block.text for block in read(b"# Menu", "", "menu.md")] == ["Menu"]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (archive("a", content=b" " * (50 * 2**20)), TooLarge),
        (archive("a", content=b" " * (2 * 2**20)), TooLarge),
        (archive(*map(str, range(3_000))), TooLarge),
        (archive(*map(str, range(5_000))), TooLarge),
        (archive("../a"), InvalidInput),
        (archive("/a"), InvalidInput),
        (archive("C:/a"), InvalidInput),
        (archive("a/../../b"), InvalidInput),
        (archive("a.zip"), InvalidInput),
        (archive("a", method=zipfile.ZIP_LZMA), InvalidInput),
        (archive("a").replace(b"\x14\x00\x00\x00\x08", b"\x14\x00\x01\x00\x08"), InvalidInput),
        (archive("aa", "ab").replace(b"ab", b"aa"), InvalidInput),
        (b"PK\x05\x06", InvalidInput),
    ],
)
def test_an_archive_that_means_harm_is_not_unpacked(
    content: bytes, refusal: type[WafaaError]
) -> None:
    with pytest.raises(refusal):
        _zip.names(content)


def test_an_archive_may_hold_the_tables_behind_its_charts() -> None:
    assert _zip.names(archive("word/embeddings/sheet.xlsx")) == {"word/embeddings/sheet.xlsx"}

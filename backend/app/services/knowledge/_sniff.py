"""Decides what kind of file this is: by its content first, then by what it claims to be. Both must fit."""

import re
from mimetypes import types_map
from pathlib import PurePosixPath
from typing import NoReturn

from app.core.errors import InvalidInput, UnsupportedMedia
from app.services.knowledge.parsers import _zip

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"
HTML = "text/html"

_BY_EXTENSION = {
    **types_map,
    **dict.fromkeys((".exe", ".dll", ".so", ".bin"), "application/x-binary"),
    ".docx": DOCX,
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".log": TEXT,
    ".xhtml": HTML,
}
_SAME = {
    "application/x-pdf": PDF,
    "application/csv": "text/csv",
    "text/tab-separated-values": "text/csv",
    "text/x-markdown": "text/markdown",
    "application/xhtml+xml": HTML,
}
_SAYS_NOTHING = {
    "",
    "application/octet-stream",
    "binary/octet-stream",
    "application/force-download",
    "*/*",
}
_CALLED_EXCEL = "application/vnd.ms-excel"
"""What Windows' browsers call a CSV file."""

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BINARY = (
    *(
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"BM",
        b"RIFF",
        b"II*\0",
        b"MM\0*",
        b"\0\0\1\0",
        b"\0asm",
        b"\x7fELF",
        b"MZ\x90",
    ),
    *(
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ",
        b"7z\xbc\xaf",
        b"Rar!",
        b"\x28\xb5\x2f\xfd",
        b"ID3",
        b"OggS",
        b"%!PS",
        b"{\\rtf",
    ),
    *(b"SQLite format 3", b"\xca\xfe\xba\xbe", b"ustar", b"\0\0\0\x18ftyp", b"\0\0\0\x20ftyp"),
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_MARKUP = re.compile(
    rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_ACCEPTED = "Send text, Markdown, HTML, PDF, DOCX or CSV."


def media_type_of(content: bytes, claimed: str, filename: str) -> str:
    """The media type to read a file as.

    Args:
        content: The file.
        claimed: The media type that its sender gave; parameters don't matter.
        filename: Only its extension counts.

    Raises:
        InvalidInput: Empty, protected, broken, or not what it claims to be.
        UnsupportedMedia: Nothing that we read.
    """
    if not content.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise InvalidInput("This file is empty.")
    claims = _claims(claimed, filename)
    found = _by_content(content)
    if found == TEXT:
        return _kind_of_text(content, claims)
    if any(claim != found for claim in claims):
        _refuse(claims, found)
    return found


def _claims(claimed: str, filename: str) -> list[str]:
    """What name and media type say, the name first: it is what a person chose. Unknown words say nothing."""
    media_type = claimed.partition(";")[0].strip().lower()
    by_name = _BY_EXTENSION.get(PurePosixPath(filename.replace("\\", "/")).suffix.lower(), "")
    if media_type == _CALLED_EXCEL and by_name == "text/csv":
        media_type = ""
    said = (_SAME.get(by_name, by_name), _SAME.get(media_type, media_type))
    return [claim for claim in dict.fromkeys(said) if claim not in _SAYS_NOTHING]


def _by_content(content: bytes) -> str:
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n\0")[:1024]
    if start.startswith(b"%PDF-"):
        return PDF
    if content.startswith(_OLD_OFFICE):
        raise InvalidInput(
            "This is a protected or an old Office document. Save it as DOCX without a password."
        )
    if content.startswith(_ZIP):
        return _by_archive(content)
    if content.startswith(_BINARY):
        raise UnsupportedMedia(f"Files of this kind can't be read. {_ACCEPTED}")
    if b"\0" in content and not _is_wide(content):
        raise InvalidInput("This file holds bytes that are no text. Save it as text in UTF-8.")
    return TEXT


def _by_archive(content: bytes) -> str:
    names = _zip.names(content)
    if "word/document.xml" in names and "[Content_Types].xml" in names:
        return DOCX
    raise UnsupportedMedia(f"Archives and other Office documents can't be read. {_ACCEPTED}")


def _is_wide(content: bytes) -> bool:
    """UTF-16: a mark at the start, or zeros at every other byte and nowhere else."""
    if content.startswith(_WIDE):
        return True
    even, odd = content[0::2].count(0), content[1::2].count(0)
    return min(even, odd) * 20 < max(even, odd) and max(even, odd) * 8 > len(content)


def _kind_of_text(content: bytes, claims: list[str]) -> str:
    known = [claim for claim in claims if claim.startswith("text/") or claim == _CALLED_EXCEL]
    if len(known) < len(claims):
        _refuse(claims, TEXT)
    special = [claim for claim in known if claim not in (TEXT, _CALLED_EXCEL)]
    if special:
        return special[0]
    return HTML if not known and _MARKUP.match(content[:4096]) else TEXT


def _refuse(claims: list[str], found: str) -> NoReturn:
    if not all(claim in (PDF, DOCX, found) or claim.startswith("text/") for claim in claims):
        raise UnsupportedMedia(
            f"Files of the type {' or '.join(claims)} can't be read. {_ACCEPTED}"
        )
    raise InvalidInput(
        f"This file says it is {' and '.join(claims)}, but its content is {found}. Send it as what it is."
    )

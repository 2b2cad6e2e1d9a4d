"""Looks at an archive's directory before anything of it is unpacked."""

from collections.abc import Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from app.core.errors import InvalidInput, TooLarge

MAX_ENTRIES = 2_000
MAX_ENTRY = 40 * 2**20
MAX_TOTAL = 120 * 2**20
MAX_RATIO = 150
"""Text in XML shrinks to a twentieth; what shrinks further than this was made to swell."""
_RATIO_FROM = 2**20
"""Small entries may shrink as they like."""

_DIRECTORY_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1
_ARCHIVES = (
    ".zip",
    ".docx",
    ".xlsx",
    ".pptx",
    ".jar",
    ".7z",
    ".rar",
    ".gz",
    ".bz2",
    ".xz",
    ".tar",
    ".zst",
)
_EMBEDDED = "word/embeddings/"
"""Where a document keeps the tables behind its charts; nobody opens them here."""


def names(content: bytes) -> frozenset[str]:
    """The names of an archive's entries, once it is known to be harmless to unpack.

    Raises:
        InvalidInput: Broken, encrypted, or with names that lead elsewhere.
        TooLarge: It would unfold beyond the limits.
    """
    if content.count(_DIRECTORY_ENTRY) > 2 * MAX_ENTRIES:
        raise TooLarge("This archive holds too many entries.")
    try:
        with ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
    except (BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise InvalidInput("This file is broken. Save it again and send that.") from error
    _check_sizes(entries)
    _check_entries(entries)
    return frozenset(entry.filename for entry in entries)


def _check_sizes(entries: Sequence[ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise TooLarge("This archive holds too many entries.")
    if sum(entry.file_size for entry in entries) > MAX_TOTAL or any(
        entry.file_size > MAX_ENTRY for entry in entries
    ):
        raise TooLarge("This file unfolds to more than can be read. Split it.")
    if any(
        entry.file_size > _RATIO_FROM and entry.file_size > MAX_RATIO * entry.compress_size
        for entry in entries
    ):
        raise TooLarge("This file unfolds to far more than its size.")


def _check_entries(entries: Sequence[ZipInfo]) -> None:
    found = [entry.filename for entry in entries]
    if len(set(found)) != len(found) or any(
        _leads_elsewhere(entry.orig_filename) for entry in entries
    ):
        raise InvalidInput(
            "This archive's names aren't those of a document. Save it again and send that."
        )
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise InvalidInput("This file is protected. Save it without a password and send it again.")
    if any(entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for entry in entries):
        raise InvalidInput("This file is packed in an unusual way. Save it again and send that.")
    if any(name.lower().endswith(_ARCHIVES) and not name.startswith(_EMBEDDED) for name in found):
        raise InvalidInput("This file has another archive inside. Send the documents themselves.")


def _leads_elsewhere(name: str) -> bool:
    return (
        name.startswith("/")
        or "\\" in name
        or "\0" in name
        or ":" in name
        or ".." in name.split("/")
    )

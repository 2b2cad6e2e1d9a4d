"""Files that mean harm or are broken, made by code: the same ones in each run.

Each is small to make. What is large only when unpacked is here as well; what is large by itself, and what a refusal
has to say of it, is in ``contracts/test_parsers.py``.
"""

import gzip
import io
import random
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.services.knowledge._sniff import DOCX, PDF
from tests.hostile import documents, pdfs
from tests.hostile.build import docx, page, says, zipped

FILES = Path(__file__).parents[1] / "payloads" / "files"
SEED = 46


@dataclass(frozen=True)
class Hostile:
    """One file, and what it claims to be."""

    name: str
    media_type: str
    make: Callable[[], bytes]


def corpus() -> dict[str, Hostile]:
    """All of them, by what is wrong with each."""
    found: dict[str, Hostile] = {}
    for said, one in (*_of_kinds(), *_broken(), *_misnamed(), *_called_oddly()):
        assert said not in found, said
        found[said] = one
    return found


def _of_kinds() -> Iterator[tuple[str, Hostile]]:
    """What aims at the reader of a kind."""
    for table, ending, media_type in (
        (pdfs.TABLE, "pdf", PDF),
        (documents.ARCHIVES, "docx", DOCX),
        (documents.MARKUP, "docx", DOCX),
        (documents.CSV, "csv", "text/csv"),
        (documents.HTML, "html", "text/html"),
        (documents.MARKDOWN, "md", "text/markdown"),
        (documents.TEXT, "txt", "text/plain"),
    ):
        for said, make in table.items():
            yield f"{ending}: {said}", Hostile(f"menu.{ending}", media_type, make)


# Good files, spoilt


@cache
def _good() -> dict[str, bytes]:
    return {
        "cafe.pdf": (FILES / "cafe.ar.pdf").read_bytes(),
        "plain.pdf": page(says(b"Latte 18 SAR")),
        "menu.docx": docx(),
        "menu.html": b"<!doctype html><table><tr><th>a<td>b</table><p>Latte <b>18</b>" * 9,
        "menu.csv": b'question,answer\n"Open?","Yes, ""daily"""\n' * 9,
    }


def _broken() -> Iterator[tuple[str, Hostile]]:
    """Cut off, bits turned, pieces lost, doubled, emptied or swapped: of each good file, at places drawn by a seed."""
    harms = {
        "cut off": _cut, "turned bits": _turn, "lost": _lose, "doubled": _double, "emptied": _empty, "swapped": _swap,
    }  # fmt: skip
    for name in _good():
        for said, harm in harms.items():
            for seed in range(4):
                make = _harmed(name, harm, f"{SEED} {name} {said} {seed}")
                yield f"{name} {said} {seed}", Hostile(name, "", make)


Harm = Callable[[bytearray, random.Random], bytes | bytearray]


def _harmed(name: str, harm: Harm, seed: str) -> Callable[[], bytes]:
    return lambda: bytes(harm(bytearray(_good()[name]), random.Random(seed)))  # noqa: S311


def _span(content: bytearray, chance: random.Random) -> slice:
    start = chance.randrange(len(content))
    return slice(start, start + chance.randint(1, max(2, len(content) // 8)))


def _cut(content: bytearray, chance: random.Random) -> bytearray:
    return content[: chance.randrange(1, len(content))]


def _turn(content: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 8, 64))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def _lose(content: bytearray, chance: random.Random) -> bytearray:
    del content[_span(content, chance)]
    return content


def _double(content: bytearray, chance: random.Random) -> bytearray:
    span = _span(content, chance)
    return content[: span.stop] + content[span] * 3 + content[span.stop :]


def _empty(content: bytearray, chance: random.Random) -> bytearray:
    span = _span(content, chance)
    content[span] = bytes(len(content[span]))
    return content


def _swap(content: bytearray, chance: random.Random) -> bytearray:
    half = chance.randrange(1, len(content))
    return content[half:] + content[:half]


# Files that aren't what their name says


def _tar(name: str, link: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = tarfile.SYMTYPE, link
        archive.addfile(entry)
    return file.getvalue()


OTHERS: dict[str, Callable[[], bytes]] = {
    "a picture": lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06" + b"\0" * 99,
    "a photograph": lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\xff" * 99,
    "a drawing": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>1</script></svg>",
    "a picture that moves": lambda: b"GIF89a\xff\xff\xff\xff" + b"\0" * 99,
    "a program of Windows": lambda: b"MZ\x90\0" + b"\0" * 99,
    "a program of Linux": lambda: b"\x7fELF\x02\x01\x01" + b"\0" * 99,
    "a program of browsers": lambda: b"\0asm\x01\0\0\0",
    "a class": lambda: b"\xca\xfe\xba\xbe\0\0\0\x34",
    "a script": lambda: b"#!/bin/sh\nrm -rf /\n",
    "a page with a script": lambda: b"<html><script>alert(1)</script>",
    "gzip": lambda: gzip.compress(b"Latte" * 99),
    "an archive with a link out": lambda: _tar("menu.txt", "/etc/passwd"),
    "an archive that climbs out": lambda: _tar("../../menu.txt", "x"),
    "an archive": lambda: zipped({"menu.txt": b"Latte"}),
    "an archive in an archive": lambda: zipped({"a.zip": zipped({"b.zip": zipped({"c": b"x"})})}),
    "7z": lambda: b"7z\xbc\xaf\x27\x1c\0\x04" + b"\0" * 99,
    "rar": lambda: b"Rar!\x1a\x07\x01\0" + b"\0" * 99,
    "xz": lambda: b"\xfd7zXZ\0" + b"\0" * 99,
    "old Office": lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 999,
    "a sheet": lambda: zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<x/>"}),
    "RTF": lambda: b"{\\rtf1{\\object\\objupdate\\objdata 0105}}",
    "PostScript": lambda: b"%!PS\n(/etc/passwd)(r) file",
    "a database": lambda: b"SQLite format 3\0" + b"\0" * 99,
    "a film": lambda: b"\0\0\0\x18ftypmp42" + b"\0" * 99,
    "a PDF": lambda: page(says(b"Latte")),
    "a DOCX": docx,
    "a DOCX behind a PDF": lambda: page(says(b"Latte")) + docx(),
    "a PDF behind a picture": lambda: b"GIF89a/*" + page(says(b"Latte")),
    "pickled": lambda: b"cos\nsystem\n(S'id'\ntR.",
    "nothing": lambda: b"",
}  # fmt: skip


def _misnamed() -> Iterator[tuple[str, Hostile]]:
    """Other kinds under the names of ours, in turn."""
    names = (
        ("menu.pdf", PDF),
        ("menu.docx", DOCX),
        ("menu.txt", "text/plain"),
        ("menu.csv", "text/csv"),
    )
    for turn, (said, make) in enumerate(OTHERS.items()):
        for name, media_type in (names[turn % 4], names[(turn + 1) % 4]):
            yield f"{said} called {name}", Hostile(name, media_type, make)


NAMES = (
    "", " ", ".", "..", "/", "../../etc/passwd", "../../etc/cron.d/x.txt", "/etc/passwd.txt", "C:\\con.txt", "con.docx",
    "..\\..\\x.txt", "a\0.txt", "\0.pdf", "menu.pdf\0.txt", "menu.pdf.exe", "menu.exe.txt", "\u202etxt.exe",
    "x" * 5_000 + ".txt", "." * 300 + "txt", "%2e%2e%2f.txt", "a;id.txt", "$(id).txt", "`id`.txt", "\r\nX: y.txt",
    "a\ud800.txt", "{0.__class__}.txt", "%s%n.txt", "<script>.html", "'; DROP TABLE.csv", "menu.txt::$DATA", "-rf.txt",
)  # fmt: skip


def _called_oddly() -> Iterator[tuple[str, Hostile]]:
    """Harmless content under names that mean harm."""
    for name in NAMES:
        yield f"called {name[:30]!r}", Hostile(name, "", lambda: b"Latte 18 SAR")

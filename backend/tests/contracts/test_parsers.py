"""What every parser must do, and what the confined process does with files that mean harm."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from app.core import plugins
from app.core.errors import InvalidInput, TooLarge, UnsupportedMedia, WafaaError
from app.services.knowledge._confined import PARSERS, bounded, parser_for
from app.services.knowledge._sniff import DOCX, PDF
from app.services.knowledge.base import Block, BlockKind
from app.services.knowledge.parsing import Limits, parse
from tests.hostile.build import CATALOG, PAGE, PAGES, body, docx, pdf, stream, swollen

FILES = Path(__file__).parents[1] / "payloads" / "files"
ROOT = Path(__file__).parents[2]
REFUSALS = (InvalidInput, TooLarge, UnsupportedMedia)
MEMORY = 600 * 2**20


# Every parser


@pytest.fixture(params=plugins.names(PARSERS))
def name(request: pytest.FixtureRequest) -> str:
    """The file name of every parser."""
    return str(request.param)


def test_a_parser_is_found_by_each_of_its_media_types(name: str) -> None:
    parser = plugins.load(PARSERS, name).adapter()
    assert parser.media_types
    for media_type in parser.media_types:
        assert type(parser_for(media_type)) is type(parser)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\xff\xfe", b"PK\x03\x04", b"%PDF-1.7\n", bytes(range(256)) * 9]
)
def test_a_parser_answers_with_blocks_or_a_refusal(name: str, content: bytes) -> None:
    try:
        blocks = plugins.load(PARSERS, name).adapter().parse(content)
    except REFUSALS:
        return
    assert all(isinstance(block, Block) for block in blocks)


def test_there_is_no_parser_for_what_nobody_reads() -> None:
    with pytest.raises(UnsupportedMedia):
        parser_for("image/png")


# Ordinary files, through the confined process


@pytest.mark.parametrize(
    ("content", "media_type", "filename", "text"),
    [
        ("القهوة ١٨ ريالًا".encode(), "text/plain; charset=utf-8", "قائمة.txt", "القهوة ١٨ ريالًا"),
        (b"# Menu", "", "menu.md", "Menu"),
        (b"# Menu", "text/plain", "menu.md", "Menu"),
        (b"a,b\nx,1", "application/vnd.ms-excel", "menu.csv", "a: x | b: 1"),
        (b"a,b\nx,1", "application/octet-stream", "menu.CSV", "a: x | b: 1"),
        (b"a,b\nx,1", "text/csv", "", "a: x | b: 1"),
        (b"<!doctype html><p>Menu", "", "", "Menu"),
        (b"<p>Menu", "text/html", "menu", "Menu"),
        (b"Menu", "", "", "Menu"),
        (docx(), DOCX, "menu.docx", "Latte 18.75 SAR"),
        (docx(), "application/octet-stream", "menu", "Latte 18.75 SAR"),
        ((FILES / "clinic.en.pdf").read_bytes(), PDF, "clinic.pdf", "Bright Dental Clinic"),
    ],
)
async def test_a_file_is_read_as_what_it_is(
    content: bytes, media_type: str, filename: str, text: str
) -> None:
    blocks = await parse(content, media_type=media_type, filename=filename)
    assert blocks[0].text == text
    assert isinstance(blocks[0].kind, BlockKind)


async def test_blocks_come_back_as_they_were() -> None:
    direct = plugins.load(PARSERS, "pdf").adapter().parse((FILES / "cafe.ar.pdf").read_bytes())
    assert (
        await parse((FILES / "cafe.ar.pdf").read_bytes(), media_type=PDF, filename="x.pdf")
        == direct
    )


# Files that aren't what they claim to be


@pytest.mark.parametrize(
    ("content", "media_type", "filename", "refusal"),
    [
        (b"", "text/plain", "empty.txt", InvalidInput),
        (b" \r\n\0 ", "text/plain", "blank.txt", InvalidInput),
        (b"plain", PDF, "menu.pdf", InvalidInput),
        (b"plain", "text/plain", "menu.pdf", InvalidInput),
        (b"plain", DOCX, "menu.docx", InvalidInput),
        (b"plain", "image/png", "menu.png", UnsupportedMedia),
        (b"plain", "", "run.exe", UnsupportedMedia),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 99, "text/plain", "menu.txt", UnsupportedMedia),
        (b"MZ\x90\0" + b"\0" * 99, "text/plain", "menu.txt", UnsupportedMedia),
        (b"GIF89a;%PDF-1.4\n", PDF, "menu.pdf", UnsupportedMedia),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, DOCX, "menu.docx", InvalidInput),
        (b"Latte\0\0\0\0 18\0", "text/plain", "menu.txt", InvalidInput),
        (docx(), PDF, "menu.docx", InvalidInput),
        (docx(), DOCX, "menu.pdf", InvalidInput),
        (docx(), "text/html", "menu.html", InvalidInput),
        (b"%PDF-1.4\n" + docx(), DOCX, "menu.docx", InvalidInput),
        (
            docx().replace(b"word/document.xml", b"word/documint.xml"),
            DOCX,
            "menu.docx",
            UnsupportedMedia,
        ),
    ],
)
async def test_a_file_that_is_not_what_it_claims_is_refused(
    content: bytes, media_type: str, filename: str, refusal: type[WafaaError]
) -> None:
    with pytest.raises(refusal):
        await parse(content, media_type=media_type, filename=filename)


# Hostile files


def many_pages() -> bytes:
    kids = " ".join(f"{n} 0 R" for n in range(3, 100_003))
    return pdf(CATALOG, f"<</Type/Pages/Kids[{kids}]/Count 100000>>", *[PAGE] * 100_000)


def deep_pages() -> bytes:
    deep = [f"<</Type/Pages/Kids[{n} 0 R]/Count 1>>" for n in range(3, 20_003)]
    return pdf(CATALOG, *deep, PAGE)


def looping_pages() -> bytes:
    return pdf(CATALOG, "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>")


def looping_form() -> bytes:
    form = stream(
        b"/X Do /X Do /X Do",
        "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>",
    )
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>/Contents 5 0 R>>"
    return pdf(CATALOG, PAGES, page, form, stream(b"/X Do"))


def looping_length() -> bytes:
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    return pdf(
        CATALOG,
        PAGES,
        page,
        "<</Length 4 0 R>>stream\nx\nendstream",
    )


def swelling_pdf() -> bytes:
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    return pdf(CATALOG, PAGES, page, stream(swollen(b" ", 700), "/Filter/FlateDecode"))


def protected_pdf() -> bytes:
    lock = f"<</Filter/Standard/V 1/R 2/O<{'41' * 32}>/U<{'42' * 32}>/P -4>>"
    pages = (CATALOG, PAGES, PAGE, lock)
    return pdf(*pages, trailer="/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]")


def swelling_docx() -> bytes:
    return docx(body(" " * (60 * 2**20)))


def lying_docx() -> bytes:
    """Says that a large entry is small."""
    large = body("x" * (3 * 2**20))
    size = len(large).to_bytes(4, "little")
    return docx(large).replace(size, (500).to_bytes(4, "little"))


def laughing_docx() -> bytes:
    entities = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12))]
    return docx(body("&a12;", f"<!DOCTYPE x [{''.join(entities)}]>"))


def prying_docx() -> bytes:
    return docx(body("before &x; after", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'))


def deep_docx() -> bytes:
    return docx(body("</w:t>" + "<w:p><w:r>" * 20_000 + "</w:r></w:p>" * 20_000 + "<w:t>"))


HOSTILE: dict[str, tuple[Callable[[], bytes], str, type[WafaaError] | None]] = {
    "swelling.docx": (swelling_docx, DOCX, TooLarge),
    "lying.docx": (lying_docx, DOCX, InvalidInput),
    "laughing.docx": (laughing_docx, DOCX, InvalidInput),
    "prying.docx": (prying_docx, DOCX, None),
    "deep.docx": (deep_docx, DOCX, InvalidInput),
    "crowded.docx": (lambda: docx(**{f"word/{n}": b"" for n in range(5_000)}), DOCX, TooLarge),
    "slip.docx": (lambda: docx(**{"../../../tmp/slip": b"x"}), DOCX, InvalidInput),
    "absolute.docx": (lambda: docx(**{"/etc/cron.d/slip": b"x"}), DOCX, InvalidInput),
    "nested.docx": (lambda: docx(**{"word/inner.zip": docx()}), DOCX, InvalidInput),
    "truncated.docx": (lambda: docx()[:-40], DOCX, InvalidInput),
    "protected.pdf": (protected_pdf, PDF, InvalidInput),
    "truncated.pdf": (lambda: (FILES / "cafe.ar.pdf").read_bytes()[:20_000], PDF, InvalidInput),
    "many-pages.pdf": (many_pages, PDF, TooLarge),
    "deep-pages.pdf": (deep_pages, PDF, InvalidInput),
    "looping-pages.pdf": (looping_pages, PDF, InvalidInput),
    "looping-form.pdf": (looping_form, PDF, None),
    "looping-length.pdf": (looping_length, PDF, InvalidInput),
    "swelling.pdf": (swelling_pdf, PDF, TooLarge),
    "one-line.txt": (lambda: b"x" * 20 * 2**20, "text/plain", TooLarge),
    "one-line.md": (lambda: b"[" * 2**20, "text/markdown", None),
    "one-line.csv": (lambda: b'"' * 2**20, "text/csv", None),
    "spaces.txt": (lambda: b" " * 2**20 + b"x", "text/plain", None),
    "quotes.md": (lambda: b">" * 200_000, "text/markdown", None),
    "deep.html": (lambda: b"<div>" * 100_000 + b"deep", "text/html", TooLarge),
    "deep-bold.html": (lambda: b"<b><p>" * 20_000 + b"deep", "text/html", TooLarge),
    "wide.csv": (lambda: b",".join([b"a"] * 100_000), "text/csv", TooLarge),
    "rows.csv": (lambda: b"a,b\n" * 200_000, "text/csv", TooLarge),
    "surrogates.txt": (lambda: b"Latte \xed\xa0\x80 18 \xff", "text/plain", None),
    "too-large.txt": (lambda: b"x" * (20 * 2**20 + 1), "text/plain", TooLarge),
}


@pytest.fixture(scope="module")
async def usual_lag() -> float:
    """How late the loop is at worst while another process is busy, whatever this machine is doing."""
    busy = "import time\nwhile time.process_time() < 0.7: pass"
    measured = asyncio.create_task(_longest_lag())
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", busy)
    await child.wait()
    measured.cancel()
    return await measured


@pytest.mark.parametrize("filename", HOSTILE)
async def test_a_hostile_file_is_refused_or_read_and_the_loop_goes_on(
    filename: str, usual_lag: float
) -> None:
    """Check 46."""
    make, media_type, refusal = HOSTILE[filename]
    content = make()
    lag = asyncio.create_task(_longest_lag())
    await asyncio.sleep(0)
    found = await _outcome(content, media_type, filename)
    lag.cancel()
    if refusal is not None:
        assert type(found) is refusal
    assert "root:" not in str(found)
    # Parsed in this process, the worst of these would hold the loop for seconds.
    assert await lag < 1 + 20 * usual_lag


async def _outcome(content: bytes, media_type: str, filename: str) -> list[Block] | WafaaError:
    try:
        return await parse(
            content, media_type=media_type, filename=filename, limits=Limits(cpu_seconds=6)
        )
    except REFUSALS as error:
        return error


async def _longest_lag() -> float:
    """How late the loop was at worst, until cancelled."""
    clock = asyncio.get_running_loop().time
    moments = [clock()]
    try:
        while True:
            await asyncio.sleep(0.005)
            moments.append(clock())
    except asyncio.CancelledError:
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def test_a_hostile_file_stays_within_the_memory_it_is_given(tmp_path: Path) -> None:
    """Check 46."""
    program = """
import asyncio, resource, sys
from pathlib import Path
from app.core.errors import WafaaError
from app.services.knowledge.parsing import parse
for name in sys.argv[1:]:
    try:
        asyncio.run(parse(Path(name).read_bytes(), media_type="", filename=name))
    except WafaaError:
        pass
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""
    names = ("swelling.pdf", "swelling.docx", "lying.docx", "laughing.docx", "many-pages.pdf")
    for filename in names:
        (tmp_path / filename).write_bytes(HOSTILE[filename][0]())
    done = subprocess.run(
        [sys.executable, "-c", program, *(str(tmp_path / name) for name in names)],
        capture_output=True, check=True, cwd=ROOT, timeout=100,
    )  # fmt: skip
    assert int(done.stdout.split()[-1]) < MEMORY


# The confined process


SLOW = b"*a_ " * 200_000
"""Markdown that takes minutes."""


async def test_a_file_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooLarge, match="too long"):
        await parse(SLOW, media_type="text/markdown", filename="a.md", limits=Limits(cpu_seconds=1))
    with pytest.raises(TooLarge, match="too long"):
        await parse(
            SLOW, media_type="text/markdown", filename="a.md", limits=Limits(wall_seconds=0.5)
        )
    assert not _children()


async def test_when_nobody_waits_any_more_the_child_is_gone() -> None:
    waiting = asyncio.create_task(parse(SLOW, media_type="text/markdown", filename="slow.md"))
    await _started()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not _children()


async def test_the_child_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "not-for-parsers")
    waiting = asyncio.create_task(parse(SLOW, media_type="text/markdown", filename="slow.md"))
    (child,) = await _started()
    environment = await asyncio.to_thread(Path(f"/proc/{child}/environ").read_bytes)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert b"PYTHONPATH" in environment
    assert b"not-for-parsers" not in environment


async def test_only_so_many_files_are_read_at_once() -> None:
    waiting = [
        asyncio.create_task(parse(SLOW, media_type="text/markdown", filename=f"{n}.md"))
        for n in range(5)
    ]
    await _started()
    await asyncio.sleep(0.3)
    running = len(_children())
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    assert 1 <= running <= Limits().at_once


async def test_a_child_that_is_killed_is_a_refusal_and_not_a_crash() -> None:
    waiting = asyncio.create_task(parse(SLOW, media_type="text/markdown", filename="slow.md"))
    (child,) = await _started()
    os.kill(child, signal.SIGSEGV)
    with pytest.raises(InvalidInput):
        await waiting


def test_the_confined_process_can_neither_call_out_nor_write_nor_start_others(
    tmp_path: Path,
) -> None:
    program = f"""
import json, os, socket
from pathlib import Path
from app.services.knowledge._confined import confine
alone = confine({MEMORY}, 5)
outcome = {{"alone": alone}}
for name, attempt in dict(
    call=lambda: socket.create_connection(("127.0.0.1", PORT), 1),
    write=lambda: Path({str(tmp_path / "x")!r}).write_text("x"),
    memory=lambda: bytearray({MEMORY}),
).items():
    try:
        attempt()
        outcome[name] = True
    except (OSError, MemoryError):
        outcome[name] = False
print(json.dumps(outcome))
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = program.replace("PORT", str(server.getsockname()[1]))
        done = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, check=True, cwd=ROOT, timeout=30
        )
    outcome = json.loads(done.stdout)
    assert outcome["call"] is not outcome["alone"]
    assert outcome["memory"] is False
    assert not (tmp_path / "x").exists() or (tmp_path / "x").read_text() == ""


def _children() -> list[int]:
    """Confined processes that this one started."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            stat = (directory / "stat").read_text().rpartition(")")[2].split()
            ours = int(stat[1]) == os.getpid() and stat[0] != "Z"
            if ours and b"knowledge._confined" in (directory / "cmdline").read_bytes():
                found.append(int(directory.name))
        except (OSError, IndexError, ValueError):
            continue
    return found


async def _started() -> list[int]:
    """Waits until the child is busy with the file."""
    for _ in range(500):
        await asyncio.sleep(0.02)
        if children := _children():
            await asyncio.sleep(0.2)
            return children
    raise AssertionError("no child was started")


# Pieces of bearable length


def test_long_texts_are_cut_between_words() -> None:
    pieces = list(bounded([Block(BlockKind.LIST_ITEM, "قهوة " * 9_000, page=3)]))
    assert [piece.kind for piece in pieces] == ["list_item", "paragraph", "paragraph"]
    assert " ".join(piece.text for piece in pieces).split() == ["قهوة"] * 9_000
    assert {piece.page for piece in pieces} == {3}


def test_too_much_text_is_refused() -> None:
    with pytest.raises(TooLarge):
        list(bounded([Block(BlockKind.PARAGRAPH, "x")] * 50_001))
    with pytest.raises(TooLarge):
        list(bounded([Block(BlockKind.PARAGRAPH, "x" * 6_000_000)]))
    with pytest.raises(TooLarge):
        list(bounded([Block(BlockKind.QUESTION_ANSWER, "x", question="y" * 30_000)]))

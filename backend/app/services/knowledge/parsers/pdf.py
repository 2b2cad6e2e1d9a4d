"""PDF, through pdfminer.six; Arabic is read by the places of its letters.

Producers of PDFs agree on where letters stand and on little else, so lines, words, columns and tables are worked out
from places, and the order of reading from the rules of bidirectional text.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import ClassVar

from pdfminer.pdfpage import PDFPage

from app.core.errors import InvalidInput, TooLarge
from app.services.knowledge.base import Block, BlockKind, Parser
from app.services.knowledge.parsers._pdf_layout import is_suspect, read
from app.services.knowledge.parsers._pdf_page import open_pages, sheets
from app.services.knowledge.parsers._pdf_paragraphs import Paragraph

MAX_PAGES = 500
_LARGE_TYPE = 1.15
"""Type larger than the body's by this factor makes a heading."""
_HEADING_LENGTH = 120
_REPEATS = 3
"""A first or last line found on this many pages, and on half of them, is a running head."""

_DIGITS = re.compile(r"\d{1,6}")


class Pdf:
    """Reads text, headings, lists and tables of PDFs that hold text."""

    media_types: ClassVar[tuple[str, ...]] = ("application/pdf", "application/x-pdf")

    def parse(self, content: bytes) -> list[Block]:
        """The blocks of every page.

        Raises:
            InvalidInput: Broken, protected by a password, or without text.
            TooLarge: More pages than we read.
        """
        pages = open_pages(content, MAX_PAGES)
        if len(pages) > MAX_PAGES:
            raise TooLarge(f"This PDF has more than {MAX_PAGES} pages. Split it.")
        paragraphs, suspects = _read(pages)
        blocks = list(_blocks(_without_running_heads(paragraphs), suspects))
        if not blocks:
            raise InvalidInput(
                "This PDF holds pictures of pages and no text. Send the text itself, or a PDF made from it."
            )
        return [*blocks, *_silent(blocks, suspects)]


def _silent(blocks: Sequence[Block], suspects: set[int]) -> list[Block]:
    """Pages of which nothing could be read, so that a person is told of them as well."""
    told = {block.page for block in blocks}
    return [Block(BlockKind.PARAGRAPH, "", page=n, suspect=True) for n in sorted(suspects - told)]


def _read(pages: Sequence[PDFPage]) -> tuple[list[Paragraph], set[int]]:
    paragraphs: list[Paragraph] = []
    suspects: set[int] = set()
    for sheet in sheets(pages):
        found = read(sheet)
        paragraphs += found
        if is_suspect(sheet, found):
            suspects.add(sheet.number)
    return paragraphs, suspects


def _without_running_heads(paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    """Drops first and last lines that come again on most pages, whatever their page number."""
    pages = list(_by_page(paragraphs))
    ends = [
        page[place] for page in pages for place in {0, len(page) - 1} if len(page[place].lines) == 1
    ]
    last = max((paragraph.page for paragraph in paragraphs), default=0)
    counts = Counter(_masked(paragraph, last) for paragraph in ends)
    often = max(_REPEATS, len(pages) / 2)
    repeated = {id(paragraph) for paragraph in ends if counts[_masked(paragraph, last)] >= often}
    return [paragraph for paragraph in paragraphs if id(paragraph) not in repeated]


def _by_page(paragraphs: Sequence[Paragraph]) -> Iterator[list[Paragraph]]:
    for _, group in groupby(paragraphs, key=lambda paragraph: paragraph.page):
        yield list(group)


def _masked(paragraph: Paragraph, last: int) -> str:
    """Its text, whatever its page number is and that of the last page; other numbers may be prices."""
    pages = (paragraph.page, last)
    return _DIGITS.sub(lambda n: "#" if int(n[0]) in pages else n[0], paragraph.text)


def _blocks(paragraphs: Sequence[Paragraph], suspects: set[int]) -> Iterator[Block]:
    sizes = _heading_sizes(paragraphs)
    titled = False
    for paragraph in paragraphs:
        for block in paragraph.blocks():
            if level := _level(paragraph, block, sizes):
                kind = BlockKind.HEADING if titled or level > 1 else BlockKind.TITLE
                titled = True
                block = replace(block, kind=kind, level=level)
            yield replace(block, suspect=True) if block.page in suspects else block


def _heading_sizes(paragraphs: Sequence[Paragraph]) -> list[int]:
    """Sizes of headings, largest first; the body's is the size of most letters."""
    letters: Counter[int] = Counter()
    for paragraph in paragraphs:
        for line in paragraph.lines:
            letters[round(line.size)] += len(line.glyphs)
    body = letters.most_common(1)[0][0] if letters else 0
    return sorted((size for size in letters if size > _LARGE_TYPE * body), reverse=True)


def _level(paragraph: Paragraph, block: Block, sizes: Sequence[int]) -> int:
    """Depth of a heading; 0 for anything else."""
    if block.kind is not BlockKind.PARAGRAPH or len(block.text) > _HEADING_LENGTH:
        return 0
    if round(paragraph.size) in sizes:
        return sizes.index(round(paragraph.size)) + 1
    return len(sizes) + 1 if paragraph.bold and block.text[-1] not in ".،,؛;" else 0


adapter: Callable[[], Parser] = Pdf

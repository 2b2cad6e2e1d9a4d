"""Puts lines of a page together to paragraphs, and says what they read."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from app.services.knowledge.base import Block, BlockKind
from app.services.knowledge.parsers._bidi import (
    Context,
    context_after,
    is_number_with_unit,
    unshaped,
)
from app.services.knowledge.parsers._pdf_lines import Segment
from app.services.knowledge.parsers._pdf_page import UNKNOWN, Glyph
from app.services.knowledge.parsers._tables import looks_like_header, table
from app.services.knowledge.parsers._text import clean, strip_bullet

_ARABIC = re.compile(r"[\u0621-\u064a\ufb50-\ufdff\ufe70-\ufefc]")
_LATIN = re.compile(r"[A-Za-z]")
_ARABIC_SHARE = 0.3
"""From this share of Arabic letters on, a text is set from right to left."""
_LOOSE = 1.3
"""Lines further apart than this share of the usual distance begin a new paragraph."""
_FURTHEST = 2.4
"""So do lines further apart than this many sizes of their type."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where lines may run: their edges, and the direction of what surrounds them."""

    left: float
    right: float
    right_to_left: bool


@dataclass
class Paragraph:
    """Lines that belong together, as they were set; or a table, whose cells are read already."""

    lines: list[Segment]
    right_to_left: bool
    cells: list[list[str]] = field(default_factory=list)
    header_differs: bool = False
    page: int = 0

    @property
    def size(self) -> float:
        """Size of its type."""
        return self.lines[0].size

    @property
    def bold(self) -> bool:
        """Whether all of it is in a heavy face."""
        return all(line.bold for line in self.lines)

    @cached_property
    def text(self) -> str:
        """Its words in reading order."""
        after: Context = "start"
        words = []
        for line in self.lines:
            text = line.text(right_to_left=self.right_to_left, after=after)
            after = context_after(text, after)
            words.append(text)
        return clean(unshaped(" ".join(words)).replace(UNKNOWN, "")).replace("\n", " ")

    def blocks(self) -> list[Block]:
        """A table's rows, a list item or a plain paragraph."""
        if self.cells:
            first, rest = self.cells[0], self.cells[1:]
            named = self.header_differs or looks_like_header(first, rest)
            return table(first if named else None, rest if named else self.cells, page=self.page)
        text = self.text
        item = strip_bullet(text)
        kind = BlockKind.LIST_ITEM if item else BlockKind.PARAGRAPH
        return [Block(kind, item or text, page=self.page)] if text else []


def paragraphs(lines: Sequence[Segment], column: Column) -> Iterator[Paragraph]:
    """Lines that go on where the one above them ended, together."""
    if not lines:
        return
    usual = min(
        (d for a, b in pairwise(lines) if (d := a.base - b.base) > 0.8 * a.size), default=0.0
    )
    group = [lines[0]]
    for above, below in pairwise(lines):
        near = above.base - below.base <= min(_LOOSE * usual, _FURTHEST * above.size)
        if not (near and _goes_on(above, below, column)):
            yield paragraph(group, column.right_to_left)
            group = []
        group.append(below)
    yield paragraph(group, column.right_to_left)


def paragraph(lines: list[Segment], surroundings: bool) -> Paragraph:
    """One paragraph, in its own direction."""
    glyphs = [glyph for line in lines for glyph in line.glyphs]
    return Paragraph(lines, is_right_to_left(glyphs, surroundings))


def _goes_on(above: Segment, below: Segment, column: Column) -> bool:
    """Whether a line is of the same type as the one above, and its first word had no room up there."""
    if abs(above.size - below.size) > 0.1 * above.size or above.bold != below.bold:
        return False
    direction = is_right_to_left((*above.glyphs, *below.glyphs), column.right_to_left)
    if strip_bullet(clean(below.start(right_to_left=direction))) is not None:
        return False
    room = above.left - column.left if direction else column.right - above.right
    return room < below.first_word_width(right_to_left=direction) + 0.5 * above.size


def is_right_to_left(glyphs: Sequence[Glyph], otherwise: bool) -> bool:
    """Which way a text is set; without letters, as its surroundings are."""
    text = "".join(glyph.text for glyph in glyphs)
    arabic, latin = len(_ARABIC.findall(text)), len(_LATIN.findall(text))
    if not arabic and (not latin or is_number_with_unit(_as_seen(glyphs))):
        return otherwise
    return arabic >= _ARABIC_SHARE * (arabic + latin)


def _as_seen(glyphs: Sequence[Glyph]) -> str:
    return "".join(glyph.text for glyph in sorted(glyphs, key=lambda glyph: glyph.left)).strip()

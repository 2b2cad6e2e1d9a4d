"""Gathers a page's glyphs into lines, by place alone: what order they were drawn in doesn't matter."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.services.knowledge.parsers._bidi import Context, logical
from app.services.knowledge.parsers._pdf_page import Glyph, Rule

_WORD_GAP = 0.22
"""A gap wider than this share of the type's size separates words where no space was drawn."""
_CELL_GAP = 1.6
"""A gap wider than this separates cells or columns."""
_FEW = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """Glyphs on one line without a wide gap, from left to right."""

    glyphs: tuple[Glyph, ...]

    @property
    def left(self) -> float:
        """Where it begins on the page."""
        return self.glyphs[0].left

    @property
    def right(self) -> float:
        """Where it ends on the page."""
        return max(glyph.right for glyph in self.glyphs)

    @property
    def base(self) -> float:
        """The line it stands on, from the bottom of the page."""
        return self.glyphs[0].base

    @property
    def size(self) -> float:
        """Size of most of its type."""
        sizes = sorted(glyph.size for glyph in self.glyphs)
        return sizes[len(sizes) // 2]

    @property
    def bold(self) -> bool:
        """Whether all of it is in a heavy face."""
        return all(is_bold(glyph.font) for glyph in self.glyphs if glyph.text.strip())

    def text(self, *, right_to_left: bool, after: Context = "start") -> str:
        """Its words in reading order."""
        return logical(_units(self.glyphs), right_to_left=right_to_left, after=after)

    def start(self, *, right_to_left: bool) -> str:
        """Its first few letters: enough to know a list's bullet."""
        few = self.glyphs[-_FEW:] if right_to_left else self.glyphs[:_FEW]
        return Segment(few).text(right_to_left=right_to_left)

    def first_word_width(self, *, right_to_left: bool) -> float:
        """How much room its first word takes."""
        glyphs = self.glyphs[::-1] if right_to_left else self.glyphs
        width = 0.0
        for glyph in glyphs:
            if glyph.text.isspace():
                break
            width += glyph.right - glyph.left
        return width


def is_bold(font: str) -> bool:
    """Whether a font's name says that it is heavy."""
    return any(word in font.lower() for word in ("bold", "black", "heavy"))


def rows(glyphs: Sequence[Glyph], rules: Sequence[Rule] = ()) -> list[list[Segment]]:
    """Lines from top to bottom; each as its segments from left to right."""
    columns = [rule for rule in rules if rule.is_vertical]
    found = [list(_segments(line, columns)) for line in _lines(glyphs)]
    return [row for row in found if row]


def _lines(glyphs: Sequence[Glyph]) -> Iterator[list[Glyph]]:
    line: list[Glyph] = []
    for glyph in sorted(glyphs, key=lambda glyph: -glyph.base):
        if line and line[0].base - glyph.base > 0.5 * max(line[0].size, glyph.size, 1):
            yield line
            line = []
        line.append(glyph)
    if line:
        yield line


def _segments(line: Sequence[Glyph], columns: Sequence[Rule]) -> Iterator[Segment]:
    crossing = sorted(rule.left for rule in columns if rule.bottom <= line[0].base <= rule.top)
    segment: list[Glyph] = []
    edge = 0.0
    for glyph in sorted(line, key=lambda glyph: (glyph.left, glyph.right)):
        if glyph.text.isspace():
            segment.append(glyph)
            continue
        ruled = any(edge - 1 <= x <= glyph.middle for x in crossing) and glyph.left >= edge - 1
        if segment and (ruled or glyph.left - edge > _CELL_GAP * glyph.size):
            yield from _segment(segment)
            segment = []
        edge = glyph.right if not segment else max(edge, glyph.right)
        segment.append(glyph)
    yield from _segment(segment)


def _segment(glyphs: list[Glyph]) -> Iterator[Segment]:
    while glyphs and glyphs[-1].text.isspace():
        glyphs.pop()
    start = next(
        (place for place, glyph in enumerate(glyphs) if not glyph.text.isspace()), len(glyphs)
    )
    if any(glyph.text for glyph in glyphs[start:]):
        yield Segment(tuple(glyphs[start:]))


def _units(glyphs: Sequence[Glyph]) -> list[str]:
    """What the glyphs stand for, from left to right: marks with their letters, spaces where there are gaps."""
    letters = [glyph for glyph in glyphs if glyph.text and not _is_mark(glyph)]
    marks: dict[int, str] = {}
    for mark in (glyph for glyph in glyphs if _is_mark(glyph)):
        place = min(
            range(len(letters)), key=lambda place: _distance(mark, letters[place]), default=0
        )
        marks[place] = marks.get(place, "") + mark.text
    words = [glyph.text + marks.get(place, "") for place, glyph in enumerate(letters)]
    return list(_spaced(glyphs, dict(zip(map(id, letters), words, strict=True)))) or list(
        marks.values()
    )


def _spaced(glyphs: Sequence[Glyph], words: Mapping[int, str]) -> Iterator[str]:
    """The words with a space wherever a gap is too wide to stand inside one."""
    edge, spaced = glyphs[0].left, True
    for glyph in glyphs:
        word = words.get(id(glyph))
        if word is not None:
            if not (spaced or word.isspace()) and glyph.left - edge > _WORD_GAP * glyph.size:
                yield " "
            spaced = word.isspace()
            yield word
        edge = max(edge, glyph.right)


def _is_mark(glyph: Glyph) -> bool:
    return _are_marks(glyph.text)


@lru_cache(maxsize=4096)
def _are_marks(text: str) -> bool:
    return bool(text) and all(unicodedata.combining(char) for char in text)


def _distance(mark: Glyph, letter: Glyph) -> float:
    if letter.left <= mark.middle <= letter.right and letter.text.strip():
        return 0.0
    return abs(letter.middle - mark.middle) + (0 if letter.text.strip() else mark.size)

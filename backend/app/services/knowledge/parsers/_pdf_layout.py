"""Reads one page: what stands where becomes paragraphs and tables in reading order."""

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import pairwise

from app.services.knowledge.parsers._bidi import is_reversed
from app.services.knowledge.parsers._pdf_lines import Segment, is_bold, rows
from app.services.knowledge.parsers._pdf_page import UNKNOWN, Glyph, Sheet
from app.services.knowledge.parsers._pdf_paragraphs import (
    Column,
    Paragraph,
    is_right_to_left,
    paragraph,
    paragraphs,
)
from app.services.knowledge.parsers._pdf_tables import Grid, aligned, grids

_SHORT_COLUMN = 3
"""Fewer lines side by side are no columns."""
_UNREADABLE = 0.05


def is_suspect(sheet: Sheet, found: Sequence[Paragraph]) -> bool:
    """Whether the page's text may be wrong: letters without meaning, words still reversed, or only a picture."""
    letters = sum(glyph.text.strip() not in ("", UNKNOWN) for glyph in sheet.glyphs)
    text = " ".join(item.text for item in found if not item.cells)
    return (
        sheet.unreadable > _UNREADABLE * letters + 1
        or bool(is_reversed(text))
        or (not letters and sheet.images)
    )


def read(sheet: Sheet) -> list[Paragraph]:
    """The page's paragraphs and tables, from top to bottom."""
    column = _page_column(sheet)
    found: list[Paragraph] = []
    free = list(sheet.glyphs)
    for grid in grids(sheet.rules):
        inside = [glyph for glyph in free if grid.holds(glyph)]
        above = [glyph for glyph in free if not grid.holds(glyph) and glyph.base > grid.middle]
        free = [glyph for glyph in free if not grid.holds(glyph) and glyph.base <= grid.middle]
        found += _flow(rows(above, sheet.rules), column)
        found.append(_ruled(grid, inside, column.right_to_left))
    found += _flow(rows(free, sheet.rules), column)
    for item in found:
        item.page = sheet.number
    return found


def _page_column(sheet: Sheet) -> Column:
    """Margins as the page's own lines show them; a page of short lines alone doesn't show any."""
    direction = is_right_to_left(sheet.glyphs, otherwise=False)
    left = min((glyph.left for glyph in sheet.glyphs), default=0.0)
    right = max((glyph.right for glyph in sheet.glyphs), default=sheet.width)
    return (
        Column(left, right, direction)
        if right - left > sheet.width / 2
        else Column(0.0, sheet.width, direction)
    )


def _flow(lines: Sequence[list[Segment]], column: Column) -> Iterator[Paragraph]:
    """Text outside ruled tables: tables without lines, columns, and plain lines."""
    place = 0
    plain: list[Segment] = []
    while place < len(lines):
        tabular = aligned(lines[place:])
        columns = 0 if tabular else _columns(lines[place:])
        if tabular or columns:
            yield from paragraphs(plain, column)
            plain = []
            part = lines[place : place + (tabular or columns)]
            yield from (
                [_unruled(part, column.right_to_left)] if tabular else _side_by_side(part, column)
            )
        else:
            plain.append(
                Segment(tuple(glyph for segment in lines[place] for glyph in segment.glyphs))
            )
        place += tabular or columns or 1
    yield from paragraphs(plain, column)


def _ruled(grid: Grid, glyphs: Sequence[Glyph], surroundings: bool) -> Paragraph:
    return _table(grid.cells(glyphs), is_right_to_left(glyphs, surroundings))


def _unruled(part: Sequence[Sequence[Segment]], surroundings: bool) -> Paragraph:
    glyphs = [glyph for row in part for segment in row for glyph in segment.glyphs]
    return _table(
        [[segment.glyphs for segment in row] for row in part],
        is_right_to_left(glyphs, surroundings),
    )


def _table(cells: Sequence[Sequence[Sequence[Glyph]]], direction: bool) -> Paragraph:
    texts = [[_cell(cell, direction) for cell in row] for row in cells]
    bold = [any(is_bold(glyph.font) for cell in row for glyph in cell) for row in cells]
    return Paragraph(
        [],
        direction,
        cells=[row[::-1] if direction else row for row in texts if any(row)],
        header_differs=bold[0] and not any(bold[1:]) and all(texts[0]),
    )


def _cell(glyphs: Sequence[Glyph], surroundings: bool) -> str:
    direction = is_right_to_left(glyphs, surroundings)
    lines = [segment for row in rows(glyphs) for segment in (row[::-1] if direction else row)]
    return paragraph(lines, surroundings).text if lines else ""


def _columns(lines: Sequence[Sequence[Segment]]) -> int:
    """How many lines from the first on keep the same gap free between two columns of prose."""
    gap = _gap(lines)
    lefts: list[int] = []
    rights: list[int] = []
    for place, row in enumerate(lines):
        if not gap or any(segment.left < sum(gap) / 2 < segment.right for segment in row):
            break
        if min(len(lefts), len(rights)) >= _SHORT_COLUMN and _begins_anew(lines[place - 1], row):
            break
        lefts += [place] * any(segment.right < sum(gap) / 2 for segment in row)
        rights += [place] * any(segment.left > sum(gap) / 2 for segment in row)
        gap = _narrowed(gap, row)
    return max(lefts[-1], rights[-1]) + 1 if min(len(lefts), len(rights)) >= _SHORT_COLUMN else 0


def _begins_anew(above: Sequence[Segment], below: Sequence[Segment]) -> bool:
    """Whether something else follows the columns: larger type, or cells of a table, after a wide gap."""
    apart = above[0].base - below[0].base > 1.8 * above[0].size
    larger = below[0].size > 1.1 * above[0].size
    return apart and (larger or len(below) > 2)


def _gap(lines: Sequence[Sequence[Segment]]) -> tuple[float, float] | None:
    """The widest gap in the first line; columns may stand half a line higher or lower than each other."""
    beside = [row for row in lines[:2] if lines[0][0].base - row[0].base < row[0].size * 1.05]
    segments = sorted(
        (segment for row in beside for segment in row), key=lambda segment: segment.left
    )
    gaps = [(one.right, other.left) for one, other in pairwise(segments) if other.left > one.right]
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)


def _narrowed(gap: tuple[float, float], row: Sequence[Segment]) -> tuple[float, float]:
    middle = sum(gap) / 2
    left = max([gap[0], *(segment.right for segment in row if segment.right < middle)])
    right = min([gap[1], *(segment.left for segment in row if segment.left > middle)])
    return left, right


def _side_by_side(part: Sequence[Sequence[Segment]], column: Column) -> Iterator[Paragraph]:
    left, right = reduce(_narrowed, part, _gap(part) or (column.left, column.right))
    lefts = [[segment for segment in row if segment.left < left] for row in part]
    rights = [[segment for segment in row if segment.left >= left] for row in part]
    halves = [(lefts, Column(column.left, left, column.right_to_left))]
    halves.append((rights, Column(right, column.right, column.right_to_left)))
    for lines, half in halves[::-1] if column.right_to_left else halves:
        yield from _flow([row for row in lines if row], half)

"""Finds tables on a page: ruled ones by their lines, others by cells that stand below each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.services.knowledge.parsers._pdf_lines import Segment
from app.services.knowledge.parsers._pdf_page import Glyph, Rule

_TOUCH = 3.0
"""Lines that come this near to each other, in points, belong together."""
_CELL_LENGTH = 40
"""Cells of a table without lines are short, but for a column beside one of numbers."""
_PROSE = 18
"""Letters a line from which on a column may be prose."""
_FILLED = 0.85


@dataclass(frozen=True, slots=True)
class Grid:
    """A ruled table: where its columns and rows are divided, ascending."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    @property
    def middle(self) -> float:
        """Where it stands from bottom to top."""
        return (self.ys[0] + self.ys[-1]) / 2

    def holds(self, glyph: Glyph) -> bool:
        """Whether a glyph stands inside."""
        return self.xs[0] < glyph.middle < self.xs[-1] and self.ys[0] < glyph.base < self.ys[-1]

    def cells(self, glyphs: Sequence[Glyph]) -> list[list[list[Glyph]]]:
        """The glyphs by row from the top and column from the left."""
        cells: list[list[list[Glyph]]] = [[[] for _ in self.xs[1:]] for _ in self.ys[1:]]
        for glyph in glyphs:
            row = sum(y > glyph.base for y in self.ys[1:-1])
            column = sum(x <= glyph.middle for x in self.xs[1:-1])
            cells[row][column].append(glyph)
        return cells


def grids(rules: Sequence[Rule]) -> list[Grid]:
    """Ruled tables with at least two rows and two columns, from the top."""
    found = (_grid(group) for group in _groups(rules))
    whole = [grid for grid in found if len(grid.xs) > 2 and len(grid.ys) > 2]
    return sorted(whole, key=lambda grid: -grid.middle)


def _grid(rules: Sequence[Rule]) -> Grid:
    xs = _distinct([(rule.left + rule.right) / 2 for rule in rules if rule.is_vertical])
    ys = _distinct([(rule.bottom + rule.top) / 2 for rule in rules if not rule.is_vertical])
    return Grid(xs, ys)


def _groups(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Rules that touch, directly or through others."""
    left = sorted(rules, key=lambda rule: rule.left)
    while left:
        group, edge = [left[0]], [left[0]]
        left = left[1:]
        while edge:
            touched = [rule for rule in left if any(_touch(rule, other) for other in edge)]
            chosen = {id(rule) for rule in touched}
            left = [rule for rule in left if id(rule) not in chosen]
            group += touched
            edge = touched
        yield group


def _touch(one: Rule, other: Rule) -> bool:
    return (
        one.left - _TOUCH <= other.right
        and other.left - _TOUCH <= one.right
        and one.bottom - _TOUCH <= other.top
        and other.bottom - _TOUCH <= one.top
    )


def _distinct(values: Sequence[float]) -> tuple[float, ...]:
    distinct: list[float] = []
    for value in sorted(values):
        if not distinct or value - distinct[-1] > 2 * _TOUCH:
            distinct.append(value)
    return tuple(distinct)


def aligned(rows: Sequence[Sequence[Segment]]) -> int:
    """How many rows from the first on form a table without lines; 0 when they don't."""
    length = 1
    while length < len(rows) and _continues(rows[length - 1], rows[length]):
        length += 1
    return length if length > 1 and _is_tabular(rows[:length]) else 0


def _continues(above: Sequence[Segment], below: Sequence[Segment]) -> bool:
    if len(above) < 2 or len(above) != len(below):
        return False
    near = above[0].base - below[0].base < 4 * above[0].size
    return near and all(
        one.left < other.right and other.left < one.right
        for one, other in zip(above, below, strict=True)
    )


def _is_tabular(rows: Sequence[Sequence[Segment]]) -> bool:
    """Cells, not lines of prose in columns."""
    columns = list(zip(*rows, strict=True))
    if all(_is_prose(column) for column in columns):
        return False
    short = all(len(segment.glyphs) <= _CELL_LENGTH for row in rows for segment in row)
    return short or any(all(_has_digit(segment) for segment in column[1:]) for column in columns)


def _is_prose(column: Sequence[Segment]) -> bool:
    """Many letters a line, and most lines filled to the column's edge."""
    letters = sum(len(segment.glyphs) for segment in column) / len(column)
    widths = [segment.right - segment.left for segment in column]
    filled = sum(width > _FILLED * max(widths) for width in widths)
    return letters > _PROSE and filled * 2 > len(widths)


def _has_digit(segment: Segment) -> bool:
    return any(char.isdigit() for glyph in segment.glyphs for char in glyph.text)

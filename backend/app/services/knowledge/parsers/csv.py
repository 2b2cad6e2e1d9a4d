"""CSV: questions with answers where the header says so, otherwise rows that carry their header."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from typing import ClassVar

from app.core.errors import InvalidInput, TooLarge
from app.services.knowledge.base import Block, BlockKind, Parser
from app.services.knowledge.parsers._tables import is_entries, table
from app.services.knowledge.parsers._text import clean, decode

MAX_COLUMNS = 200
_CELL_LIMIT = 200_000
_DELIMITERS = ",;\t|،"
_SAMPLE_LINES = 20


class Csv:
    """Reads tables. Cells are text, whatever they look like: nothing in them is ever calculated."""

    media_types: ClassVar[tuple[str, ...]] = (
        "text/csv",
        "text/tab-separated-values",
        "application/csv",
    )

    def parse(self, content: bytes) -> list[Block]:
        """One block a row.

        Raises:
            InvalidInput: Quotes that never end, or no rows.
            TooLarge: More columns than a table for people has.
        """
        rows = list(_rows(decode(content).replace("\0", "")))
        if not rows:
            raise InvalidInput("This table has no rows.")
        if _is_header(rows[0]) and len(rows) > 1:
            return table(rows[0], rows[1:])
        return [_entry(row) for row in rows] if _asks(rows) else table(None, rows)


def _rows(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(_CELL_LIMIT)
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=_delimiter(text), skipinitialspace=True
    )
    try:
        for row in reader:
            if len(row) > MAX_COLUMNS:
                raise TooLarge(f"Row {reader.line_num} has more than {MAX_COLUMNS} columns.")
            cells = [clean(cell) for cell in row]
            if any(cells):
                yield cells
    except csv.Error as error:
        raise InvalidInput(f"Line {reader.line_num} can't be read as CSV: {error}.") from error


def _delimiter(text: str) -> str:
    """The one found equally often in most of the first lines; excel's own ``sep=`` isn't needed for that."""
    lines = [
        _unquoted(line) for line in text[:100_000].splitlines()[:_SAMPLE_LINES] if line.strip()
    ]
    return max(_DELIMITERS, key=lambda mark: _agreement([line.count(mark) for line in lines]))


def _unquoted(line: str) -> str:
    return "".join(line.split('"')[::2])


def _agreement(counts: Sequence[int]) -> tuple[int, int]:
    """How many lines agree, and on how many; none at all is no agreement."""
    found = Counter(count for count in counts if count)
    count, lines = found.most_common(1)[0] if found else (0, 0)
    return lines, count


def _is_header(first: Sequence[str]) -> bool:
    """Names are all there, all different, short, and neither numbers nor questions, unless they are known ones."""
    if is_entries(first):
        return True
    named = all(first) and len(set(first)) == len(first) and len(first) > 1
    return named and not any(
        cell.endswith(("?", "؟")) or len(cell) > 60 or cell[0].isdigit() for cell in first
    )


def _asks(rows: Sequence[Sequence[str]]) -> bool:
    """Two columns, the first of which asks in most rows."""
    asking = sum(row[0].endswith(("?", "؟")) for row in rows)
    return asking * 2 > len(rows) and all(len(row) == 2 and all(row) for row in rows)


def _entry(row: Sequence[str]) -> Block:
    return Block(BlockKind.QUESTION_ANSWER, row[1], question=row[0])


adapter: Callable[[], Parser] = Csv

"""What commands print: words for people, one compact object or list for programs."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

_COLOURS = {"ok": "32", "warn": "33", "fail": "31", "bold": "1", "dim": "2"}


def language() -> str:
    """Which of our languages this terminal's owner reads: POSIX's variables tell."""
    told = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "ar" if next(filter(None, told), "").startswith("ar") else "en"


class Theirs(str):
    """What somebody else said or named: shown as it is, however much it looks like a sentence of ours."""

    __slots__ = ()


def say(text: str, *, error: bool = False) -> None:
    """Prints a line for people, in their language; at once, since another program may be reading."""
    print(worded(text), file=sys.stderr if error else sys.stdout, flush=True)


def worded(text: str) -> str:
    """A sentence of ours in the language of whoever reads this terminal."""
    if language() == "en" or isinstance(text, Theirs):
        return text
    from app.core.wording import within

    return within(text, language())


def show(value: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Prints a result: ``value`` for a program, ``lines`` for a person."""
    if as_json:
        print(to_json(value), flush=True)
    else:
        for line in lines:
            say(line)


def to_json(value: object) -> str:
    """One compact line. Ids, times and frozen dataclasses come out as they are."""
    import orjson

    return Theirs(orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode())


def problem(code: str, message: str) -> str:
    """What went wrong, for a person: the error's own words; where these have no Arabic, those of its code."""
    from app.api.catalogue import PROBLEMS

    known, said = PROBLEMS.get(code), worded(message)
    unsaid = language() != "en" and said == message
    return known.detail.within(language()) if known and unsaid else said


def failure(code: str, message: str) -> dict[str, Any]:
    """A problem as the API would tell it."""
    from app.api.catalogue import PROBLEMS

    title = PROBLEMS[code].title.within("en") if code in PROBLEMS else code.replace("_", " ")
    return {"type": f"/docs/errors#{code}", "title": title, "code": code, "detail": message}


def paint(text: str, style: str) -> str:
    """Colours a word on a terminal, unless NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return type(text)(f"\x1b[{_COLOURS[style]}m{text}\x1b[0m")


def table(rows: Sequence[Sequence[object]], empty: str) -> list[str]:
    """Columns; the last one isn't padded. ``empty`` is said when there is nothing."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return [Theirs(line) for line in lines] or [empty]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    line = " ".join(str(value).split())
    return line if isinstance(value, Theirs) else worded(line)


def on_terminal() -> bool:
    """Whether a person watches: only then progress is drawn."""
    return sys.stderr.isatty()


class Progress:
    """One line on a terminal that is drawn over and over; nothing elsewhere."""

    def __init__(self, *, wanted: bool = True) -> None:
        self._drawn = False
        self._wanted = wanted and on_terminal()

    def at(self, label: str, part: float | None = None) -> None:
        """Draws how far it is: ``part`` goes from 0 to 1; without it only the label stands there."""
        if not self._wanted:
            return
        bar = "" if part is None else f" {'█' * round(part * 20):░<20} {part:4.0%}"
        print(f"\r\x1b[2K{label}{bar}", end="", file=sys.stderr, flush=True)
        self._drawn = True

    def clear(self) -> None:
        """Leaves the line empty."""
        if self._drawn:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._drawn = False

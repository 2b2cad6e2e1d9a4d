"""Reads dates (Gregorian and Hijri) and times of day."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from app.services.ai import lexicon
from app.services.ai.numbers import Token

NUMERIC = re.compile(
    r"(?<![\w.,/-])(?:(?P<y1>\d{4})[-/](?P<m1>\d{1,2})[-/](?P<d1>\d{1,2})|(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<y2>\d{4}|\d{2}))(?![\w/])"
)
_FIRST_GREGORIAN_YEAR = 1600
_DAY = 1440
_HALVES = frozenset(("¤am", "¤pm", "¤nighttime", "¤clock"))


def read_numeric(match: re.Match[str]) -> frozenset[str]:
    """What a date in digits may mean, as ``g2026-3-5``; day and month may be either way round."""
    if match["y1"]:
        pairs = [(int(match["m1"]), int(match["d1"]))]
        year = int(match["y1"])
    else:
        a, b = int(match["a"]), int(match["b"])
        pairs, year = [(b, a), (a, b)], int(match["y2"]) + (2000 if len(match["y2"]) == 2 else 0)
    calendar = "g" if year >= _FIRST_GREGORIAN_YEAR else "h"
    return frozenset(f"{calendar}{year}-{m}-{d}" for m, d in pairs if 1 <= m <= 12 and 1 <= d <= 31)


def read_textual(tokens: Sequence[Token], i: int) -> frozenset[str]:
    """The date that begins or ends with the number at ``i``: "5 March 2026", "March 5", "رمضان 1447"; empty if none."""
    number = _integer(tokens, i)
    if number is None:
        return frozenset()
    if (at := _month_after(tokens, i)) is not None and number <= 31:
        return _date(tokens[at].text, number, _year(tokens, at + 1))
    if i > 0 and _is_month(tokens[i - 1]) and not is_part(tokens, i):
        month = tokens[i - 1].text
        return (
            _date(month, None, number)
            if number > 31
            else _date(month, number, _year(tokens, i + 1))
        )
    return frozenset()


def is_part(tokens: Sequence[Token], i: int) -> bool:
    """Whether the number at ``i`` is the year of a date that an earlier number began."""
    before = [
        t
        for t in tokens[max(0, i - 4) : i]
        if t.text not in (",", "of", "من", "شهر", "عام", "سنه", "¤year")
    ]
    if len(before) < 2 or (_integer(tokens, i) or 0) <= 31:
        return False
    pair = before[-2:]
    return any(_is_month(t) for t in pair) and any(t.value is not None for t in pair)


def read_clock(tokens: Sequence[Token], i: int) -> frozenset[str] | None:
    """The time of day at ``i`` in minutes after midnight; empty for its minutes; None if it is no time."""
    if i >= 2 and tokens[i - 1].text == ":" and tokens[i - 2].value is not None:
        return frozenset()
    hour = tokens[i].value
    if hour is None or hour > 24 or hour < 0:
        return None
    minutes, after = _minutes(tokens, i)
    half = _text(tokens, after) if _text(tokens, after) in _HALVES else ""
    if minutes is None and hour % 1 and half in ("¤am", "¤pm"):
        minutes, hour = round(hour % 1 * 100), hour // 1  # "8.30 pm"
    timed = minutes is not None or half or _text(tokens, i - 1) == "¤clock"
    if not timed or hour % 1:
        return None
    written = tokens[i].text
    exact = minutes is not None and (
        hour > 12 or hour == 0 or (half == "" and (written[0] == "0" or _of_24_hours(tokens)))
    )
    return frozenset(str(m % _DAY) for m in _times(int(hour), minutes or 0, half, exact=exact))


def either_half(hour: Decimal) -> frozenset[str]:
    """The times that a bare hour may mean: "8" of "8 to 10 pm"."""
    return frozenset(str(int(hour * 60) % 720 + half) for half in (0, 720))


def _of_24_hours(tokens: Sequence[Token]) -> bool:
    """Whether the text counts its hours to 24: it writes one like "23:00"."""
    return any(
        _text(tokens, i + 1) == ":" and 12 < (_integer(tokens, i) or 0) < 24
        for i in range(len(tokens))
    )


def _times(hour: int, minute: int, half: str, *, exact: bool) -> Iterator[int]:
    """What an hour may mean, by the half of the day that was named."""
    at = hour * 60 + minute
    if exact or hour > 12:
        yield at
        return
    morning, evening = at % 720, at % 720 + 720
    if half == "¤nighttime":
        yield morning if hour < 5 or hour == 12 else evening
        return
    if half != "¤pm":
        yield morning
    if half != "¤am":
        yield evening


def _minutes(tokens: Sequence[Token], i: int) -> tuple[int | None, int]:
    """The minutes after ``:``, and where the words after the time begin."""
    if (
        _text(tokens, i + 1) == ":"
        and tokens[i + 1].at == tokens[i].end
        and (number := _integer(tokens, i + 2)) is not None
        and number < 60
        and len(tokens[i + 2].text) == 2
    ):
        return number, i + 3
    return None, i + 1


def _date(month: str, day: int | None, year: int | None) -> frozenset[str]:
    """One date, with a question mark for what wasn't said."""
    calendar, number = month[1], month[2:]
    return frozenset((f"{calendar}{year or '?'}-{number}-{day or '?'}",))


def same(claimed: str, evident: str) -> bool:
    """Whether a claimed date says nothing that the evidence doesn't."""
    if claimed[0] != evident[0]:
        return False
    return all(
        c in ("?", e) for c, e in zip(claimed[1:].split("-"), evident[1:].split("-"), strict=True)
    )


def _month_after(tokens: Sequence[Token], i: int) -> int | None:
    """Where the month of a day number stands, over "of" and "من شهر"."""
    for j in range(i + 1, min(i + 4, len(tokens))):
        if _is_month(tokens[j]):
            return j
        if tokens[j].text not in ("of", "من", "شهر", "¤month", "-"):
            return None
    return None


def _year(tokens: Sequence[Token], i: int) -> int | None:
    """The year that may follow a month or day, over a comma."""
    while _text(tokens, i) in (",", "of", "من", "عام", "سنه", "¤year"):
        i += 1
    number = _integer(tokens, i)
    return number if number is not None and number > 1000 else None


def _is_month(token: Token) -> bool:
    return token.text.startswith("¤") and token.text[1:] in lexicon.MONTHS


def _integer(tokens: Sequence[Token], i: int) -> int | None:
    if not 0 <= i < len(tokens):
        return None
    value = tokens[i].value
    return int(value) if value is not None and value % 1 == 0 else None


def _text(tokens: Sequence[Token], i: int) -> str:
    return tokens[i].text if 0 <= i < len(tokens) else ""

"""Turns a line of glyphs as it is seen into text as it is read (the reverse of UAX #9, for one line).

A page shows Arabic from right to left and numbers and Latin words inside it from left to right. What a PDF keeps is
the places of glyphs, so the order in which to read them has to be worked out again. Numbers decide whether an answer is
right, so they get most of the care here.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal

Context = Literal["start", "arabic", "latin"]
"""What was read last before a number; it decides how a hyphen between digits was laid out (rules W2, W4 and W7)."""

_RIGHT_TO_LEFT = ("R", "AL")
_LEFT_TO_RIGHT = ("L", "EN", "AN")
_PERCENT = "%٪‰°"
MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")

_NUMBER = re.compile(rf"[{_PERCENT}]?\d+(?:[.,:/٫٬،]\d+)*[{_PERCENT}]?")
_NUMBER_AT_START = re.compile(
    rf"[{_PERCENT}]?\d+(?:(?:[.,:/٫٬،]|(?<=[0-9])[+-](?=[0-9]))\d+)*[{_PERCENT}]?"
)
_DEGREES = re.compile(r"([CF])°([\d.,٫]*\d)")
_INTERNATIONAL = re.compile(r"\+\d[\d ()-]*")
_GROUPS = re.compile(r"\+?\d+(?: \d+)+")
_DIALLED_FIRST = re.compile(r"\+|0|800\b|9200\d*\b")
_ARABIC_NUMBER = re.compile(r"([٠-٩۰-۹]+(?:[.,:/٫٬،][٠-٩۰-۹]+)*)")
_UNIT_BEFORE_NUMBER = re.compile(
    r"(?P<rest>(?:SAR|SR|AED|USD|EUR|GBP|EGP|KWD|QAR|BHD|OMR|JOD|AM|PM|am|pm|a\.m|p\.m|[KMGT]B|[KMG]bps|[kcm]m|k?g|mg|m?l|L|W|kW|V|MP|kcal|"
    r"GHz|MHz|Hz|inch|in|ft|hours?|days?|min|mins|minutes?|years?|months?)\b.*?) (?P<number>[\d.,:/٫٬]*\d)",
    re.DOTALL,
)

_WORD = re.compile(r"[\u0621-\u064a]{3,}")


def logical(glyphs: Sequence[str], *, right_to_left: bool, after: Context = "start") -> str:
    """The line's text in reading order.

    Args:
        glyphs: What each glyph stands for, from left to right as seen; a ligature is one glyph with several letters.
        right_to_left: Direction of the paragraph that the line belongs to.
        after: What the paragraph's previous line ended with.
    """
    return "".join(_read_rtl(glyphs, after) if right_to_left else _read_ltr(glyphs))


def context_after(text: str, before: Context = "start") -> Context:
    """What a line that follows this text is read after."""
    for char in reversed(text):
        direction = unicodedata.bidirectional(char)
        if direction in _RIGHT_TO_LEFT:
            return "arabic"
        if direction == "L":
            return "latin"
    return before


def is_number_with_unit(text: str) -> bool:
    """Whether this is "SAR 12.50" as seen: a number and its unit, side by side, without Arabic."""
    return _UNIT_BEFORE_NUMBER.fullmatch(text) is not None


def is_reversed(text: str) -> bool | None:
    """Whether Arabic words stand letter by letter in the wrong order; None when there is no sign either way.

    Words end with ة and ى and begin with ال; reversed ones begin and end the other way round.
    """
    words = _WORD.findall(text)
    wrong = sum(word.startswith(("ة", "ى")) + word.endswith("لا") for word in words)
    right = sum(word.endswith(("ة", "ى")) + word.startswith("ال") for word in words)
    return None if wrong == right else wrong > right


def unshaped(text: str) -> str:
    """Plain letters for presentation forms and ligatures such as ﷺ; superscripts stay, as 10² isn't 102."""
    letters = (_plain(char) if "\ufb00" <= char <= "\ufeff" else char for char in text)
    return unicodedata.normalize("NFC", "".join(letters))


def _plain(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char)
    marks = plain.lstrip(" ـ")
    return marks if marks and unicodedata.combining(marks[0]) else plain


def _read_rtl(glyphs: Sequence[str], after: Context) -> Iterator[str]:
    end = len(glyphs)
    while end:
        if not _starts_run(glyphs, end - 1):
            end -= 1
            after = context_after(glyphs[end], after)
            yield glyphs[end].translate(MIRRORED)
            continue
        start = _run_start(glyphs, end)
        run = _read_run("".join(glyphs[start:end]), after)
        after = context_after(run, after)
        yield run
        end = start


def _read_ltr(glyphs: Sequence[str]) -> Iterator[str]:
    """Left to right; only stretches of Arabic, from its first to its last letter, are turned."""
    start = 0
    while start < len(glyphs):
        if _direction(glyphs[start]) not in _RIGHT_TO_LEFT:
            yield glyphs[start]
            start += 1
            continue
        end = start + 1
        for place in range(end, len(glyphs)):
            if _direction(glyphs[place]) == "L":
                break
            if _direction(glyphs[place]) in _RIGHT_TO_LEFT:
                end = place + 1
        yield from _read_rtl(glyphs[start:end], "start")
        start = end


def _direction(glyph: str) -> str:
    return unicodedata.bidirectional(glyph[0]) if glyph else "ON"


def _starts_run(glyphs: Sequence[str], place: int) -> bool:
    """Whether something that is read from left to right ends here; a percent sign belongs to its number."""
    if glyphs[place] and glyphs[place] in _PERCENT and place:
        place -= 1
    return _direction(glyphs[place]) in _LEFT_TO_RIGHT


def _run_start(glyphs: Sequence[str], end: int) -> int:
    """Where the Latin words and numbers that end before ``end`` begin."""
    start = end - 1
    for place in range(end - 1, -1, -1):
        direction = _direction(glyphs[place])
        if direction in _RIGHT_TO_LEFT:
            break
        if direction in _LEFT_TO_RIGHT or (glyphs[place] and glyphs[place] in _PERCENT + "+"):
            start = place
    return start


def _read_run(run: str, after: Context) -> str:
    if not any(unicodedata.bidirectional(char) == "L" for char in run):
        return _read_numbers(run, after)
    # Arabic digits never join Latin words, so their order shows what was written first.
    parts = _ARABIC_NUMBER.split(run)
    return "".join(_read_latin(part, after) for part in reversed(parts))


def _read_latin(part: str, after: Context) -> str:
    if not any(unicodedata.bidirectional(char) == "L" for char in part):
        return _read_numbers(part, after)
    core = part.strip(" ،؛:-–—/|")
    left, _, right = part.partition(core)
    core = _DEGREES.sub(r"\2°\1", core)
    moved = _UNIT_BEFORE_NUMBER.fullmatch(core)
    if moved:  # Nobody writes "AM 9": the number was read first, and so it was shown on the right.
        core = f"{moved['number']} {moved['rest']}"
    return right[::-1].translate(MIRRORED) + core + left[::-1].translate(MIRRORED)


def _read_numbers(run: str, after: Context) -> str:
    if _INTERNATIONAL.fullmatch(
        run
    ):  # A plus sign on the left: written inside its own left-to-right span.
        return run
    pieces = _pieces(run, _NUMBER if after == "arabic" else _NUMBER_AT_START)
    text = "".join(reversed([*pieces]))
    if _GROUPS.fullmatch(run) and _DIALLED_FIRST.match(run) and not _DIALLED_FIRST.match(text):
        return run
    return text


def _pieces(run: str, number: re.Pattern[str]) -> Iterator[str]:
    """Numbers, each as it is read, and single characters between them, from left to right as seen."""
    place = 0
    for match in number.finditer(run):
        yield from run[place : match.start()].translate(MIRRORED)
        digits = match[0].strip(_PERCENT)
        yield digits + match[0].replace(digits, "", 1)
        place = match.end()
    yield from run[place:].translate(MIRRORED)

"""Texts that are made against a pattern: what each of its repetitions can read, and an end that it can't."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
WIDE = 16
"""A repetition that may go on for so long counts as one without an end."""
CLASSES = {
    op.CATEGORY_DIGIT: "1", op.CATEGORY_SPACE: " ", op.CATEGORY_WORD: "a",
    op.CATEGORY_NOT_DIGIT: "a", op.CATEGORY_NOT_SPACE: "a", op.CATEGORY_NOT_WORD: "-",
}  # fmt: skip
LETTERS = " \n\ta1A-.,:;/@<>{}[]()\"'!?_+=\\*#|\u0623\u0627\u0662\u0640\u200b\u00e9\0"
ENDS = ("", "\0", "a", "1")


@dataclass(frozen=True, slots=True)
class Attack:
    """What leads to a repetition, what it is fed with, and how that ends."""

    start: str
    pump: str
    end: str = ""

    def text(self, size: int) -> str:
        """About so many characters of it."""
        return self.start + (self.pump * (size // len(self.pump) + 1))[:size] + self.end


def attacks(pattern: re.Pattern[Any]) -> Iterator[Attack]:
    """What is repeated, alone, after what leads there, and with it."""
    for start, pump in sorted(set(_pumps(pattern))):
        yield from (Attack(start, pump, end) for end in ENDS)
        if start:
            yield Attack("", start)
            yield Attack("", start + pump * 2)


def _pumps(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    text = (
        pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    )
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    yield from (("", letter) for letter in LETTERS)
    yield from _of_sequence(list(_parser.parse(text, flags)), "")


def _of_sequence(nodes: list[Any], start: str) -> Iterator[tuple[str, str]]:
    """Every repetition in these, with the shortest text that leads there."""
    for index, (kind, told) in enumerate(nodes):
        if kind in REPEATS:
            _, most, body = told
            if most is op.MAXREPEAT or most >= WIDE:
                for unit in _units(list(body)):
                    yield start, unit
                    yield start + _shortest(nodes[index + 1 :]), unit
            yield from _of_sequence(list(body), start)
        else:
            for inner in _inner(kind, told):
                yield from _of_sequence(inner, start)
        start += _shortest([(kind, told)])


def _inner(kind: Any, told: Any) -> Iterator[list[Any]]:
    if kind is op.SUBPATTERN:
        yield list(told[3])
    elif kind is op.BRANCH:
        yield from (list(branch) for branch in told[1])
    elif kind in (op.ASSERT, op.ASSERT_NOT):
        yield list(told[1])
    elif kind is op.ATOMIC_GROUP:
        yield list(told)


def _units(body: list[Any]) -> set[str]:
    """What one round of a repetition can read: the shortest, and every letter of ours that it takes."""
    units = {_shortest(body) or "a"}
    if len(body) == 1 and body[0][0] in (op.IN, op.NOT_LITERAL, op.ANY):
        units |= {letter for letter in LETTERS if _takes(body[0], letter)}
    return units


def _takes(node: Any, letter: str) -> bool:
    kind, told = node
    if kind is op.ANY:
        return letter != "\n"
    if kind is op.NOT_LITERAL:
        return ord(letter) != told
    negated = bool(told) and told[0][0] is op.NEGATE
    return negated != any(_among(item, letter) for item in told)


def _among(item: Any, letter: str) -> bool:
    kind, told = item
    match kind:
        case op.LITERAL:
            return bool(ord(letter) == told)
        case op.RANGE:
            return bool(told[0] <= ord(letter) <= told[1])
        case op.CATEGORY:
            forms = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
            name = str(told).removeprefix("CATEGORY_")
            found = re.match(forms[name.removeprefix("NOT_")], letter) is not None
            return found != name.startswith("NOT_")
    return False


def _shortest(nodes: list[Any]) -> str:
    """A short text that these read, as far as can be told without trying."""
    return "".join(_one(kind, told) for kind, told in nodes)


def _one(kind: Any, told: Any) -> str:
    if kind is op.LITERAL:
        return chr(told)
    if kind in (op.NOT_LITERAL, op.ANY, op.IN):
        return next(
            (letter for letter in "a1 -" + LETTERS if _takes((kind, told), letter)), ""
        ) or (
            chr(told[0][1] if told[0][0] is op.LITERAL else told[0][1][0]) if kind is op.IN else ""
        )
    if kind in REPEATS:
        least, _, body = told
        return _shortest(list(body)) * min(least, 64)
    if kind is op.BRANCH:
        return min((_shortest(list(branch)) for branch in told[1]), key=len)
    if kind is op.SUBPATTERN:
        return _shortest(list(told[3]))
    return _shortest(list(told)) if kind is op.ATOMIC_GROUP else ""

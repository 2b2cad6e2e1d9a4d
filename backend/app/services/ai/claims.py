"""Finds what can be checked in a text: money, percentages, counts, dates, times, durations, phones, links, codes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from app.services.ai import dates, lexicon, links
from app.services.ai.numbers import Token, lex
from app.services.ai.text import fold, is_content, sanitise, stem, without_citations
from app.services.ai.units import mark_units


class Kind(StrEnum):
    """What sort of fact a claim is."""

    MONEY = "money"
    PERCENT = "percent"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    DURATION = "duration"
    PHONE = "phone"
    LINK = "link"
    EMAIL = "email"
    CODE = "code"
    PROMISE = "promise"


@dataclass(frozen=True, slots=True)
class Claim:
    """One checkable fact.

    Attributes:
        kind: Its sort.
        values: What it may mean, in canonical spelling; more than one where the text is ambiguous ("at 9").
        unit: Currency, or unit of a duration; empty where none was named.
        text: As it stood, folded.
        near: Stems of the content words beside it.
    """

    kind: Kind
    values: frozenset[str]
    unit: str = ""
    text: str = ""
    near: frozenset[str] = frozenset()


_PHONE = re.compile(
    r"(?<![\w.,¤])(?:\+ ?\d|0\d|\(\d{2,4}\) ?\d|800[ -]\d|9200|\d{3,4}-\d{3})(?:[ .-]?\(?\d\)?){4,16}(?!\w)|(?<![\w.,¤])\d{8,16}(?![\w.,])"
)
_CODE = re.compile(r"(?<![\w¤])[a-z0-9_]+(?:-[a-z0-9_]+)*(?!\w)")
_MEASURE = re.compile(
    r"(?:\d+(?:k|m|mn|bn|am|pm|h|hrs?|mins?|st|nd|rd|th|s|d|x|p|ml|cl|l|m?g|kg|[cmk]?m|[gmtk]b|in|ft|oz|lbs?|sar|sr|usd|aed|egp|kwd|qar|bhd|"
    r"omr|eur|gbp|dhs?)|(?:sar|sr|usd|aed|egp|kwd|qar|bhd|omr|eur|gbp|us)\d+)"
)
_MIXED_SCRIPT = re.compile(r"[a-z][\u0370-\u052f]\w*|[\u0370-\u052f][a-z]\w*")
_SPELT_OUT = re.compile(r"(?<![^\W_])[^\W\d_](?:[ .*_-][^\W\d_]){3,}(?![^\W_])")
_EMPHASIS = re.compile(r"(?<=[^\W_])[*_~`]++(?=\d)|(?<=\d)[*_~`]++(?=\w)")
"""Markdown inside a number: "1**8**" is read as 18."""

_CALORIES = re.compile(r"(?<=\d) ?سعر(?:ه|ات)\b")
_MARKER = re.compile(r"(?m)^[^\S\n]*\d{1,2}[.)] (?=[^\W\d])")
_HALF_PRICE = re.compile(
    r"(?:half|1⁄2|نصف|نص)[- ](?:the |of the )?(?:price|off|(?:ال)?سعر|(?:ال)?ثمن)|(?:بنصف|بنص) (?:ال)?(?:سعر|ثمن)"
)
_SMALL_WORDS = frozenset(["working", "business", "full", "whole", "calendar", "of", "من", "شهر", "consecutive"])  # fmt: skip
_RANGE = frozenset(["-", "to", "الي", "او", "or", "and", "و", "حتي", "until", "till", "~", "through"])  # fmt: skip
_CLAUSE_END = frozenset(",;:|•()!?./\n")


def extract(text: str) -> tuple[Claim, ...]:
    """Every claim of a text; citations such as ``[1]`` are none."""
    found: list[Claim] = []

    def keep(claim: Claim | None, match: re.Match[str]) -> str:
        """Keeps a claim and leaves a placeholder where it stood."""
        if claim is None:
            return match[0]
        found.append(replace(claim, text=match[0].strip()))
        return f" ¤c{len(found) - 1} "

    folded = links.extract(
        without_citations(sanitise(text)), lambda kind, value: _link(found, kind, value)
    )
    folded = _EMPHASIS.sub("", folded)
    folded = _CALORIES.sub(" kcal", _MARKER.sub(" ", fold(folded)))  # Not "its price".
    folded += "".join(" | " + re.sub(r"[^\w]", "", m[0]) for m in _SPELT_OUT.finditer(folded))
    for pattern, read in _READERS:
        # Mypy infers no type for a lambda with a default, which binds this round's reader.
        folded = pattern.sub(lambda match, read=read: keep(read(match), match), folded)  # type: ignore[misc]
    tokens = lex(mark_units(folded))
    placed = [
        replace(found[n], near=_near(tokens, i)) for i, n in _placeholders(tokens, len(found))
    ]
    return (*placed, *_numbers(tokens), *_promises(folded))


def _link(found: list[Claim], kind: str, value: str) -> str:
    """Keeps a link or an e-mail address and leaves a placeholder."""
    found.append(Claim(Kind(kind), frozenset((value,)), text=value))
    return f" ¤c{len(found) - 1} "


def _placeholders(tokens: Sequence[Token], count: int) -> Iterator[tuple[int, int]]:
    """Where each kept claim stands among the tokens; -1 for one that was swallowed."""
    places = {t.text: i for i, t in enumerate(tokens) if t.text.startswith("¤c")}
    return ((places.get(f"¤c{n}", -1), n) for n in range(count))


def _phone(match: re.Match[str]) -> Claim | None:
    """A phone number of at least seven digits: its national digits."""
    digits = re.sub(r"\D", "", match[0])
    return Claim(Kind.PHONE, frozenset((digits,))) if len(digits) >= 7 else None


def _code(match: re.Match[str]) -> Claim | None:
    """An order number, a coupon: letters and digits in one; not "50ml" or "24-hour"."""
    mixed = [p for p in match[0].split("-") if re.search(r"\d", p) and re.search(r"[a-z]", p)]
    if all(_MEASURE.fullmatch(piece) for piece in mixed):
        return None
    return Claim(Kind.CODE, frozenset((match[0].replace("-", ""),)))


def _disguised(match: re.Match[str]) -> Claim:
    """A word that mixes look-alike letters of two scripts is a code, whatever it looks like."""
    return Claim(Kind.CODE, frozenset((match[0],)))


def _date(match: re.Match[str]) -> Claim | None:
    """A date in digits."""
    return Claim(Kind.DATE, values) if (values := dates.read_numeric(match)) else None


def _half_price(_: re.Match[str]) -> Claim:
    """Half the price is fifty per cent off."""
    return Claim(Kind.PERCENT, frozenset(("50",)))


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Claim | None]], ...] = (
    (_MIXED_SCRIPT, _disguised),
    (dates.NUMERIC, _date),
    (_PHONE, _phone),
    (_CODE, _code),
    (_HALF_PRICE, _half_price),
)


def _promises(folded: str) -> Iterator[Claim]:
    """The ideas of offer and promise in a folded text, each once, unless negated on the spot."""
    marked = re.sub(r"(\d) ?%", r"\1 ¤pct", folded)
    for idea, pattern in lexicon.PROMISES.items():
        hits = (m for m in pattern.finditer(marked) if not _negated(marked, m))
        if hit := next(hits, None):
            yield Claim(Kind.PROMISE, frozenset((idea,)), text=hit[0])


def _negated(folded: str, match: re.Match[str]) -> bool:
    """Whether the word right before is a negation: "not free", "غير مجاني"; not for "not only free"."""
    before = folded[: match.start()].split(" ")[-3:]
    return (
        bool(before)
        and any(w in lexicon.NEGATORS for w in before if w)
        and "only" not in before
        and "فقط" not in before
    )


def _numbers(tokens: Sequence[Token]) -> Iterator[Claim]:
    """Every number with its unit."""
    known: dict[int, Claim] = {}
    for i in reversed(
        range(len(tokens))
    ):  # Backwards, so that "3" of "3 to 5 days" can take the unit of "5".
        if tokens[i].value is not None and (claim := _typed(tokens, i, known)) is not None:
            known[i] = claim
    return (
        replace(known[i], near=_near(tokens, i), text=_excerpt(tokens, i)) for i in sorted(known)
    )


def _typed(tokens: Sequence[Token], i: int, known: dict[int, Claim]) -> Claim | None:
    """The claim that a number makes with the words around it."""
    value = tokens[i].value or Decimal(0)
    clock = dates.read_clock(tokens, i)
    if clock is not None:
        return Claim(Kind.TIME, clock) if clock else None
    if values := dates.read_textual(tokens, i):
        return Claim(Kind.DATE, values)
    after = _unit_after(tokens, i)
    value += _and_a_half(tokens, i)
    if after is None:
        after = _unit_before(tokens, i)
    if claim := _with_unit(value, after):
        return claim
    if (other := _range_end(tokens, i, known)) is not None:
        return _beside(value, other)
    if dates.is_part(tokens, i) or tokens[i].weak:
        return None
    priced = lexicon.PRICE_CUES.search(" ".join(t.text for t in tokens[max(0, i - 4) : i + 2]))
    return Claim(Kind.MONEY if priced else Kind.NUMBER, frozenset((plain(value),)))


_BEFORE = frozenset(f"¤{unit}" for unit in ("pct", *lexicon.CURRENCIES))


def _with_unit(value: Decimal, placeholder: str | None) -> Claim | None:
    """Money, a percentage or a duration, by the unit's placeholder."""
    unit = (placeholder or "").removeprefix("¤")
    if unit == "pct":
        return Claim(Kind.PERCENT, frozenset((plain(value),)))
    if unit in lexicon.CURRENCIES:
        return Claim(Kind.MONEY, frozenset((plain(value),)), unit)
    if unit in lexicon.DURATIONS:
        _, base, factor = lexicon.DURATIONS[unit]
        return Claim(Kind.DURATION, frozenset((plain(round(value * factor, 4)),)), base)
    return None


def _beside(value: Decimal, other: Claim) -> Claim | None:
    """The claim of a number that shares the unit of the other end of its range."""
    if other.kind is Kind.TIME:
        return Claim(Kind.TIME, dates.either_half(value))
    return _with_unit(value, _code_of(other))


def _code_of(claim: Claim) -> str | None:
    """The placeholder of a claim's unit, to give it to the other end of a range."""
    if claim.kind is Kind.DURATION:
        return claim.text or None
    return {Kind.PERCENT: "¤pct", Kind.MONEY: f"¤{claim.unit}"}.get(claim.kind)


def _range_end(tokens: Sequence[Token], i: int, known: dict[int, Claim]) -> Claim | None:
    """The claim at the other end of "3 to 5 days", with its unit's placeholder as text."""
    if _text(tokens, i + 1) not in _RANGE or (other := known.get(i + 2)) is None:
        return None
    if other.kind not in (Kind.MONEY, Kind.PERCENT, Kind.DURATION, Kind.TIME) or (
        other.kind is Kind.MONEY and not other.unit
    ):
        return None
    return replace(other, text=_unit_after(tokens, i + 2) or "")


def _unit_after(tokens: Sequence[Token], i: int) -> str | None:
    """The placeholder right after a number, over "working", "and a half" and the like."""
    for j in range(i + 1, min(i + 5, len(tokens))):
        text = tokens[j].text
        if text.startswith("¤"):
            return text
        if text not in _SMALL_WORDS and not _is_half(tokens, j):
            return None
    return None


def _unit_before(tokens: Sequence[Token], i: int) -> str | None:
    """The placeholder before a number ("$10", "$5-10"), unless it belongs to the number before that: "18 ¤sar 20"."""
    at = (
        i - 3
        if _text(tokens, i - 1) in _RANGE and i >= 3 and tokens[i - 2].value is not None
        else i - 1
    )
    taken = at >= 1 and tokens[at - 1].value is not None
    return _text(tokens, at) if _text(tokens, at) in _BEFORE and not taken else None


def _is_half(tokens: Sequence[Token], i: int) -> bool:
    """Whether a word belongs to "and a half", or is the hyphen of "24-hour"."""
    if tokens[i].text in ("ونصف", "ونص"):
        return True
    if tokens[i].text == "-":
        return _text(tokens, i + 1).startswith("¤")
    return tokens[i].text in ("and", "a", "half") and "half" in [
        _text(tokens, j) for j in range(i, i + 3)
    ]


def _and_a_half(tokens: Sequence[Token], i: int) -> Decimal:
    """The half of "two and a half" and of "ساعتين ونصف"."""
    following = [_text(tokens, j) for j in range(i + 1, i + 5)]
    half = following[:3] == ["and", "a", "half"] or any(w in ("ونصف", "ونص") for w in following[:2])
    return Decimal("0.5") if half else Decimal(0)


def _text(tokens: Sequence[Token], i: int) -> str:
    """A token's text; empty outside."""
    return tokens[i].text if 0 <= i < len(tokens) else ""


def _near(tokens: Sequence[Token], i: int) -> frozenset[str]:
    """Stems of the content words around a place, up to the ends of its clause."""
    if i < 0:
        return frozenset()
    left = _until_clause_end(tokens[max(0, i - 8) : i][::-1])
    right = _until_clause_end(tokens[i + 1 : i + 6])
    return frozenset(stem(w) for w in (*left, *right) if w[0] != "¤" and is_content(w))


def _until_clause_end(tokens: Sequence[Token]) -> Iterator[str]:
    """The words before a mark or another number ends the clause."""
    for token in tokens:
        if token.text in _CLAUSE_END:
            return
        if token.value is None and not token.mark:
            yield token.text


def _excerpt(tokens: Sequence[Token], i: int) -> str:
    """The number with the token after it, for the trace."""
    return " ".join(t.text.removeprefix("¤") for t in tokens[i : i + 2])


def plain(value: Decimal) -> str:
    """One spelling for one value: 18, 18.0 and 18.00 are the same."""
    return f"{value.normalize():f}"

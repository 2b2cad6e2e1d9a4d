"""Puts a placeholder such as ``¤sar`` in the place of every currency, unit of time, month and sign of a folded text."""

import re
from collections.abc import Iterator

from app.services.ai import lexicon

_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")


def _units() -> Iterator[tuple[str, str]]:
    """Name and forms of every unit that is a word, the particular before the general."""
    yield from ((f"two_{unit}", forms) for forms, unit in lexicon.DUALS.items())
    yield "nighttime", lexicon.NIGHT
    yield from lexicon.CURRENCIES.items()
    yield from ((name, forms) for name, (forms, _, _) in lexicon.DURATIONS.items())
    yield from lexicon.MONTHS.items()


_UNIT = re.compile(
    r"(?<![^\W\d_])(?:و?(?:ال|بال|لل|ب|ل)?)(?:"
    + "|".join(f"(?P<{name}>{forms})" for name, forms in _units())
    + r")(?![^\W\d_])"
)
_SIGN = re.compile(
    rf"(?P<pct>{lexicon.PERCENT})|(?<![^\W\d_])(?P<clock>{lexicon.CLOCK})(?![^\W\d_])"
    rf"|(?P<am>{lexicon.MORNING})(?![^\W\d_])|(?P<pm>{lexicon.EVENING})(?![^\W\d_])"
)
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?<!and a )(?:half an?|half|نصف|نص) ¤(hour|day|year|month)", r"0.5 ¤\1"),
        (r"(?:ربع|quarter of an?|a quarter) ¤hour", "0.25 ¤hour"),
        (r"(?<![\d ]) ?¤(hour|year|day|month) (?:and a half|ونصف|ونص)\b", r" 1.5 ¤\1"),
        (r"(?:within|in) (?:an?|one) ¤(hour|day|week|month|minute)", r"within 1 ¤\1"),
        (r"خلال ¤(hour|day|week|month|minute)", r"خلال 1 ¤\1"),
        (r"\b(?:noon|midday)\b", "12 ¤pm"),
        (r"\bmidnight\b", "12 ¤am"),
        (r"(?<!\d) ?¤clock 12 ¤nighttime", "12 ¤am"),
    )
)


def _mark(match: re.Match[str]) -> str:
    """A unit's placeholder; a dual is two of it."""
    name = match.lastgroup or ""
    return f" 2 ¤{name[4:]} " if name.startswith("two_") else f" ¤{name} "


def mark_units(folded: str) -> str:
    """The folded text with every unit replaced by its placeholder, such as ``¤sar``."""
    marked = re.sub(" +", " ", _UNIT.sub(_mark, _SIGN.sub(_mark, _ORDINAL.sub("", folded))))
    for pattern, by in (
        _REWRITES
        if "¤" in marked or "noon" in marked or "midday" in marked or "midnight" in marked
        else ()
    ):
        marked = pattern.sub(by, marked)
    return marked

"""How a question is put to the search: alone, and where it leans on the one before, together with that. Pure."""

import re

from app.services.knowledge.lexical import normalise, words

_FEW = 4
"""Fewer words that carry meaning than this, and a question may lean on the one before."""

_LEANING = re.compile(
    r"^(?:و(?!ي|ا?صل|ظيف|قت|زن|رد|جب)\w+|طيب|وش عن|ماذا عن|طب|and|also|what about|how about|or|it|its|they|them|their"
    r"|that|those|this|these|he|she|then|هو|هي|هم|هذا|هذه|ذلك|تلك)\b"
)

_FUNCTION_WORDS = frozenset(
    words(
        "a an the is are was were be do does did can could will would i you we they he she it me my your our of to in "
        "on at for from by with and or but if so what which who when where why how much many there have has had please "
        "في من الى على عن مع هل ما ماذا متى اين كيف كم لماذا من هو هي هم انا انت نحن و او ثم لو هذا هذه ذلك التي الذي "
        "عندكم عند لدي لديكم كان يكون وش ايش شو وين ليش يا لا نعم اي"
    )
)


def phrasings(query: str, previous: str | None) -> list[str]:
    """The question itself, and joined to the previous one if it can't stand alone.

    Args:
        query: What was asked.
        previous: What the contact asked before, if anything.
    """
    if previous and leans(query):
        return [query, f"{previous}\n{query}"]
    return [query]


def leans(query: str) -> bool:
    """Whether a question is short of words that carry meaning, or begins by pointing back."""
    carrying = [word for word in words(query) if word not in _FUNCTION_WORDS]
    return len(carrying) < _FEW or points_back(query)


def points_back(query: str) -> bool:
    """Whether a question begins by pointing at what was said before."""
    return bool(_LEANING.match(normalise(query).strip()))

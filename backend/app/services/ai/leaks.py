"""Recognises our own rules in a draft, so that nobody can talk a model into reciting them."""

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

from app.services.ai.text import fold, words

_RUN = 5
"""So many words in a row that stand in the rules as well are a recital."""

_BLOB = re.compile(r"(?<![\w/])[A-Za-z0-9+/=_-]{28,}(?![\w/])")
"""No word is so long; encoded text is."""


_MARK = re.compile(r"[0-9a-f]{16}")
"""The mark that fences a prompt's data: each prompt has its own, and otherwise the same rules."""


def recites(text: str, rules: str) -> bool:
    """Whether a text repeats a piece of the rules, forwards, backwards or shifted, or carries something encoded."""
    runs = _runs(_unmarked(rules))
    ways = (text, text[::-1], codecs.encode(text, "rot13"))
    return bool(_BLOB.search(text)) or any(
        run in runs for way in ways for run in _runs_of(_unmarked(way))
    )


def _unmarked(text: str) -> str:
    return _MARK.sub("0" * 16, text)


@lru_cache(maxsize=64)
def _runs(rules: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_runs_of(rules))


def _runs_of(text: str) -> Iterator[tuple[str, ...]]:
    found = words(fold(text))
    return (tuple(found[at : at + _RUN]) for at in range(len(found) - _RUN + 1))

"""What we say, in Arabic. Sentences are written in English where they are said, and looked up here by their template.

So a sentence that was stored or logged in English can still be shown to somebody who reads Arabic. A template's ``{}``
stands for what is filled in; it is kept as it is, or translated if it is itself a sentence of ours.
"""

import re
from functools import cache, lru_cache

from app.core.wording_ar import SENTENCES as PEOPLE
from app.core.wording_ar_operators import SENTENCES as OPERATORS
from app.core.wording_ar_record import SENTENCES as RECORD
from app.core.wording_ar_results import SENTENCES as RESULTS
from app.core.wording_ar_terminal import SENTENCES as TERMINAL

SENTENCES = RECORD | RESULTS | OPERATORS | TERMINAL | PEOPLE

_FIRST = re.compile(r"\w*")


def within(sentence: str, language: str) -> str:
    """The sentence in a language; as it is where nobody translated it."""
    return (arabic(sentence) or sentence) if language == "ar" else sentence


@lru_cache(maxsize=512)
def arabic(sentence: str) -> str | None:
    """The sentence in Arabic; None where nobody translated it."""
    if sentence in SENTENCES:
        return SENTENCES[sentence]
    known = _templates()
    for pattern, translation in (*known.get(_first(sentence), ()), *known.get("", ())):
        if found := pattern.fullmatch(sentence):
            return str.format(translation, *(within(part, "ar") for part in found.groups()))
    return _labelled(sentence)


def _labelled(sentence: str) -> str | None:
    """``settings.tone: Field required.``: the label stays, what is said of it is translated."""
    label, colon, rest = sentence.partition(": ")
    said = arabic(rest) if colon and " " not in label else None
    return said and f"{label}: {said}"


@cache
def _templates() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """Templates by the word they begin with, longest first; those that begin with what is filled in stand under ''."""
    known: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for template in sorted(SENTENCES, key=len, reverse=True):
        if "{}" in template:
            pattern = re.compile("(.+?)".join(map(re.escape, template.split("{}"))), re.DOTALL)
            known.setdefault(_first(template), []).append((pattern, SENTENCES[template]))
    return known


def _first(sentence: str) -> str:
    found = _FIRST.match(sentence)
    return found.group() if found else ""

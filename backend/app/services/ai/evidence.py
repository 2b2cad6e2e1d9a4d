"""What a passage states, sentence by sentence, made ready to hold drafts against."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from app.services.ai import links
from app.services.ai.claims import Claim, Kind, extract
from app.services.ai.injection import honest
from app.services.ai.lexicon import NEGATORS
from app.services.ai.text import fold, is_content, script_of, sentences, stem, stems, words
from app.services.knowledge.base import Passage


@dataclass(frozen=True, slots=True)
class Fact:
    """A claim of a passage and what the passage says around it."""

    claim: Claim
    context: frozenset[str]
    line: frozenset[str] = frozenset()

    def fit(self, about: frozenset[str]) -> float:
        """How well the fact's own clause, and half as much its whole sentence, speak of something."""
        return len(self.context & about) + len(self.line & about) / 2


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a passage."""

    stems: frozenset[str]
    negated: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a passage states."""

    language: str | None
    facts: tuple[Fact, ...]
    lines: tuple[Line, ...]
    stems: frozenset[str]
    words: str


def evidence(passage: Passage) -> Evidence:
    """What a passage states, sentence by sentence."""
    return _evidence(
        passage.title, passage.question or "", passage.text, passage.sentences, passage.url
    )


@lru_cache(maxsize=2048)
def _evidence(
    title: str, question: str, text: str, parts: tuple[str, ...], url: str | None
) -> Evidence:
    """By content, so that a passage is read once however often it is found."""
    told = honest([s for s in (parts or sentences(text)) if s.strip()])
    entry = stems(question)
    facts = [fact for part in told for fact in _facts(part, entry)]
    facts += [Fact(c, c.near) for extra in honest([question, title]) for c in extract(extra)]
    if url:
        facts.append(Fact(Claim(Kind.LINK, frozenset((links.canonical(url),))), frozenset()))
    lines = tuple(Line(stems(part) | entry, negated(part)) for part in told)
    whole = " ".join([*honest([title, question]), *told])
    return Evidence(script_of(text), tuple(_priced(facts)), lines, stems(whole), fold(whole))


def _facts(part: str, entry: frozenset[str]) -> Iterator[Fact]:
    """The claims of one sentence, each with the words of its clause, or else of its sentence."""
    around = stems(part)
    return (Fact(claim, (claim.near or around) | entry, around) for claim in extract(part))


def _priced(facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts; where a passage names one currency, its bare numbers may be prices in it."""
    kept = list(facts)
    currencies = {f.claim.unit for f in kept if f.claim.kind is Kind.MONEY and f.claim.unit}
    yield from kept
    if len(currencies) == 1:
        (unit,) = currencies
        bare = (f for f in kept if f.claim.kind in (Kind.NUMBER, Kind.MONEY) and not f.claim.unit)
        yield from (replace(f, claim=replace(f.claim, kind=Kind.MONEY, unit=unit)) for f in bare)


@lru_cache(maxsize=4096)
def negated(sentence: str) -> frozenset[str] | None:
    """The stems that a sentence turns round; None where it has no negation."""
    spoken = words(re.sub(r"^\s*(?:no|لا)\s*[,،.]", "", fold(sentence)))
    places = [i for i, word in enumerate(spoken) if word in NEGATORS]
    if not places:
        return None
    following = (next((w for w in spoken[i + 1 : i + 5] if is_content(w)), None) for i in places)
    return frozenset(stem(w) for w in following if w)

"""What a passage states, sentence by sentence, made ready to hold drafts against."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from app.services.ai import links
from app.services.ai.claims import Claim, Kind, extract
from app.services.ai.injection import honest
from app.services.ai.lexicon import NEGATORS
from app.services.ai.reading import Reading, spoken
from app.services.ai.text import is_content, script_of, stem, words_of
from app.services.knowledge.base import Passage, noted

_ANSWER_NO = re.compile(r"^\s*(?:no|لا)\s*[,،.]")
"""An answer's "No," turns nothing round."""

_LATIN = re.compile(r"[a-z]{3}")


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
    is_latin: bool


@noted
def evidence(passage: Passage) -> Evidence:
    """What a passage states, sentence by sentence."""
    told, entry = spoken(passage), Reading(passage.question or "").stems
    facts = [fact for part in told for fact in _facts(part, entry)]
    facts += [
        Fact(claim, claim.near)
        for name in honest([passage.question or "", passage.title])
        for claim in extract(name)
    ]
    if passage.url:
        link = Claim(Kind.LINK, frozenset((links.canonical(passage.url),)))
        facts.append(Fact(link, frozenset()))
    lines = tuple(Line(part.stems | entry, negated(part.folded)) for part in told)
    names = honest([passage.title, passage.question or ""])
    all_ = Reading(" ".join([*names, *(part.text for part in told)]))
    return Evidence(
        language=script_of(passage.text),
        facts=tuple(_priced(facts)),
        lines=lines,
        stems=all_.stems,
        words=all_.folded,
        is_latin=bool(_LATIN.search(all_.folded)),
    )


def _facts(part: Reading, entry: frozenset[str]) -> Iterator[Fact]:
    """The claims of one sentence, each with the words of its clause, or else of its sentence."""
    return (Fact(claim, (claim.near or part.stems) | entry, part.stems) for claim in part.claims)


def _priced(facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts; where a passage names one currency, its bare numbers may be prices in it."""
    kept = list(facts)
    currencies = {f.claim.unit for f in kept if f.claim.kind is Kind.MONEY and f.claim.unit}
    yield from kept
    if len(currencies) == 1:
        (unit,) = currencies
        bare = (f for f in kept if f.claim.kind in (Kind.NUMBER, Kind.MONEY) and not f.claim.unit)
        yield from (replace(f, claim=replace(f.claim, kind=Kind.MONEY, unit=unit)) for f in bare)


def negated(folded: str) -> frozenset[str] | None:
    """The stems that a folded sentence turns round; None where it has no negation."""
    told = words_of(_ANSWER_NO.sub("", folded))
    places = [i for i, word in enumerate(told) if word in NEGATORS]
    if not places:
        return None
    following = (next((w for w in told[i + 1 : i + 5] if is_content(w)), None) for i in places)
    return frozenset(stem(w) for w in following if w)

"""Finds the sentences of some passages that answer a question best, to be quoted word for word. Pure.

A sentence is judged by the question's words and topics that it has, or that its title or neighbour lends it; by whether
it holds the kind of fact that was asked for; and by how well its passage was found. An entry of questions and answers
is one sentence: its answer as a whole.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.services.ai import answerability
from app.services.ai.base import Question
from app.services.ai.claims import Kind
from app.services.ai.quotable import ROW, SEASON, Heard, Sought, Unit, units
from app.services.ai.reading import Reading, Word
from app.services.ai.topics import FILLERS, wanted
from app.services.knowledge.base import Passage
from app.services.knowledge.phrasing import leans, points_back

LEAST = 0.2
"""Share of the question that the best sentence, with what its place lends it, must speak of."""

_LONGEST = 480
_MOST = 3
_LENT = 0.6
"""What a word counts that only the title, the entry's question or the sentence before has."""

_KIND, _NO_KIND = 0.3, 0.75
"""What the wanted kind of fact adds, and what its absence leaves where another sentence has it."""

_TRUST, _FOREIGN_TRUST = 0.15, 2.0
"""What the passage's rank counts; more where words can't be compared."""

_FIRST, _SUBJECT, _SPECIAL = 0.1, 0.4, 0.4
"""A passage's first sentence, a row or entry named exactly, and hours of Ramadan that nobody asked for."""

_OTHER_ENTRY = 0.25
"""What an entry loses whose question asks for something else."""

_NEIGHBOUR = 0.5
"""A neighbour is quoted along when it speaks of at least this share of what the best sentence speaks of."""

_SAYS_ALL = 0.8
"""Share of the question that a sentence speaks of in its own words, with the wanted fact: it needs no neighbour."""

_EARLIER, _HARDLY_EARLIER = 0.4, 0.08
"""What the words of the question before count, for a question that leans on it; hardly where it stands by itself."""

_ALONE = 0.99
"""A short question stands by itself where all of its words are found in one place."""

_ASSENT = re.compile(
    r"^(?:yes|no|sure|of course|نعم|لا|أجل|بالتأكيد)\s*[,،.:!]\s*(?=\S)", re.IGNORECASE
)

_TOPIC_MARK = "#"


@dataclass(frozen=True, slots=True)
class Scored:
    """A unit, the share of the question it speaks of, and its score among others."""

    heard: Heard
    fit: float
    score: float

    @property
    def unit(self) -> Unit:
        """What is quoted."""
        return self.heard.unit


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as its words with their weights, and the kinds of fact that would answer it."""

    words: Mapping[str, Sought]
    weights: Mapping[str, float]
    kinds: frozenset[Kind]
    is_seasonal: bool = False

    def fit(self, heard: Heard, lent: float = _LENT) -> float:
        """The share of the question that a unit speaks of, with what its place lends it."""
        total = sum(self.weights.values())
        told = (
            w * max(heard.said[word], lent * heard.lent[word]) for word, w in self.weights.items()
        )
        return sum(told) / total if total else 0.0


def best(question: Question, passages: Sequence[Passage]) -> list[tuple[int, str]]:
    """The sentences to quote, each with the number of its passage from 0; none if nothing fits.

    Several questions in one message are answered one after the other.
    """
    texts = answerability.parts(question.text, question.language, passages)[:_MOST]
    found = [pair for text in texts for pair in _answer(replace(question, text=text), passages)]
    return list(dict.fromkeys(found))


def _answer(question: Question, passages: Sequence[Passage]) -> list[tuple[int, str]]:
    """The sentences that answer one question, in reading order."""
    chosen = _choice(question, passages)
    said, earlier = Reading(question.text), _earlier(question)
    words, before = _sought(said), _sought(earlier) if earlier else {}
    heard = [Heard.of(i, unit, before | words) for i in chosen for unit in units(passages[i])]
    asked = _asked(said, words, earlier, before, heard)
    foreign = bool(chosen) and passages[chosen[0]].language != question.language
    ranked = _ranked(asked, heard, passages, foreign=foreign)
    top = max(ranked, key=lambda s: s.score, default=None)
    if top is None or (top.fit < LEAST and not foreign):
        return []
    kept = _with_neighbours(asked, top, ranked)
    told = [(scored.heard.passage, readable(scored.unit.said.text)) for scored in kept]
    return told if foreign or asked.fit(top.heard, 1.0) >= _ALONE else _without_assent(told)


def _without_assent(told: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The same without a leading yes or no: that was said to a question which isn't quite this one."""
    (passage, text), *rest = told
    bare = _ASSENT.sub("", text)
    return [(passage, bare[:1].upper() + bare[1:]), *rest]


def readable(text: str) -> str:
    """A table's row as a sentence: ``Drink: latte | Price: 18 SAR`` becomes ``latte: Price 18 SAR``."""
    if ROW not in text:
        return text
    cells = [cell.partition(": ") for cell in text.split(ROW)]
    (label, _, value), *rest = cells
    comma = "، " if any("\u0600" <= c <= "\u06ff" for c in text) else ", "
    told = comma.join(f"{name} {said}".strip() for name, _, said in rest)
    return f"{value or label}: {told}".rstrip(".") + "."


def _choice(question: Question, passages: Sequence[Passage]) -> list[int]:
    """Passages in the question's language; those in another where they alone promise an answer."""
    own = [i for i, p in enumerate(passages) if p.language == question.language]
    other = [i for i, p in enumerate(passages) if p.language != question.language]
    if not own or not other:
        return own or other
    told = answerability.signals(question.text, question.language, [passages[i] for i in own])
    if (question.history and leans(question.text)) or answerability.answerable(told):
        return own
    there = answerability.signals(question.text, question.language, [passages[i] for i in other])
    return other if answerability.answerable(there) else own


def _earlier(question: Question) -> Reading | None:
    """What the contact asked before, where the question leans on it."""
    earlier = next((t.text for t in reversed(question.history) if t.author == "contact"), None)
    return Reading(earlier) if earlier and leans(question.text) else None


def _sought(said: Reading) -> dict[str, Sought]:
    """The words of a question that carry it, and the topics that only its small words name, such as "where"."""
    spoken_ = [w for w in said.words if w.is_sought]
    carrying = {w.text: Sought.of(w) for w in spoken_ if w.text not in FILLERS}
    named = frozenset[str]().union(*(word.topics for word in carrying.values()))
    carrying |= {
        f"{_TOPIC_MARK}{topic}": Sought.topic(topic) for topic in sorted(said.topics - named)
    }
    return carrying or {w.text: Sought.of(w) for w in spoken_ or said.words}


def _asked(
    said: Reading,
    words: Mapping[str, Sought],
    earlier: Reading | None,
    before: Mapping[str, Sought],
    heard: Sequence[Heard],
) -> Asked:
    """The question's words, the rarer among the units the weightier."""
    weights, kinds = _weights(words, heard), wanted(said.folded)
    if earlier:
        alone = not points_back(said.text) and _stands(Asked(words, weights, kinds), heard)
        share = _HARDLY_EARLIER if alone else _EARLIER
        weights = {word: w * share for word, w in _weights(before, heard).items()} | weights
        kinds = kinds or (frozenset() if alone else wanted(earlier.folded))
    return Asked({**before, **words}, weights, kinds, SEASON in said.topics)


def _stands(asked: Asked, heard: Sequence[Heard]) -> bool:
    """Whether a question says by itself what it is about: one place speaks of all of it."""
    named = [word for word in asked.weights if word not in FILLERS and word[:1] != _TOPIC_MARK]
    return bool(named) and any(asked.fit(one, 1.0) >= _ALONE for one in heard)


def _weights(words: Mapping[str, Sought], heard: Sequence[Heard]) -> dict[str, float]:
    often = {word: sum(one.said[word] for one in heard) for word in words}
    return {word: math.log(1 + (len(heard) + 1) / (1 + often[word])) for word in words}


def _ranked(
    asked: Asked, heard: Sequence[Heard], passages: Sequence[Passage], *, foreign: bool
) -> list[Scored]:
    scores = [passages[one.passage].score for one in heard]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    any_holds = any(_holds(asked, one.unit) for one in heard)
    ranked = []
    for one, score in zip(heard, scores, strict=True):
        fit = asked.fit(one)
        trust = (score - low) / (high - low) if high > low else 1.0
        telling = fit + _bonus(asked, one.unit, fit) + (_FOREIGN_TRUST * trust if foreign else 0.0)
        if any_holds:
            telling = telling + _KIND if _holds(asked, one.unit) else telling * _NO_KIND
        ranked.append(Scored(one, fit, telling * (1 - _TRUST + _TRUST * trust)))
    return ranked


def _holds(asked: Asked, unit: Unit) -> bool:
    """Whether a unit holds the kind of fact that was asked for."""
    return bool(asked.kinds) and not asked.kinds.isdisjoint(unit.said.kinds)


def _bonus(asked: Asked, unit: Unit, fit: float) -> float:
    """What the form of a unit says for or against it."""
    first = _FIRST if unit.place == 0 else 0.0
    special = _SPECIAL if unit.is_seasonal and not asked.is_seasonal else 0.0
    named = _SUBJECT * fit * _exactness(asked, unit.subject) if unit.subject else 0.0
    return first + named - special - (_OTHER_ENTRY if unit.is_entry else 0.0)


def _exactness(asked: Asked, subject: Sequence[Word]) -> float:
    """The share of a subject's words that were asked for: "latte" is asked for, "Spanish latte" by half."""
    told = sum(any(asked.words[word].within(name) for word in asked.weights) for name in subject)
    return told / len(subject)


def _with_neighbours(asked: Asked, top: Scored, ranked: Sequence[Scored]) -> list[Scored]:
    """The best sentence, and the ones around it that speak of the same, while there is room."""
    if _holds(asked, top.unit) and asked.fit(top.heard, 0.0) >= _SAYS_ALL:
        return [top]
    here = {s.unit.place: s for s in ranked if s.heard.passage == top.heard.passage}
    kept = [top]
    for place in (top.unit.place + 1, top.unit.place - 1):
        neighbour = here.get(place)
        if neighbour is None or neighbour.unit.is_row or len(kept) == _MOST:
            continue
        room = sum(len(s.unit.said.text) for s in (*kept, neighbour)) <= _LONGEST
        if room and (_adds(asked, top, neighbour) or not top.unit.said.stems):
            kept.append(neighbour)
    return sorted(kept, key=lambda s: s.unit.place)


def _adds(asked: Asked, top: Scored, neighbour: Scored) -> bool:
    """Whether a neighbour speaks of what was asked, and not of a season that nobody asked about."""
    own = neighbour.unit.said.topics - top.unit.said.topics
    seasonal = SEASON in own and not asked.is_seasonal
    return neighbour.fit >= _NEIGHBOUR * top.fit and not seasonal

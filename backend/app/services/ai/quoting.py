"""Finds the sentences of some passages that answer a question best, to be quoted word for word. Pure.

A sentence is judged by the question's words and topics that it has, or that its title or neighbour lends it; by whether
it holds the kind of fact that was asked for; and by how well its passage was found. An entry of questions and answers
is one sentence: its answer as a whole.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.services.ai import answerability
from app.services.ai.base import Question
from app.services.ai.claims import Kind, extract
from app.services.ai.injection import honest
from app.services.ai.text import core, cores, is_content, sentences, stems, words
from app.services.ai.topics import FILLERS, topics, wanted
from app.services.knowledge.base import Passage
from app.services.knowledge.lexical import terms
from app.services.knowledge.phrasing import leans, points_back

LEAST = 0.2
"""Share of the question that the best sentence, with what its place lends it, must speak of."""

_LONGEST = 480
_MOST = 3
_LENT = 0.6
"""What a word counts that only the title, the entry's question or the sentence before has."""

_AKIN = 0.8
"""What a word counts where the text has another form of it, or another word of its topic."""

_ENOUGH = 0.66
"""Share of a word's pieces that make it the same word."""

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

_ROW = " | "
_TOPIC_MARK = "#"


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be quoted: a sentence, a table's row, or the answer of an entry.

    Attributes:
        passage: Number of its passage, from 0.
        place: Its place in the passage.
        text: Its words.
        lent: Words that say what it is about: titles, the entry's question, the sentence before.
        subject: What a row or an entry is about; empty for a sentence.
        is_entry: Whether it answers an entry's question.
    """

    passage: int
    place: int
    text: str
    lent: str
    subject: str = ""
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class Scored:
    """A unit, the share of the question it speaks of, and its score among others."""

    unit: Unit
    fit: float
    score: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as its words with their weights, and the kinds of fact that would answer it."""

    weights: dict[str, float]
    kinds: frozenset[Kind]
    topics: frozenset[str] = frozenset()

    def fit(self, unit: Unit, lent: float = _LENT) -> float:
        """The share of the question that a unit speaks of, with what its place lends it."""
        total = sum(self.weights.values())
        told = (
            w * max(_has(unit.text, word), lent and lent * _has(unit.lent, word))
            for word, w in self.weights.items()
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
    units = [unit for i in chosen for unit in _units(i, passages[i])]
    asked = _asked(question, units)
    foreign = bool(chosen) and passages[chosen[0]].language != question.language
    ranked = _ranked(asked, units, passages, foreign=foreign)
    top = max(ranked, key=lambda s: s.score, default=None)
    if top is None or (top.fit < LEAST and not foreign):
        return []
    kept = _with_neighbours(asked, top, ranked)
    told = [(scored.unit.passage, readable(scored.unit.text)) for scored in kept]
    return told if foreign or asked.fit(top.unit, 1.0) >= _ALONE else _without_assent(told)


def _without_assent(told: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The same without a leading yes or no: that was said to a question which isn't quite this one."""
    (passage, text), *rest = told
    bare = _ASSENT.sub("", text)
    return [(passage, bare[:1].upper() + bare[1:]), *rest]


def readable(text: str) -> str:
    """A table's row as a sentence: ``Drink: latte | Price: 18 SAR`` becomes ``latte: Price 18 SAR``."""
    if _ROW not in text:
        return text
    cells = [cell.partition(": ") for cell in text.split(_ROW)]
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


def _units(number: int, passage: Passage) -> Iterator[Unit]:
    """What can be quoted of a passage, each with the words that its place lends it."""
    parts = honest([s for s in passage.sentences or sentences(passage.text) if s.strip()])
    if passage.question and parts:
        lent = f"{passage.title}\n{passage.question}"
        whole = passage.text if len(parts) == len(passage.sentences) else " ".join(parts)
        yield Unit(number, 0, whole, lent, passage.question, is_entry=True)
        return
    before = ""
    for place, text in enumerate(parts):
        subject = text.split(_ROW)[0].partition(": ")[2] if _ROW in text else ""
        yield Unit(number, place, text.strip(), f"{passage.title}\n{before}", subject)
        before = "" if _ROW in text else text


def _asked(question: Question, units: Sequence[Unit]) -> Asked:
    """The question's words, the rarer among the units the weightier."""
    weights = _weights(question.text, units)
    earlier = next((t.text for t in reversed(question.history) if t.author == "contact"), None)
    kinds = wanted(question.text)
    if earlier and leans(question.text):
        alone = not points_back(question.text) and _stands(Asked(weights, kinds), units)
        share = _HARDLY_EARLIER if alone else _EARLIER
        weights = {word: w * share for word, w in _weights(earlier, units).items()} | weights
        kinds = kinds or (frozenset() if alone else wanted(earlier))
    return Asked(weights, kinds, topics(question.text))


def _stands(asked: Asked, units: Sequence[Unit]) -> bool:
    """Whether a question says by itself what it is about: one place speaks of all of it."""
    named = [word for word in asked.weights if word not in FILLERS and word[:1] != _TOPIC_MARK]
    return bool(named) and any(asked.fit(unit, 1.0) >= _ALONE for unit in units)


def _weights(text: str, units: Sequence[Unit]) -> dict[str, float]:
    spoken = [w for w in dict.fromkeys(words(text)) if is_content(w) or w[0].isdigit()]
    carrying = [w for w in spoken if w not in FILLERS]
    carrying += _unspoken(text, carrying)
    carrying = carrying or spoken or words(text)
    often = {w: sum(_has(unit.text, w) for unit in units) for w in carrying}
    return {w: math.log(1 + (len(units) + 1) / (1 + often[w])) for w in carrying}


def _unspoken(text: str, carrying: Sequence[str]) -> list[str]:
    """Topics that only a question's small words name, such as "where"; marked, since they are no words."""
    named = frozenset[str]().union(*(topics(word) for word in carrying))
    return [f"{_TOPIC_MARK}{topic}" for topic in sorted(topics(text) - named)]


def _has(text: str, word: str) -> float:
    """How surely a text has a word: in any form, or another word of the same topic."""
    if word.startswith(_TOPIC_MARK):
        return _AKIN if word[1:] in topics(text) else 0.0
    pieces = _pieces(word)
    share = len(pieces & _pieces(text)) / len(pieces) if pieces else 0.0
    same = min(1.0, share / _ENOUGH) if share >= _ENOUGH / 2 else 0.0
    akin = bool(topics(word) & topics(text)) or (len(core(word)) > 2 and core(word) in cores(text))
    return max(same, _AKIN if akin else 0.0)


def _ranked(
    asked: Asked, units: Sequence[Unit], passages: Sequence[Passage], *, foreign: bool
) -> list[Scored]:
    scores = [passages[unit.passage].score for unit in units]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    any_holds = any(asked.kinds & _kinds(unit.text) for unit in units)
    ranked = []
    for unit, score in zip(units, scores, strict=True):
        fit = asked.fit(unit)
        trust = (score - low) / (high - low) if high > low else 1.0
        telling = fit + _bonus(asked, unit, fit) + (_FOREIGN_TRUST * trust if foreign else 0.0)
        if any_holds and asked.kinds:
            telling = telling + _KIND if asked.kinds & _kinds(unit.text) else telling * _NO_KIND
        ranked.append(Scored(unit, fit, telling * (1 - _TRUST + _TRUST * trust)))
    return ranked


def _bonus(asked: Asked, unit: Unit, fit: float) -> float:
    """What the form of a unit says for or against it."""
    first = _FIRST if unit.place == 0 else 0.0
    special = _SPECIAL if "ramadan" in topics(f"{unit.lent} {unit.text}") - asked.topics else 0.0
    named = _SUBJECT * fit * _exactness(asked, unit.subject) if unit.subject else 0.0
    return first + named - special - (_OTHER_ENTRY if unit.is_entry else 0.0)


def _exactness(asked: Asked, subject: str) -> float:
    """The share of a subject's words that were asked for: "latte" is asked for, "Spanish latte" by half."""
    named = [w for w in words(subject) if is_content(w) and w not in FILLERS]
    told = sum(any(_has(name, word) for word in asked.weights) for name in named)
    return told / len(named) if named else 0.0


def _with_neighbours(asked: Asked, top: Scored, ranked: Sequence[Scored]) -> list[Scored]:
    """The best sentence, and the ones around it that speak of the same, while there is room."""
    if asked.kinds & _kinds(top.unit.text) and asked.fit(top.unit, 0.0) >= _SAYS_ALL:
        return [top]
    here = {s.unit.place: s for s in ranked if s.unit.passage == top.unit.passage}
    kept = [top]
    for place in (top.unit.place + 1, top.unit.place - 1):
        neighbour = here.get(place)
        if neighbour is None or _ROW in neighbour.unit.text or len(kept) == _MOST:
            continue
        room = sum(len(s.unit.text) for s in kept) + len(neighbour.unit.text) <= _LONGEST
        if room and (_adds(asked, top, neighbour) or not stems(top.unit.text)):
            kept.append(neighbour)
    return sorted(kept, key=lambda s: s.unit.place)


def _adds(asked: Asked, top: Scored, neighbour: Scored) -> bool:
    """Whether a neighbour speaks of what was asked, and not of a season that nobody asked about."""
    seasonal = "ramadan" in topics(neighbour.unit.text) - topics(top.unit.text) - asked.topics
    return neighbour.fit >= _NEIGHBOUR * top.fit and not seasonal


@lru_cache(maxsize=8192)
def _pieces(text: str) -> frozenset[str]:
    return frozenset(terms(text))


@lru_cache(maxsize=4096)
def _kinds(text: str) -> frozenset[Kind]:
    return frozenset(claim.kind for claim in extract(text))

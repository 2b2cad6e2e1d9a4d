"""What can be quoted of a passage, and how surely it has the words that are looked for. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.services.ai.reading import Reading, Word, spoken
from app.services.ai.topics import FILLERS
from app.services.knowledge.base import Passage, noted

ROW = " | "
"""Stands between the cells of a table's row."""

SEASON = "ramadan"
"""Its hours are told to those alone who ask for them."""

AKIN = 0.8
"""What a word counts where the text has another form of it, or another word of its topic."""

_ENOUGH = 0.66
"""Share of a word's pieces that make it the same word."""

_LEAST_CORE = 3
"""Shorter cores are shared by chance."""

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unit:
    """What can be quoted: a sentence, a table's row, or the answer of an entry.

    Attributes:
        place: Its place in the passage.
        said: Its words.
        lent: Words that say what it is about: titles, the entry's question, the sentence before.
        subject: The words of what a row or an entry is about; none for a sentence.
        is_entry: Whether it answers an entry's question.
        is_row: Whether it is a table's row.
        is_seasonal: Whether it, or what it is lent, speaks of Ramadan.
    """

    place: int
    said: Reading
    lent: Reading
    subject: tuple[Word, ...] = ()
    is_entry: bool = False
    is_row: bool = False
    is_seasonal: bool = False


@dataclass(frozen=True, slots=True)
class Sought:
    """A word as it is looked for: in any form, or as another word of its topics. No text has an empty core."""

    pieces: frozenset[str]
    topics: frozenset[str]
    core: str

    @classmethod
    def of(cls, word: Word) -> "Sought":
        """A word of a question."""
        return cls(word.pieces, word.topics, word.core if len(word.core) >= _LEAST_CORE else "")

    @classmethod
    def topic(cls, name: str) -> "Sought":
        """A topic that no word of the question names by itself."""
        return cls(_NOTHING, frozenset((name,)), "")

    def within(self, text: Reading) -> float:
        """How surely a text has it."""
        share = len(self.pieces & text.pieces) / len(self.pieces) if self.pieces else 0.0
        same = min(1.0, share / _ENOUGH) if share >= _ENOUGH / 2 else 0.0
        if same >= AKIN:
            return same
        akin = not self.topics.isdisjoint(text.topics) or self.core in text.cores
        return AKIN if akin else same


@dataclass(frozen=True, slots=True)
class Heard:
    """A unit of a passage, and how surely its own words, and those it is lent, have each word that is looked for."""

    passage: int
    unit: Unit
    said: Mapping[str, float]
    lent: Mapping[str, float]

    @classmethod
    def of(cls, passage: int, unit: Unit, words: Mapping[str, Sought]) -> "Heard":
        """Looks for words in a unit."""
        said, lent = (
            {name: word.within(text) for name, word in words.items()}
            for text in (unit.said, unit.lent)
        )
        return cls(passage, unit, said, lent)


@noted
def units(passage: Passage) -> tuple[Unit, ...]:
    """What can be quoted of a passage, each with the words that its place lends it."""
    return tuple(_cut(passage, spoken(passage)))


def _cut(passage: Passage, parts: Sequence[Reading]) -> Iterator[Unit]:
    if passage.question and parts:
        whole = len(parts) == len(passage.sentences)
        said = Reading(passage.text if whole else " ".join(part.text for part in parts))
        lent = Reading(f"{passage.title}\n{passage.question}")
        yield _unit(0, said, lent, passage.question, is_entry=True)
        return
    before = ""
    for place, part in enumerate(parts):
        is_row = ROW in part.text
        subject = part.text.split(ROW)[0].partition(": ")[2] if is_row else ""
        said, lent = Reading(part.text.strip()), Reading(f"{passage.title}\n{before}")
        yield _unit(place, said, lent, subject, is_row=is_row)
        before = "" if is_row else part.text


def _unit(
    place: int,
    said: Reading,
    lent: Reading,
    subject: str,
    *,
    is_entry: bool = False,
    is_row: bool = False,
) -> Unit:
    named = tuple(w for w in Reading(subject).words if w.is_content and w.text not in FILLERS)
    seasonal = SEASON in Reading(f"{lent.text} {said.text}").topics
    return Unit(place, said, lent, named, is_entry, is_row, seasonal)

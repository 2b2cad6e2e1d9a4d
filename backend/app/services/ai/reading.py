"""A text, read: whatever is asked of it is worked out when it is first asked, and once.

Nobody keeps readings but who holds them: a question's end with its answer, a passage's stand in its notes. Single words,
which are nobody's, are known to the whole process.
"""

from functools import cached_property, lru_cache

from app.services.ai.claims import Claim, Kind, extract
from app.services.ai.injection import honest
from app.services.ai.text import core, fold, is_content, sentences, stem, words_of
from app.services.ai.topics import topics_of
from app.services.knowledge.base import Passage, noted
from app.services.knowledge.lexical import pieces


class Reading:
    """What can be told of one text by itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def folded(self) -> str:
        """The text for comparing."""
        return fold(self.text)

    @cached_property
    def words(self) -> list["Word"]:
        """Its words."""
        return [word(w) for w in words_of(self.folded)]

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of its content words."""
        return frozenset(w.stem for w in self.words if w.is_content)

    @cached_property
    def cores(self) -> frozenset[str]:
        """The cores of its words."""
        return frozenset(w.core for w in self.words)

    @cached_property
    def topics(self) -> frozenset[str]:
        """The everyday topics that it touches."""
        return topics_of(self.folded)

    @cached_property
    def pieces(self) -> frozenset[str]:
        """The pieces of its words, as they are searched."""
        return pieces(self.text)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """What can be checked in it."""
        return extract(self.text)

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of its claims."""
        return frozenset(claim.kind for claim in self.claims)


class Word(Reading):
    """A single folded word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.stem = stem(text)
        self.core = core(text)
        self.is_content = is_content(text)
        self.is_sought = self.is_content or text[0].isdigit()


word = lru_cache(maxsize=8192)(Word)


@noted
def whole(passage: Passage) -> Reading:
    """All words of a passage: title, question and text."""
    parts = (passage.title, passage.question, passage.text)
    return Reading(" ".join(part for part in parts if part))


@noted
def spoken(passage: Passage) -> tuple[Reading, ...]:
    """The sentences of a passage that may vouch for something: those before the first that gives orders."""
    parts = [s for s in passage.sentences or sentences(passage.text) if s.strip()]
    return tuple(map(Reading, honest(parts)))

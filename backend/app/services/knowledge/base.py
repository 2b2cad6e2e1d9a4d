"""The seams of knowledge: parsers, embedders, vector stores, and the values between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import Any, ClassVar, NewType, Protocol, TypeVar, cast
from uuid import UUID

T = TypeVar("T")

Namespace = NewType("Namespace", str)
"""Which client's vectors. Made by ``namespace_of`` from a tenant's scope, so that none can be forgotten."""


def namespace_of(client_id: UUID) -> Namespace:
    """The namespace of one client."""
    return Namespace(str(client_id))


class BlockKind(StrEnum):
    """What a parsed block is."""

    TITLE = "title"
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    QUESTION_ANSWER = "question_answer"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a parsed file, in reading order.

    Attributes:
        kind: What it is.
        text: Its words in logical order; for QUESTION_ANSWER the answer. Empty for a page that could not be read.
        level: Depth of a HEADING, from 1.
        question: The question of a QUESTION_ANSWER.
        page: Page number from 1, where there are pages.
        suspect: Its page may not have been read rightly (order of letters, missing letters); a person should look.
    """

    kind: BlockKind
    text: str
    level: int = 0
    question: str | None = None
    page: int | None = None
    suspect: bool = False


class Parser(Protocol):
    """Reads one family of file formats. Runs inside a confined child process.

    Raises InvalidInput for a broken file and TooLarge for one that unfolds beyond the limits.
    """

    media_types: ClassVar[tuple[str, ...]]

    def parse(self, content: bytes) -> Sequence[Block]:
        """The file's blocks in reading order."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document as it is stored and found.

    Attributes:
        ordinal: Place in the document, from 0.
        text: The words a person may be shown.
        title_path: Titles above it, joined by " › "; embedded and indexed with it.
        language: ``ar`` or ``en``: the pool it is searched in.
        question: Set for an entry of questions and answers; ``text`` is then the answer.
        sentences: ``text`` cut into sentences.
    """

    ordinal: int
    text: str
    title_path: str
    language: str
    question: str | None = None
    sentences: tuple[str, ...] = ()

    @property
    def indexed_text(self) -> str:
        """What is embedded and indexed: title path, question and text."""
        return "\n".join(part for part in (self.title_path, self.question, self.text) if part)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as found for a question.

    Attributes:
        chunk_id: The chunk.
        document_id: Its document.
        title: Its title path, or the document's title.
        text: Its words.
        language: Its pool.
        score: The fused, normalised score; only comparable within one search.
        question: Of an entry of questions and answers.
        sentences: ``text`` cut into sentences.
        dense: Cosine between question and chunk, for the trace and the no-answer gate.
        lexical: BM25 score, for the same.
        url: Where it can be read in full, if anywhere.
        notes: What was read out of its words; finds of the same chunk share them.
    """

    chunk_id: UUID
    document_id: UUID
    title: str
    text: str
    language: str
    score: float
    question: str | None = None
    sentences: tuple[str, ...] = ()
    dense: float = 0.0
    lexical: float = 0.0
    url: str | None = None
    notes: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)


def noted(read: Callable[[Passage], T]) -> Callable[[Passage], T]:
    """Makes a function of a passage's words read each passage once: what it finds stands in the passage's notes."""

    @wraps(read)
    def once(passage: Passage) -> T:
        notes = passage.notes
        words = (passage.title, passage.question, passage.text, passage.sentences, passage.url)
        if notes.get("words") != words:  # A changed copy shares the notes of what it was made of.
            notes.clear()
            notes["words"] = words
        if read not in notes:
            notes[read] = read(passage)
        return cast(T, notes[read])

    return once


class Purpose(StrEnum):
    """What a text is embedded for; e5 embeds questions and passages differently."""

    QUERY = "query"
    PASSAGE = "passage"


Vector = tuple[float, ...]


class Embedder(Protocol):
    """Turns texts into L2-normalised vectors. Raises UpstreamUnavailable. ``region`` is where the texts go."""

    name: ClassVar[str]
    region: str
    dimensions: int

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, whose: UUID | None = None
    ) -> list[Vector]:
        """One vector a text, in order. Where texts must queue, the clients whose they are take turns."""


def model_of(embedder: Embedder) -> str:
    """What vectors are marked with: those of another model, or of another length, can't be compared."""
    return f"{embedder.name}/{embedder.dimensions}"


@dataclass(frozen=True, slots=True)
class VectorRecord:
    """One chunk's vector. ``pool`` is the chunk's language, ``document_id`` what it is deleted by."""

    chunk_id: UUID
    document_id: UUID
    pool: str
    vector: Vector = field(repr=False)


@dataclass(frozen=True, slots=True)
class VectorMatch:
    """A chunk near a question, by cosine."""

    chunk_id: UUID
    pool: str
    similarity: float


class VectorStore(Protocol):
    """Keeps vectors, one namespace a client. Every method takes the namespace; there is no search without one."""

    async def upsert(self, namespace: Namespace, records: Sequence[VectorRecord]) -> None:
        """Writes vectors; the same chunk again replaces."""

    async def search(
        self, namespace: Namespace, vector: Vector, *, limit: int
    ) -> list[VectorMatch]:
        """The nearest chunks of every pool, best first, at most ``limit`` a pool."""

    async def delete(
        self, namespace: Namespace, document_id: UUID, chunks: Sequence[UUID] | None = None
    ) -> None:
        """Forgets a document's vectors, or only those of the chunks named."""

"""The seam to language models: a prompt in, a completion or a stream of text out."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from app.core.resilience import Deadline
from app.services.knowledge.base import Passage


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier thing said: ``author`` is contact or assistant."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Persona:
    """How a client's assistant speaks. Everything here is the client's own text: data, never a template."""

    client_name: str
    tone: str = "friendly"
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered, and everything the answer may rest on beside the passages.

    Attributes:
        text: The contact's words; several quick messages are joined by newlines.
        language: ``ar`` or ``en``: the language of the answer.
        persona: Whose assistant speaks, and how.
        history: Earlier turns, oldest first.
    """

    text: str
    language: str
    persona: Persona
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a provider gets.

    Attributes:
        system: The rules; ours alone.
        user: The passages and the question, as data.
        question: The same question as a value, for a provider that composes without a model.
        passages: The same passages as values, numbered from 1 in this order.
        history: Earlier turns.
        max_tokens: Most tokens of the answer.
        correction: What was wrong with the last draft, when this is the second try.
        deadline: When the answer must be there; a provider gives up in time.
    """

    system: str
    user: str
    question: Question
    passages: tuple[Passage, ...]
    history: tuple[Turn, ...] = ()
    max_tokens: int = 600
    correction: str | None = None
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call, as the provider counts them."""

    input: int = 0
    output: int = 0

    @classmethod
    def guessed(cls, sent: str, received: str) -> "Tokens":
        """A guess for where nobody counts: three bytes a token, which is near for Arabic and above for English."""
        return cls(*(-(-len(text.encode("utf-8", "ignore")) // 3) for text in (sent, received)))

    def __add__(self, other: "Tokens") -> "Tokens":
        """Both calls together."""
        return Tokens(self.input + other.input, self.output + other.output)


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. ``text`` cites passages as ``[1]``; empty text means "I don't have that info"."""

    text: str
    model: str
    tokens: Tokens = field(default_factory=Tokens)
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer; the last one carries ``completion``, with the whole text."""

    text: str = ""
    completion: Completion | None = None


class Provider(Protocol):
    """One language model behind one credential. ``region`` is where texts go: ``local``, or a code such as ``us``.

    Raises from both methods: RateLimited, UpstreamRefused, UpstreamUnavailable. A stream that breaks off raises
    UpstreamUnavailable; it never just ends.
    """

    name: ClassVar[str]
    region: str

    async def complete(self, prompt: Prompt) -> Completion:
        """Answers at once."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Answers piece by piece."""

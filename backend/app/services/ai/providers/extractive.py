"""Answers without a model: the best sentence with its neighbours, quoted word for word."""

from collections.abc import AsyncGenerator, Callable
from typing import ClassVar

from pydantic import BaseModel

from app.core.permits import HERE
from app.core.tools import Tools
from app.services.ai import quoting
from app.services.ai.base import Chunk, Completion, Prompt, Provider
from app.services.ai.text import sentences, stems

MODEL = "extractive"


class Config(BaseModel):
    """There is nothing to set."""


class Extractive:
    """Quotes. Deterministic, and it can't invent."""

    name: ClassVar[str] = MODEL
    region: str = HERE

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config

    async def complete(self, prompt: Prompt) -> Completion:
        """Quotes the best that was found; empty where nothing speaks of the question."""
        return Completion("".join(quote(prompt)), MODEL)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Quotes sentence by sentence."""
        found = quote(prompt)
        for sentence in found:
            yield Chunk(sentence)
        yield Chunk(completion=Completion("".join(found), MODEL))


def quote(prompt: Prompt) -> list[str]:
    """The sentences to quote, each with its citation and with white space before all but the first."""
    found = quoting.best(prompt.question, prompt.passages)
    told = [(number, s.strip()) for number, text in found for s in sentences(text)]
    return [_cited(number, s, " " if at else "") for at, (number, s) in enumerate(told)]


def _cited(passage: int, sentence: str, gap: str) -> str:
    """A sentence with its source; a mere "Yes." needs none."""
    return f"{gap}{sentence} [{passage + 1}]" if stems(sentence) else gap + sentence


adapter: Callable[[Config, Tools], Provider] = Extractive

"""Plain text, in any of the encodings that businesses' files come in."""

import re
from collections.abc import Callable, Iterator
from typing import ClassVar

from app.services.knowledge.base import Block, BlockKind, Parser
from app.services.knowledge.parsers._text import clean, decode, strip_bullet

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_QUESTION = re.compile(r"(?:q|question|س|سؤال|السؤال)\s*[:：.)-]\s*(?=\S)", re.IGNORECASE)
_ANSWER = re.compile(r"(?:a|answer|ج|جواب|الجواب|الإجابة|إجابة)\s*[:：.)-]\s*(?=\S)", re.IGNORECASE)
_WRAPPED = 60
"""A line at least this long that ends in the middle of a sentence was wrapped by an editor."""


class Text:
    """Reads paragraphs, list items, and questions with answers ("Q: … A: …", "س: … ج: …")."""

    media_types: ClassVar[tuple[str, ...]] = ("text/plain",)

    def parse(self, content: bytes) -> list[Block]:
        """The blocks between blank lines."""
        text = decode(content).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
        return [block for part in _BLANK_LINES.split(text) for block in _blocks(clean(part))]


def _blocks(part: str) -> Iterator[Block]:
    lines = part.split("\n")
    items = [strip_bullet(line) for line in lines]
    if entry := _entry(lines):
        yield entry
    elif any(items):
        for line, item in zip(lines, items, strict=True):
            yield Block(BlockKind.LIST_ITEM if item else BlockKind.PARAGRAPH, item or line)
    elif part:
        yield Block(BlockKind.PARAGRAPH, "".join(_joined(lines)).strip())


def _entry(lines: list[str]) -> Block | None:
    """One question and its answer, each marked at the beginning of a line."""
    question = _QUESTION.match(lines[0])
    place = next((place for place, line in enumerate(lines) if _ANSWER.match(line)), 0)
    if not question or not place:
        return None
    asked = " ".join([lines[0][question.end() :], *lines[1:place]])
    answered = "\n".join(lines[place:])
    return Block(BlockKind.QUESTION_ANSWER, _ANSWER.sub("", answered, count=1), question=asked)


def _joined(lines: list[str]) -> Iterator[str]:
    for line in lines:
        wrapped = len(line) >= _WRAPPED and line[-1] not in ".!?؟:؛"
        yield line + (" " if wrapped else "\n")


adapter: Callable[[], Parser] = Text

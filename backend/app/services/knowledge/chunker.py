"""Cuts a parsed document into chunks: whole sentences of one section and one language, with their titles. Pure.

The same blocks give the same chunks, so that re-indexing an unchanged text finds every chunk again.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from app.services.knowledge.base import Block, BlockKind, Chunk

TARGET = 1000
"""Characters a chunk aims at: about what the embedding model reads at once in Arabic, with its titles."""

LONGEST = 1200
_UNCUT = 2000
"""A "sentence" longer than this is no sentence but a run of words; it is cut between words."""

_NEAR = 12
"""Characters around a full stop in which it shows whether it ends a sentence."""

SEPARATOR = " › "

_ARABIC = re.compile(
    r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]"
)
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_END = re.compile(r"(?:(?<![!?؟؛…])[!?؟؛…]+|(?<!\.)\.+)[\"'”’»)\]]*(?=\s)|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'«])(?:[A-Za-z]|[\u0620-\u064a]ـ?|\d{1,3}|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|vs|etc|approx|Inc|Ltd|Co|Fig|e\.g|i\.e)\.$"
    r"|\b(?:\w\.){2,8}$"
)


@dataclass(frozen=True, slots=True)
class Section:
    """Neighbouring blocks under one title path and in one language."""

    path: str
    language: str
    blocks: tuple[Block, ...]


def chunks(blocks: Sequence[Block], title: str = "") -> list[Chunk]:
    """A document's chunks in reading order.

    Args:
        blocks: What the parser found.
        title: The document's title; a TITLE block says it better.
    """
    found = (chunk for section in sections(blocks, title) for chunk in _of_section(section))
    return [replace(chunk, ordinal=ordinal) for ordinal, chunk in enumerate(found)]


def sections(blocks: Sequence[Block], title: str = "") -> Iterator[Section]:
    """Neighbouring blocks that belong together. A block without letters goes with the one before it."""
    placed = list(_placed(blocks, title))
    for (path, language), group in groupby(placed, key=lambda item: item[:2]):
        yield Section(path, language, tuple(block for _, _, block in group))


def language_of(text: str, default: str = "en") -> str:
    """``ar`` or ``en``, by the script that prevails; ``default`` where there is neither."""
    arabic, latin = len(_ARABIC.findall(text)), len(_LATIN.findall(text))
    if arabic == latin == 0:
        return default
    return "ar" if arabic * 2 >= latin else "en"


def sentences(text: str) -> list[str]:
    """The sentences of a text, ended by the marks of either language or by a line's end."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if _ends(text, start, end):
            found.append(text[start : end.end()].strip())
            start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _placed(blocks: Sequence[Block], title: str) -> Iterator[tuple[str, str, Block]]:
    """Each block of content with its title path and language."""
    titles: dict[int, str] = {0: title.strip()} if title.strip() else {}
    language = language_of(" ".join(block.text for block in blocks[:50]))
    for block in blocks:
        if block.kind in (BlockKind.TITLE, BlockKind.HEADING):
            titles = _below(titles, block)
        elif block.text.strip():
            language = language_of(f"{block.question or ''} {block.text}", language)
            yield SEPARATOR.join(dict.fromkeys(titles.values())), language, block


def _below(titles: dict[int, str], heading: Block) -> dict[int, str]:
    """The titles above what follows a heading: those of lesser depth, and itself."""
    level = 0 if heading.kind is BlockKind.TITLE else max(heading.level, 1)
    above = {depth: text for depth, text in titles.items() if depth < level}
    text = " ".join(heading.text.split())
    return above | {level: text} if text else above


def _of_section(section: Section) -> Iterator[Chunk]:
    """Chunks of running text; an entry of questions and answers is a chunk of its own."""
    for is_entry, group in groupby(
        section.blocks, key=lambda b: b.kind is BlockKind.QUESTION_ANSWER
    ):
        blocks = list(group)
        for run in [[block] for block in blocks] if is_entry else [blocks]:
            for parts in _packed(_parts(run)):
                text = _joined(parts)
                children = tuple(part.strip() for part in parts)
                yield Chunk(0, text, section.path, section.language, run[0].question, children)


def _parts(blocks: Iterable[Block]) -> list[str]:
    """Sentences with what joins them to the one before: a line's end between blocks, a space inside one.

    A row of a table is one part: its cells mean nothing without each other.
    """
    parts: list[str] = []
    for block in blocks:
        whole = block.kind is BlockKind.TABLE_ROW
        found = [" ".join(block.text.split())] if whole else sentences(block.text)
        pieces = [piece for sentence in found for piece in _bounded(sentence)]
        parts += [("\n" if at == 0 else " ") + piece for at, piece in enumerate(pieces)]
    return parts


def _bounded(sentence: str) -> list[str]:
    """The sentence; a run of words too long to be one is cut between words, or anywhere if it has none."""
    return re.findall(rf"\S.{{0,{_UNCUT - 2}}}\S?(?!\S)|\S{{1,{_UNCUT}}}", sentence, re.DOTALL)


def _packed(parts: Sequence[str]) -> Iterator[list[str]]:
    """Groups sentences into chunks of like length, none much longer than ``LONGEST``."""
    total = sum(map(len, parts))
    aim = total / math.ceil(total / LONGEST) if total > LONGEST else LONGEST
    group: list[str] = []
    size = 0
    for part in parts:
        if group and (size >= aim or size + len(part) > LONGEST):
            yield group
            group, size = [], 0
        group.append(part)
        size += len(part)
    if group:
        yield group


def _joined(parts: Sequence[str]) -> str:
    return "".join(parts).strip()


def _ends(text: str, start: int, end: re.Match[str]) -> bool:
    """Whether a sentence ends here: not after an abbreviation, a list's number, or before a small letter."""
    if not end.group().startswith("."):
        return True
    following = text[end.end() : end.end() + _NEAR].lstrip()[:1]
    before = text[max(start, end.end() - _NEAR) : end.end()]
    return not (following.islower() or _ABBREVIATION.search(before))

"""Makes blocks of table rows: each carries its header, so that it is understood on its own."""

import re
from collections.abc import Iterable, Iterator, Sequence

from app.services.knowledge.base import Block, BlockKind
from app.services.knowledge.parsers._text import clean

_QUESTIONS = {
    "question",
    "questions",
    "q",
    "faq",
    "السؤال",
    "سؤال",
    "الأسئلة",
    "الاسئلة",
    "أسئلة",
    "س",
}
_ANSWERS = {"answer", "answers", "a", "reply", "response"}
_ANSWERS |= {"الجواب", "جواب", "الإجابة", "إجابة", "الاجابة", "اجابة", "الأجوبة", "الرد", "رد", "ج"}
_LANGUAGE = re.compile(
    r"(?<![ _\-(\[])[ _\-(\[]+"
    r"(ar|arabic|en|english|عربي|عربية|بالعربية|العربية|إنجليزي|انجليزي|بالإنجليزية|الإنجليزية)[)\]]?$"
)


def table(
    header: Sequence[str] | None, rows: Iterable[Sequence[str]], *, page: int | None = None
) -> list[Block]:
    """Questions with their answers where the header says so, otherwise one block a row: "header: value | …"."""
    names = [clean(name) for name in header or ()]
    pairs = _pairs(names)
    blocks = (
        block
        for cells in rows
        for block in _blocks(names, pairs, [clean(cell) for cell in cells], page)
    )
    return [block for block in blocks if block.text]


def is_entries(header: Sequence[str]) -> bool:
    """Whether a header names questions and answers."""
    return bool(_pairs(header))


def looks_like_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether a first row names what stands below it: every cell filled, all different, and digits only below."""
    names = [clean(cell) for cell in first]
    if not rest or not all(names) or len(set(names)) != len(names) or _has_digit(names):
        return False
    return is_entries(names) or any(_has_digit(row) for row in rest)


def _has_digit(cells: Sequence[str]) -> bool:
    return any(char.isdigit() for cell in cells for char in cell)


def _pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Columns of questions and of their answers, one pair a language."""
    questions: dict[str, int] = {}
    answers: dict[str, int] = {}
    for place, name in enumerate(names):
        folded = name.casefold().strip(" :؟?")
        language = _LANGUAGE.search(folded)
        base = _LANGUAGE.sub("", folded)
        columns = questions if base in _QUESTIONS else answers if base in _ANSWERS else {}
        columns.setdefault(language[1] if language else "", place)
    return [
        (questions[language], answers[language]) for language in questions if language in answers
    ]


def _blocks(
    names: Sequence[str], pairs: Sequence[tuple[int, int]], cells: Sequence[str], page: int | None
) -> Iterator[Block]:
    entries = [_entry(cells, pair, page) for pair in pairs]
    found = [entry for entry in entries if entry]
    yield from found or [_row(names, cells, page)]


def _entry(cells: Sequence[str], pair: tuple[int, int], page: int | None) -> Block | None:
    question, answer = (cells[place] if place < len(cells) else "" for place in pair)
    return (
        Block(BlockKind.QUESTION_ANSWER, answer, question=question, page=page)
        if question and answer
        else None
    )


def _row(names: Sequence[str], cells: Sequence[str], page: int | None) -> Block:
    parts = (
        _named(names[place] if place < len(names) else "", cell)
        for place, cell in enumerate(cells)
        if cell
    )
    return Block(BlockKind.TABLE_ROW, " | ".join(parts), page=page)


def _named(name: str, cell: str) -> str:
    value = " ".join(cell.split())
    return f"{name}: {value}" if name and name != value else value

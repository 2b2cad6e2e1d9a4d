"""HTML, through selectolax: what a visitor reads, without menus, footers and hidden parts."""

import re
from collections.abc import Callable, Iterator
from typing import ClassVar
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from app.core.errors import TooLarge
from app.services.knowledge.base import Block, BlockKind, Parser
from app.services.knowledge.parsers._tables import looks_like_header, table
from app.services.knowledge.parsers._text import clean, decode

_LEFT_OUT = re.compile(
    "script|style|nav|footer|template|noscript|svg|iframe|object|embed|canvas|video|audio|select|button|input|textarea"
    "|head|dialog|del|s|strike|!doctype|-comment|-document"
)
"""What a visitor doesn't read as the page's words; a struck-out price is no longer one."""
_INLINE = re.compile(
    "-text|br|a|abbr|b|bdi|bdo|cite|code|data|dfn|em|font|i|img|ins|kbd|label|mark|q|samp|small|span|strong|sub|sup|time"
    "|tt|u|var|wbr"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset=["']?\s*([A-Za-z0-9_:-]{2,40})""", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_NOT_NESTED = re.compile(
    "p|li|dt|dd|tr|td|th|thead|tbody|tfoot|col|option|br|hr|img|input|meta|link|wbr|source|area|base"
)
"""Elements without content, or whose end tag may be left out."""
MAX_DEPTH = 4_000
"""The time to parse grows with the square of the depth, 14 s for 100,000."""


class Html:
    """Reads title, headings, paragraphs, lists, tables, and questions that unfold to answers."""

    media_types: ClassVar[tuple[str, ...]] = ("text/html", "application/xhtml+xml")

    def parse(self, content: bytes) -> list[Block]:
        """The blocks in the order of the page.

        Raises:
            TooLarge: Nested as no page for people is.
        """
        charset = _CHARSET.search(content[:2048])
        source = decode(content, charset[1].decode() if charset else None).replace("\0", "")
        if _depth(source) > MAX_DEPTH:
            raise TooLarge(f"This page nests its elements more than {MAX_DEPTH:,} deep.")
        tree = LexborHTMLParser(source)
        title = tree.css_first("head > title")
        heading = clean(_SPACES.sub(" ", title.text())) if title else ""
        blocks = list(_blocks(tree.body)) if tree.body else []
        return [Block(BlockKind.TITLE, heading), *blocks] if heading else blocks


def _depth(source: str) -> int:
    """About how deep the elements are nested."""
    deepest = depth = 0
    for end, tag in _TAG.findall(source):
        if not _NOT_NESTED.fullmatch(tag.lower()):
            depth = max(0, depth - 1) if end else depth + 1
            deepest = max(deepest, depth)
    return deepest


def shown_address(address: str, words: str) -> str:
    """What to add to a link's words, so that the address is known: nothing when they say it already."""
    scheme, _, rest = address.partition(":")
    match scheme.lower():
        case "http" | "https":
            return "" if address in words else f" ({address})"
        case "tel" | "mailto":
            told = any(char.isdigit() or char == "@" for char in words)
            return "" if told else f" ({unquote(rest.partition('?')[0])})"
    return ""


def _blocks(root: LexborNode) -> Iterator[Block]:
    """Walks the tree without recursion: pages may be nested deeper than Python's stack."""
    kinds = [Block(BlockKind.PARAGRAPH, "")]
    words: list[str] = []
    for node, entering in _walk(root, whole=_is_whole):
        tag = node.tag or ""
        if _INLINE.fullmatch(tag):
            words += _inline(node, entering)
            continue
        if text := clean("".join(words)):
            yield Block(kinds[-1].kind, text, level=kinds[-1].level)
        words = []
        if _is_whole(node):
            yield from _unit(node)
        elif entering:
            kinds.append(_kind(tag, kinds[-1]))
        elif len(kinds) > 1:
            kinds.pop()
    if text := clean("".join(words)):
        yield Block(BlockKind.PARAGRAPH, text)


def _kind(tag: str, outer: Block) -> Block:
    if tag in _HEADINGS:
        return Block(BlockKind.HEADING, "", level=_HEADINGS[tag])
    return Block(BlockKind.LIST_ITEM, "") if tag == "li" else outer


def _walk(
    root: LexborNode, whole: Callable[[LexborNode], bool]
) -> Iterator[tuple[LexborNode, bool]]:
    """Every visible node twice, on entering and on leaving it; texts and whole units once."""
    node: LexborNode | None = root.child
    depth = 1 if node else 0
    while node is not None and depth:
        visible = not _is_hidden(node)
        if visible:
            yield node, True
        if visible and node.child is not None and not whole(node):
            node, depth = node.child, depth + 1
            continue
        if visible and node.tag != "-text" and not whole(node):
            yield node, False
        while node is not None and node.next is None and depth:
            node, depth = node.parent, depth - 1
            if depth and node is not None:
                yield node, False
        node = node.next if node is not None and depth else None


def _is_hidden(node: LexborNode) -> bool:
    tag = node.tag or ""
    if tag == "-text":
        return False
    if _LEFT_OUT.fullmatch(tag):
        return True
    attributes = node.attributes
    if (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") == "navigation"
    ):
        return True
    return bool(_HIDDEN.search(attributes.get("style") or ""))


def _inline(node: LexborNode, entering: bool) -> Iterator[str]:
    if node.tag == "-text":
        # Line ends in the source mean nothing; only <br> breaks a line.
        yield _SPACES.sub(" ", node.text_content or "")
    elif node.tag == "br" and entering:
        yield "\n"
    elif node.tag == "a" and not entering:
        yield shown_address(node.attributes.get("href") or "", node.text())


def _is_whole(node: LexborNode) -> bool:
    """Whether a node is read as a unit: a table of data, a question that unfolds, a list of terms."""
    if node.tag == "table":
        return (
            node.css_first("table table, h1, h2, h3, ul, ol") is None
            and node.css_first("td + td, th + td") is not None
        )
    return node.tag in ("details", "dl")


def _unit(node: LexborNode) -> Iterator[Block]:
    match node.tag:
        case "table":
            yield from _table(node)
        case "details":
            yield from _unfolding(node)
        case _:
            yield from _terms(node)


def _table(node: LexborNode) -> Iterator[Block]:
    if (caption := node.css_first("caption")) is not None:
        yield Block(BlockKind.PARAGRAPH, _words(caption))
    lines = [row.css("th, td") for row in node.css("tr")]
    rows = [[_words(cell) for cell in line] for line in lines if line]
    marked = all(cell.tag == "th" for line in lines[:1] for cell in line)
    named = len(rows) > 1 and (marked or looks_like_header(rows[0], rows[1:]))
    yield from table(rows[0] if named else None, rows[1:] if named else rows)


def _unfolding(node: LexborNode) -> Iterator[Block]:
    summary = node.css_first("summary")
    question = _words(summary) if summary is not None else ""
    if summary is not None:
        summary.decompose()
    answer = _words(node)
    if question and answer:
        yield Block(BlockKind.QUESTION_ANSWER, answer, question=question)
    elif question or answer:
        yield Block(BlockKind.PARAGRAPH, question or answer)


def _terms(node: LexborNode) -> Iterator[Block]:
    """Terms with what they mean; a term that asks is a question."""
    term = ""
    for part in node.css("dt, dd"):
        words = _words(part)
        if part.tag == "dt":
            term = words
        elif words and term.endswith(("?", "؟")):
            yield Block(BlockKind.QUESTION_ANSWER, words, question=term)
        elif words:
            yield Block(BlockKind.PARAGRAPH, f"{term}: {words}" if term else words)


def _words(node: LexborNode) -> str:
    """All words inside, with line breaks where blocks end."""
    words: list[str] = []
    for inner, entering in _walk(node, whole=lambda _: False):
        words += _inline(inner, entering) if _INLINE.fullmatch(inner.tag or "") else ["\n"]
    return clean("".join(words))


adapter: Callable[[], Parser] = Html

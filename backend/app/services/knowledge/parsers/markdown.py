"""Markdown, as CommonMark with tables."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.services.knowledge.base import Block, BlockKind, Parser
from app.services.knowledge.parsers._tables import table
from app.services.knowledge.parsers._text import clean, decode
from app.services.knowledge.parsers.html import Html, shown_address

_FRONT_MATTER = re.compile(r"\A---\n(.*?\n)(?:---|\.\.\.)\n", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE)


class Markdown:
    """Reads headings, paragraphs, lists and tables; HTML inside is read as HTML."""

    media_types: ClassVar[tuple[str, ...]] = ("text/markdown", "text/x-markdown")

    def parse(self, content: bytes) -> list[Block]:
        """The blocks in the order of the file."""
        text = decode(content).replace("\r\n", "\n").replace("\0", "")
        front = _FRONT_MATTER.match(text)
        title = _TITLE.search(front[1]) if front else None
        tokens = (
            MarkdownIt("commonmark")
            .enable(["table", "strikethrough"])
            .parse(text[front.end() :] if front else text)
        )
        blocks = [block for block in _blocks(tokens) if block.text]
        if title and clean(title[1]):
            return [Block(BlockKind.TITLE, clean(title[1])), *blocks]
        return _with_title(blocks)


def _with_title(blocks: list[Block]) -> list[Block]:
    """A first heading of the first level is the title."""
    if blocks and blocks[0].kind is BlockKind.HEADING and blocks[0].level == 1:
        return [Block(BlockKind.TITLE, blocks[0].text, level=1), *blocks[1:]]
    return blocks


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    items = 0
    above = Token("", "", 0)
    rows: list[list[str]] = []
    for token in tokens:
        match token.type:
            case "list_item_open" | "list_item_close":
                items += token.nesting
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "inline" if above.type in ("th_open", "td_open"):
                rows[-1].append(_words(token))
            case "inline":
                yield _text(_words(token), above, in_list=items > 0)
            case "table_close":
                yield from table(rows[0], rows[1:])
            case "fence" | "code_block":
                yield Block(BlockKind.PARAGRAPH, clean(token.content))
            case "html_block":
                yield from Html().parse(token.content.encode())
        above = token


def _text(words: str, above: Token, *, in_list: bool) -> Block:
    if above.type == "heading_open":
        return Block(BlockKind.HEADING, words, level=int(above.tag[1:]))
    return Block(BlockKind.LIST_ITEM if in_list else BlockKind.PARAGRAPH, words)


def _words(inline: Token) -> str:
    """Text without marks; addresses behind links are facts, so they stay."""
    words: list[str] = []
    links: list[tuple[str, int]] = []
    struck = 0
    for token in inline.children or ():
        struck += token.nesting if token.type in ("s_open", "s_close") else 0
        match token.type:
            case _ if struck:  # A price that is struck out is no longer one.
                continue
            case "link_open":
                links.append((str(token.attrs.get("href", "")), len(words)))
            case "link_close" if links:
                address, start = links.pop()
                words.append(shown_address(address, "".join(words[start:])))
            case "softbreak":
                words.append(" ")
            case "hardbreak":
                words.append("\n")
            case "text" | "code_inline" | "image":
                words.append(token.content)
    return clean("".join(words))


adapter: Callable[[], Parser] = Markdown

"""Word documents (DOCX), through python-docx."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import pairwise
from typing import ClassVar
from zipfile import BadZipFile

from docx import Document
from docx.document import Document as Opened
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from lxml.etree import LxmlError, _Element

from app.core.errors import InvalidInput
from app.services.knowledge.base import Block, BlockKind, Parser
from app.services.knowledge.parsers import _zip
from app.services.knowledge.parsers._tables import looks_like_header, table
from app.services.knowledge.parsers._text import clean, strip_bullet

_HEADING = re.compile(r"heading ([1-9])")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_RUN, _TEXT, _BOX = qn("w:r"), qn("w:t"), qn("w:txbxContent")
_VALUE = qn("w:val")
_SPACING = {qn("w:tab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_UNREAD = {_FALLBACK, qn("w:sectPr"), qn("w:pPr"), qn("w:del"), qn("w:moveFrom")}


class Docx:
    """Reads headings, paragraphs, lists, tables and text boxes; deleted and hidden text is left out."""

    media_types: ClassVar[tuple[str, ...]] = (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    )

    def parse(self, content: bytes) -> list[Block]:
        """The blocks of the document's body.

        Raises:
            InvalidInput: Broken, or not what it says.
            TooLarge: It would unfold beyond the limits.
        """
        _zip.names(content)
        try:
            document = Document(BytesIO(content))
            styles = _styles(document)
        except (
            OpcError,
            BadZipFile,
            LxmlError,
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            EOFError,
        ) as error:
            raise InvalidInput(
                "This document is broken. Save it again as DOCX and send that."
            ) from error
        return [block for block in _blocks(document.element.body, styles) if block.text]


def _styles(document: Opened) -> dict[str, str]:
    """What each style is based on, down to the names that Word itself gives, in lower case."""
    found = {str(style.style_id): style for style in document.styles}
    names: dict[str, str] = {}
    for key, style in found.items():
        lineage = [str(style.name)]
        base = style.element.find(qn("w:basedOn"))
        while base is not None and base.get(_VALUE) in found and len(lineage) < 10:
            style = found[base.get(_VALUE)]
            lineage.append(str(style.name))
            base = style.element.find(qn("w:basedOn"))
        names[key] = "/".join(lineage).lower()
    return names


def _blocks(element: _Element, styles: dict[str, str]) -> Iterator[Block]:
    for child in element:
        if child.tag == _PARAGRAPH:
            yield _paragraph(child, styles)
            for box in child.iter(_BOX):
                if not any(above.tag == _FALLBACK for above in box.iterancestors()):
                    yield from _blocks(box, styles)
        elif child.tag == _TABLE:
            yield from _table(child, styles)
        elif child.tag not in _UNREAD:
            yield from _blocks(child, styles)


def _paragraph(element: _Element, styles: dict[str, str]) -> Block:
    text = clean("".join(_words(element)))
    style = element.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
    name = styles.get(style.get(_VALUE), "") if style is not None else ""
    if level := _level(element, name):
        return Block(BlockKind.HEADING, text, level=level)
    if "title" in name.split("/"):
        return Block(BlockKind.TITLE, text)
    listed = element.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None or name.startswith("list")
    item = strip_bullet(text)
    return Block(BlockKind.LIST_ITEM if listed or item else BlockKind.PARAGRAPH, item or text)


def _level(element: _Element, style: str) -> int:
    if heading := _HEADING.search(style):
        return int(heading[1])
    outline = element.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
    depth = str(outline.get(_VALUE)) if outline is not None else ""
    return int(depth) + 1 if depth.isdigit() and int(depth) < 9 else 0


def _words(element: _Element) -> Iterator[str]:
    for child in element:
        if child.tag in _UNREAD or child.tag == _BOX or (child.tag == _RUN and _is_hidden(child)):
            continue
        if child.tag == _TEXT:
            yield child.text or ""
        elif child.tag in _SPACING:
            yield _SPACING[child.tag]
        else:
            yield from _words(child)
            if child.tag == _PARAGRAPH:
                yield "\n"


def _is_hidden(run: _Element) -> bool:
    """Hidden, or struck out: a price that is struck out is no longer one."""
    marks = (
        run.find(f"{qn('w:rPr')}/{qn(name)}") for name in ("w:vanish", "w:strike", "w:dstrike")
    )
    return any(mark is not None and mark.get(_VALUE) not in ("0", "false", "off") for mark in marks)


def _table(element: _Element, styles: dict[str, str]) -> Iterator[Block]:
    lines = [row for row in element.iter(_ROW) if next(row.iterancestors(_TABLE)) is element]
    rows = _filled([_cells(row) for row in lines])
    if max((len(row) for row in rows), default=0) < 2:  # A frame around text, not a table.
        for cell in element.iter(_CELL):
            if next(cell.iterancestors(_TABLE)) is element:
                yield from _blocks(cell, styles)
        return
    marked = lines[0].find(
        f"{qn('w:trPr')}/{qn('w:tblHeader')}"
    ) is not None or _only_first_is_bold(lines)
    named = len(rows) > 1 and (marked or looks_like_header(rows[0], rows[1:]))
    yield from table(rows[0] if named else None, rows[1:] if named else rows)


def _cells(row: _Element) -> list[str]:
    """A row's texts, with empty ones where a cell is wide, and NUL where it continues the cell above."""
    cells: list[str] = []
    for cell in (cell for cell in row.iter(_CELL) if next(cell.iterancestors(_ROW)) is row):
        merged = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
        goes_on = merged is not None and merged.get(_VALUE) != "restart"
        span = cell.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}")
        width = str(span.get(_VALUE)) if span is not None else "1"
        cells.append("\0" if goes_on else clean("".join(_words(cell))))
        cells += [""] * (min(int(width), 63) - 1 if width.isdigit() else 0)
    return cells


def _filled(rows: list[list[str]]) -> list[list[str]]:
    """Cells that continue those above say the same."""
    for above, row in pairwise(rows):
        row[:] = [
            above[n] if cell == "\0" and n < len(above) else cell for n, cell in enumerate(row)
        ]
    return rows


def _only_first_is_bold(rows: list[_Element]) -> bool:
    bold = [bool(row.findall(f".//{_RUN}/{qn('w:rPr')}/{qn('w:b')}")) for row in rows]
    return bold[0] and not any(bold[1:])


adapter: Callable[[], Parser] = Docx

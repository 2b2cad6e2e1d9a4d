"""What a PDF page shows: glyphs with their places, and the lines that tables are ruled with."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import islice
from struct import error as StructError  # noqa: N812 - its own name says nothing.

from pdfminer.pdfcolor import PDFColorSpace
from pdfminer.pdfdevice import PDFTextDevice
from pdfminer.pdfdocument import PDFDocument, PDFEncryptionError
from pdfminer.pdfexceptions import PDFException
from pdfminer.pdffont import PDFFont, PDFUnicodeNotDefined
from pdfminer.pdfinterp import PDFGraphicState, PDFResourceManager, PDFStackT
from pdfminer.pdfpage import PDFPage
from pdfminer.pdfparser import PDFParser
from pdfminer.psexceptions import PSException
from pdfminer.psparser import PSLiteral
from pdfminer.utils import Matrix, PathSegment, apply_matrix_pt, decode_text

from app.core.errors import InvalidInput, TooLarge
from app.services.knowledge.parsers._bidi import MIRRORED
from app.services.knowledge.parsers._pdf_content import Interpreter

MAX_GLYPHS = 100_000
"""Most glyphs on one page; a dense page of a newspaper has 20,000."""
MAX_RULES = 4_000

UNKNOWN = "\ufffd"
"""Text of a glyph that stands for nobody knows what."""

_HAIRLINE = 3.0
"""What is thinner than this, in points, is a line and not an area."""
_BROKEN = (
    PDFException,
    PSException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    StructError,
)
_LAM_ALEF = re.compile("^([اأإآ])(ل)$")
"""One glyph is never alef and lam: it is the ligature lam-alef, noted down in the order of drawing."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One drawn shape and the letters it stands for (several for a ligature, in reading order).

    Attributes:
        text: The letters.
        left: In points from the left.
        right: In points from the left.
        base: The line it stands on, in points from the bottom.
        size: Height of the type, in points.
        font: The font's name.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    font: str

    @property
    def middle(self) -> float:
        """Where it stands from left to right."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class Rule:
    """A thin horizontal or vertical line."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def is_vertical(self) -> bool:
        """Whether it stands between columns."""
        return self.top - self.bottom > self.right - self.left


@dataclass(slots=True)
class Sheet:
    """One page as drawn.

    Attributes:
        number: From 1.
        width: In points.
        glyphs: As drawn, in no useful order.
        rules: Thin lines and edges of frames.
        sideways: How many glyphs stood on their side; they are left out.
        images: Whether pictures are on it.
    """

    number: int
    width: float
    glyphs: list[Glyph] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    sideways: int = 0
    images: bool = False

    @property
    def unreadable(self) -> int:
        """How many glyphs say nothing to us."""
        return self.sideways + sum(glyph.text == UNKNOWN for glyph in self.glyphs)


def open_pages(content: bytes, most: int) -> list[PDFPage]:
    """A document's pages, not drawn yet; at most so many and one.

    Raises:
        InvalidInput: It is broken or protected by a password.
    """
    with _complaints():
        document = PDFDocument(PDFParser(BytesIO(content)))
        return list(islice(PDFPage.create_pages(document), most + 1))


@contextmanager
def _complaints() -> Iterator[None]:
    """Makes one of our errors of the many that pdfminer raises on files that aren't as the standard says."""
    try:
        yield
    except PDFEncryptionError as error:
        raise InvalidInput(
            "This PDF is protected. Save it without a password and send it again."
        ) from error
    except _BROKEN as error:
        raise InvalidInput("This PDF is broken. Save it again as PDF and send that.") from error


def sheets(pages: Sequence[PDFPage]) -> Iterator[Sheet]:
    """Draws page after page.

    Raises:
        InvalidInput: A page is broken.
    """
    resources = PDFResourceManager(caching=True)
    device = _Device(resources)
    interpreter = Interpreter(resources, device)
    for number, page in enumerate(pages, 1):
        left, bottom, right, top = page.mediabox
        device.sheet = Sheet(number, top - bottom if page.rotate % 180 else right - left)
        with _complaints():
            interpreter.process_page(page)
        yield device.sheet


class _Device(PDFTextDevice):
    """Collects what is drawn.

    Writers of PDFs may say in words what a group of glyphs stands for (``ActualText``). Where they do, that is what
    the widest glyph of the group stands for, and the others only take up room.
    """

    def __init__(self, resources: PDFResourceManager) -> None:
        super().__init__(resources)
        self.sheet = Sheet(0, 0.0)
        self._tags: list[tuple[str | None, int]] = []

    def begin_tag(self, tag: PSLiteral, props: PDFStackT | None = None) -> None:
        """Remembers the words given for the glyphs that follow."""
        words = props.get("ActualText") if isinstance(props, dict) else None
        self._tags.append(
            (decode_text(words) if isinstance(words, bytes) else None, len(self.sheet.glyphs))
        )

    def end_tag(self) -> None:
        """Gives them to the glyphs drawn meanwhile."""
        words, start = self._tags.pop() if self._tags else (None, 0)
        group = self.sheet.glyphs[start:]
        if words is None or not group:
            return
        widest = max(group, key=lambda glyph: glyph.right - glyph.left)
        if words.translate(MIRRORED) == widest.text != words:
            words = widest.text  # A bracket: what is seen counts, and it is turned with its line.
        self.sheet.glyphs[start:] = [
            replace(glyph, text=words if glyph is widest else "") for glyph in group
        ]

    def render_image(self, name: str, stream: object) -> None:
        """Notes that there is a picture."""
        self.sheet.images = True

    def render_char(  # The signature is pdfminer's.
        self,
        matrix: Matrix,
        font: PDFFont,
        fontsize: float,
        scaling: float,
        rise: float,
        cid: int,
        ncs: PDFColorSpace,
        graphicstate: PDFGraphicState,
    ) -> float:
        """Takes one glyph; tells how far the pen moves."""
        advance = font.char_width(cid) * fontsize * scaling
        if abs(matrix[1]) > abs(matrix[0]) or font.is_vertical():
            self.sheet.sideways += 1
            return advance
        start, base = apply_matrix_pt(matrix, (0, rise))
        end, _ = apply_matrix_pt(matrix, (advance, rise))
        size = abs(fontsize * matrix[3])
        self._keep(
            Glyph(
                self._letters(font, cid),
                min(start, end),
                max(start, end),
                base,
                size,
                str(font.fontname),
            )
        )
        return advance

    def _letters(self, font: PDFFont, cid: int) -> str:
        try:
            text = font.to_unichr(cid)
        except PDFUnicodeNotDefined:
            return UNKNOWN
        return _LAM_ALEF.sub(r"\2\1", text) if text.strip("\0\ufffd") else UNKNOWN

    def _keep(self, glyph: Glyph) -> None:
        self.sheet.glyphs.append(glyph)
        if len(self.sheet.glyphs) > MAX_GLYPHS:
            raise TooLarge(
                f"Page {self.sheet.number} holds more than {MAX_GLYPHS:,} letters. Split it."
            )

    def paint_path(
        self,
        gstate: PDFGraphicState,
        stroke: bool,
        fill: bool,
        evenodd: bool,
        path: Sequence[PathSegment],
    ) -> None:
        """Takes the thin lines of a drawing and the edges of its frames."""
        if self.ctm is None or len(path) > MAX_RULES:
            return
        points: list[tuple[float, float]] = []
        for segment in path:
            if segment[0] == "m":
                self._rule(points)
                points = []
            if len(segment) > 2:
                points.append(apply_matrix_pt(self.ctm, (float(segment[-2]), float(segment[-1]))))
        self._rule(points)

    def _rule(self, points: Sequence[tuple[float, float]]) -> None:
        if len(points) < 2 or len(self.sheet.rules) >= MAX_RULES:
            return
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, bottom, right, top = min(xs), min(ys), max(xs), max(ys)
        if right - left <= _HAIRLINE or top - bottom <= _HAIRLINE:
            self.sheet.rules.append(Rule(left, bottom, right, top))
        elif len(points) in (4, 5):
            self.sheet.rules += _edges(left, bottom, right, top)


def _edges(left: float, bottom: float, right: float, top: float) -> tuple[Rule, ...]:
    return (
        Rule(left, bottom, left, top),
        Rule(right, bottom, right, top),
        Rule(left, bottom, right, bottom),
        Rule(left, top, right, top),
    )

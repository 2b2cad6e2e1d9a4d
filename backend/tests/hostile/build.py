"""Small files by their parts: a PDF of objects, a DOCX of entries."""

import zipfile
import zlib
from io import BytesIO

from app.services.knowledge._sniff import DOCX

CATALOG = "<</Type/Catalog/Pages 2 0 R>>"
PAGES = "<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
FONT = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(*objects: str | bytes, trailer: str = "/Root 1 0 R") -> bytes:
    """A PDF of numbered objects with a table of where they are."""
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += (
            b"%d 0 obj\n" % number
            + (each if isinstance(each, bytes) else each.encode())
            + b"\nendobj\n"
        )
    start = len(out)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}".encode()
    return (
        bytes(out)
        + f"trailer<</Size {len(places) + 1} {trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()
    )


def stream(content: bytes, more: str = "") -> bytes:
    """An object with content."""
    return f"<</Length {len(content)}{more}>>stream\n".encode() + content + b"\nendstream"


def page(content: bytes, more: str = "", *others: str | bytes, box: str = "0 0 600 800") -> bytes:
    """A PDF of one page that shows some operators; other objects are numbered from 6."""
    shown = (
        f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>>>"
    )
    return pdf(CATALOG, PAGES, shown, stream(content, more), FONT, *others)


def says(text: bytes) -> bytes:
    """Operators that show a text."""
    return b"BT /F 12 Tf 72 700 Td (" + text + b") Tj ET"


def docx(document: str = "", **others: bytes) -> bytes:
    """A DOCX with the given body, and other entries by name, which may stand in the place of its own."""
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{DOCX}.main+xml"/></Types>'
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{office}" Target="word/document.xml"/></Relationships>'
    )
    own = {
        "[Content_Types].xml": types.encode(),
        "_rels/.rels": relations.encode(),
        "word/document.xml": (document or body("Latte 18.75 SAR")).encode("utf-8", "surrogatepass"),
    }
    return zipped(own | others)


def zipped(entries: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return file.getvalue()


def body(text: str, before: str = "") -> str:
    """A document of one paragraph."""
    return inside(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>", before)


def inside(markup: str, before: str = "") -> str:
    """A document of some markup."""
    return f'{before}<w:document xmlns:w="{WORD}"><w:body>{markup}</w:body></w:document>'


def swollen(byte: bytes, megabytes: int) -> bytes:
    """Many equal bytes, deflated."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(byte * 2**20) for _ in range(megabytes))
    return packed + packer.flush()

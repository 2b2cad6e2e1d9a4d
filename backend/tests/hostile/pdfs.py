"""PDFs that mean harm: loops, lies, bombs and code."""

import zlib
from collections.abc import Callable
from functools import partial

from tests.hostile.build import CATALOG, FONT, PAGE, PAGES, docx, page, pdf, says, stream, swollen

FLATE = "/Filter/FlateDecode"


def _packed(times: int) -> bytes:
    """Deflated so many times."""
    content = says(b"Latte")
    for _ in range(times):
        content = zlib.compress(content)
    names = "/FlateDecode" * times
    return page(content, f"/Filter[{names}]")


def _mapped(cmap: bytes, more: str = "") -> bytes:
    """A page in a font that says by a map of its own which letters it shows."""
    font = "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode 6 0 R/DescendantFonts[7 0 R]>>"
    below = "<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(A)/Ordering(B)/Supplement 0>>>>"
    shown = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
    content = stream(b"BT /F 12 Tf <00010002> Tj ET")
    return pdf(CATALOG, PAGES, shown, content, font, stream(cmap, more), below)


def _catalog(more: str, *others: str | bytes) -> bytes:
    """A page, and more in the catalogue; other objects are numbered from 6."""
    shown = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
    return pdf(
        f"<</Type/Catalog/Pages 2 0 R{more}>>", PAGES, shown, stream(says(b"Latte")), FONT, *others
    )


def _locked(version: int, revision: int, more: str = "") -> bytes:
    lock = f"<</Filter/Standard/V {version}/R {revision}/O<{'41' * 48}>/U<{'42' * 48}>/P -4{more}>>"
    return pdf(CATALOG, PAGES, PAGE, lock, trailer="/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]")


def _picture(kind: str, more: str, content: bytes = b"\xff" * 99) -> bytes:
    size = "/Width 2000000000/Height 2000000000/BitsPerComponent 8/ColorSpace/DeviceRGB"
    return page(
        b"/X Do", "", stream(content, f"/Type/XObject/Subtype/Image{size}/Filter/{kind}{more}")
    )


def _objects(inner: bytes, more: str) -> bytes:
    """A page, and a stream that holds objects."""
    return pdf(CATALOG, PAGES, PAGE, stream(inner, f"/Type/ObjStm{more}"))


_show = says(b"Latte")
_good = partial(page, _show)

TABLE: dict[str, Callable[[], bytes]] = {
    # Trees and tables that lead back
    "pages that are their own": lambda: pdf(CATALOG, "<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"),
    "a catalogue that is its pages": lambda: pdf("<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 9>>"),
    "a billion pages": lambda: pdf(CATALOG, "<</Type/Pages/Kids[3 0 R]/Count 1000000000>>", PAGE),
    "fewer than no pages": lambda: pdf(CATALOG, "<</Type/Pages/Kids[3 0 R]/Count -5>>", PAGE),
    "a page a thousand times": lambda: pdf(CATALOG, f"<</Type/Pages/Kids[{'3 0 R ' * 1000}]/Count 1000>>", PAGE),
    "two trees that hold each other": lambda: pdf(
        CATALOG, "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"
    ),
    "a parent that is its child": lambda: pdf(CATALOG, PAGES, "<</Type/Page/Parent 3 0 R/Resources 3 0 R>>"),
    "no pages": lambda: pdf("<</Type/Catalog>>"),
    "no catalogue": lambda: pdf("null", trailer="/Root 9 0 R"),
    "no trailer": lambda: _good().partition(b"trailer")[0],
    "no table": lambda: _good().partition(b"xref")[0] + b"%%EOF",
    "a table that comes before itself": lambda: pdf(CATALOG, PAGES, PAGE, trailer="/Root 1 0 R/Prev 9"),
    "a table of a million lines": lambda: _good().replace(b"xref\n0 6", b"xref\n0 1000000"),
    "a table that lies": lambda: _good().replace(b"0000000009", b"0000000077"),
    "a table beyond the end": lambda: _good().replace(b"startxref\n", b"startxref\n9999999"),
    "a table before the start": lambda: _good().replace(b"startxref\n", b"startxref\n-"),
    "objects of huge numbers": lambda: _good().replace(b"4 0 obj", b"4294967296 0 obj"),
    "a number that is itself": lambda: pdf(CATALOG, PAGES, PAGE, "4 0 R").replace(b"[0 0 9 9]", b"4 0 R"),
    # Lies about length and shape
    "a length below nothing": lambda: _good().replace(b"/Length ", b"/Length -"),
    "a length of gigabytes": lambda: _good().replace(b"/Length ", b"/Length 99999999"),
    "a stream without an end": lambda: _good().replace(b"endstream", b""),
    "an object without an end": lambda: _good().replace(b"endobj", b""),
    "a string without an end": lambda: page(b"BT /F 12 Tf (" + b"(" * 5_000),
    "an array without an end": lambda: page(b"[" * 50_000),
    "a dictionary without an end": lambda: pdf(CATALOG, PAGES, "<<" * 5_000),
    "arrays in arrays": lambda: pdf(CATALOG, PAGES, "[" * 5_000 + "]" * 5_000),
    "a name of a megabyte": lambda: pdf(CATALOG, PAGES, "/" + "x" * 1_000_000),
    "half a byte": lambda: page(b"BT /F 12 Tf <4> Tj <> Tj <zz> Tj ET"),
    "a box of nothing": lambda: page(_show, box="0 0 0 0"),
    "a box without end": lambda: page(_show, box="-1e308 -1e308 1e308 1e308"),
    "a box of words": lambda: page(_show, box="(a) /b null true"),
    "turned by seven degrees": lambda: _good().replace(b"/MediaBox", b"/Rotate 7/MediaBox"),
    "numbers that are none": lambda: page(b"BT /F 1e999 Tf --5 +-.5 0x10 Td 1.2.3 0 Td (a) Tj ET"),
    "operators without operands": lambda: page(b"Tf Td Tj TJ Tm cm Do re l c q Q BT ET ET BI ID EI"),
    "operands without operators": lambda: page(b"1 " * 200_000),
    "saved and never restored": lambda: page(b"q " * 100_000 + _show),
    "restored and never saved": lambda: page(b"Q " * 100_000 + _show),
    "a matrix without end": lambda: page(b"1e308 1e308 1e308 1e308 1e308 1e308 cm " * 9 + _show),
    "a font of no size": lambda: page(b"BT /F 0 Tf (a) Tj /F -9 Tf (b) Tj /F 1e9 Tf (c) Tj ET"),
    "a font that isn't there": lambda: page(b"BT /Z 12 Tf (Latte) Tj ET"),
    "all words at one place": lambda: page(b"BT /F 12 Tf " + b"1 0 0 1 72 700 Tm (a) Tj " * 5_000 + b"ET"),
    "a word of a million letters": lambda: page(says(b"x" * 1_000_000)),
    "a line in ten thousand pieces": lambda: page(b"BT /F 1 Tf [" + b"(a) -9999999 " * 10_000 + b"] TJ ET"),
    "a picture in the text": lambda: page(b"BI /W 99999999 /H 99999999 ID " + b"EI" * 999),
    # Bombs
    "packed forty times": lambda: _packed(40),
    "swollen in its text": lambda: page(swollen(b"(x) Tj ", 8), FLATE),
    "swollen strings": lambda: page(b"BT /F 12 Tf (" + b"x" * 99 + b") Tj ET", FLATE),
    "run lengths": lambda: page(b"\x81 " * 500_000 + b"\x80", "/Filter/RunLengthDecode"),
    "LZW of nothing": lambda: page(b"\x80\x0b\x60\x50" * 9_999, "/Filter/LZWDecode"),
    "base 85 that overflows": lambda: page(b"zzzzsssssuuuuu~>", "/Filter/ASCII85Decode"),
    "an unknown filter": lambda: page(_show, "/Filter/Unheard"),
    "rows of two billion": lambda: page(
        zlib.compress(_show), f"{FLATE}/DecodeParms<</Predictor 12/Columns 2147483647/Colors 255>>"
    ),
    "rows of no width": lambda: page(zlib.compress(_show), f"{FLATE}/DecodeParms<</Predictor 15/Columns 0>>"),
    "a fax of two billion lines": lambda: _picture("CCITTFaxDecode", "/DecodeParms<</K -1/Columns 2000000000>>"),
    "a huge photograph": lambda: _picture("DCTDecode", ""),
    "a huge scan": lambda: _picture("JBIG2Decode", ""),
    "a huge picture that swells": lambda: _picture("FlateDecode", "", swollen(b"\0", 40)),
    "objects in objects that hold themselves": lambda: _objects(b"4 0 4 0 <<>>", "/N 2/First 8/Extends 4 0 R"),
    "a million objects in nothing": lambda: _objects(b"1 0", "/N 1000000/First 4"),
    "objects that swell": lambda: _objects(swollen(b"1 0 ", 15), f"/N 9999999/First 9{FLATE}"),
    "a hundred updates": lambda: (
        _good() + b"1 0 obj\n<<>>\nendobj\nxref\n0 0\ntrailer<<>>\nstartxref\n9\n%%EOF\n" * 100
    ),
    # Letters
    "a map of all letters": lambda: _mapped(b"1 beginbfrange <0000> <FFFF> <0000> endbfrange"),
    "a map of four billion letters": lambda: _mapped(b"1 beginbfrange <00000000> <FFFFFFFF> <0000> endbfrange"),
    "a map that swells": lambda: _mapped(swollen(b"<0001> <0041>\n", 1), FLATE),
    "a map that uses itself": lambda: _mapped(b"/Adobe-Identity-UCS usecmap begincmap endcmap"),
    "a map from a file": lambda: _mapped(b"/../../../../etc/passwd usecmap"),
    "a map that runs backwards": lambda: _mapped(b"1 beginbfrange <FFFF> <0000> <0041> endbfrange"),
    "a map of half letters": lambda: _mapped(b"1 beginbfchar <0001> <D800> endbfchar"),
    "an encoding from a file": lambda: page(_show).replace(b"/BaseFont/Helvetica", b"/Encoding/#2e#2e#2fetc#2fpasswd"),
    "differences without end": lambda: _good().replace(
        b"/BaseFont/Helvetica", b"/BaseFont/X/Encoding<</Differences[0" + b"/a" * 9_999 + b"]>>"
    ),
    "widths without end": lambda: _good().replace(
        b"/BaseFont/Helvetica", b"/BaseFont/X/FirstChar 0/LastChar 999999999/Widths[1e308]"
    ),
    # Code, and what calls out
    "a script that runs": lambda: _catalog("/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"),
    "a program that is started": lambda: _catalog("/OpenAction<</S/Launch/F(/bin/sh)/P(-c id)>>"),
    "a page that is fetched": lambda: _catalog("/OpenAction<</S/URI/URI(http://169.254.169.254/)>>"),
    "a form that is sent": lambda: _catalog(
        "/AcroForm<</XFA 6 0 R>>", stream(b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>")
    ),
    "a file inside": lambda: _catalog(
        "/Names<</EmbeddedFiles<</Names[(a)<</EF<</F 6 0 R>>>>]>>>>", stream(b"MZ\x90\0", "/Type/EmbeddedFile")
    ),
    "a stream that lies elsewhere": lambda: page(b"", "/F(/etc/passwd)"),
    "metadata that calls out": lambda: _catalog("/Metadata 6 0 R", stream(b"<?xml?><!DOCTYPE x SYSTEM 'http://x/'>")),
    # Locks
    "locked by RC4": lambda: _locked(2, 3, "/Length 128"),
    "locked by AES": lambda: _locked(5, 6, f"/OE<{'41' * 32}>/UE<{'41' * 32}>/Perms<{'41' * 16}>"),
    "locked by nobody": lambda: _locked(99, 99),
    "a lock that is itself": lambda: pdf(CATALOG, PAGES, PAGE, trailer="/Root 1 0 R/Encrypt 1 0 R"),
    # Other beginnings and ends
    "a later standard": lambda: _good().replace(b"%PDF-1.4", b"%PDF-9.9"),
    "a head far down": lambda: b"\n" * 5_000 + _good(),
    "the head alone": lambda: b"%PDF-1.7\n",
    "noise behind the head": lambda: b"%PDF-1.4\n" + bytes(range(256)) * 99,
    "an archive behind the end": lambda: _good() + docx(),
    "a page behind the head": lambda: b"%PDF-1.4\n<html><script>alert(1)</script>",
}  # fmt: skip
"""By what is wrong."""

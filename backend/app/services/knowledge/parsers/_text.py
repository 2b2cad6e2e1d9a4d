"""What every parser does with text: decode bytes, drop what isn't meant to be read, recognise a list's bullets."""

import codecs
import re
import unicodedata

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 4096

_INVISIBLE = re.compile(
    # Controls but tab and line ends; soft hyphen; zero-width space; marks of direction; joiners of words; byte order
    # marks; letters of interlinear notes; tags, in which instructions can be hidden; private use; lone surrogates.
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ue000-\uf8ff\ud800-\udfff]"
)
_SPACES = re.compile(r"[^\S\n]+")
_AROUND_BREAKS = re.compile(r"(?<! ) *\n *")
_MANY_BREAKS = re.compile(r"\n{2,}")

_BULLET = re.compile(r"^(?:[•●○▪■◦‣·∙◆►*–—-]|[0-9٠-٩]{1,2}[.)-]|[a-zA-Zأ-ي][.)])\s+(?=\S)")


def clean(text: str) -> str:
    """Visible text only, in composed form, with single spaces and line breaks."""
    text = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\u2029", "\n")
    )
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text))
    text = _MANY_BREAKS.sub("\n", _AROUND_BREAKS.sub("\n", text))
    return unicodedata.normalize("NFC", text).strip()


def decode(content: bytes, declared: str | None = None) -> str:
    """The text of a file.

    A byte order mark decides; then UTF-8 where it fits; then what the file declares; then Windows' code pages, Arabic
    where high bytes stand in words of their own, Western where they are single letters among plain ones.
    """
    encoding = _encoding(content, declared)
    return content.decode(encoding, errors="replace")


def _encoding(content: bytes, declared: str | None) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    if wide := _wide(content[:_SAMPLE]):
        return wide
    if _is_utf8(content):
        return "utf-8"
    if declared and _is_known(declared):
        return declared
    return "cp1256" if _looks_arabic(content) else "cp1252"


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of spaces and digits is zero."""
    if sample.count(0) * 8 < len(sample):
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if even > 4 * odd:
        return "utf-16-be"
    return "utf-16-le" if odd > 4 * even else None


def _is_utf8(content: bytes) -> bool:
    try:
        # A file cut off inside its last letter is still UTF-8.
        codecs.getincrementaldecoder("utf-8")().decode(content, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _is_known(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding)._is_text_encoding
    except (LookupError, ValueError):
        return False


def _looks_arabic(content: bytes) -> bool:
    high = sum(len(word) for word in re.findall(rb"[\x80-\xff]+", content))
    in_words = sum(len(word) for word in re.findall(rb"[\xc0-\xff]{3,}", content))
    return in_words * 2 > high


def strip_bullet(text: str) -> str | None:
    """The text behind a list's bullet or number; None when it has none."""
    match = _BULLET.match(text)
    return text[match.end() :] if match else None

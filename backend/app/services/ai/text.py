"""How text is cleaned before it is sent, and folded before it is compared."""

import re
import sys
import unicodedata
from functools import cache

from app.services.ai.lexicon import STOP_WORDS

INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u2800\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
"""Characters that a person can't see and a comparison must not trip over."""

_CITATION = re.compile(r"(?<!\s)\s*[\[［【](\d{1,3})[\]］】]")
_SENTENCE_END = re.compile(
    r"(?<=[.!?؟…۔])(?P<tail>(?:[\"'»”)\]]|\s*\[\d{1,3}\])*)(?P<gap>\s+|$)|(?P<line>(?<!\s)\s*\n\s*)"
)
_NEAR = 12
"""No abbreviation is longer."""

_NUMBERED = re.compile(r"\s{0,9}\d{1,2}\.")
_ABBREVIATION = re.compile(
    r"(?:\b(?:dr|mr|mrs|ms|prof|st|no|vs|approx|e\.g|i\.e|etc|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|tel|ext|[a-z])"
    r"|\b[ap]\.m|(?<!\w)(?:ر\.س|د\.إ|د\.ك|ج\.م|أ\.د|[صمدأ]))\.$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_CLINGING = re.compile("[\u00bc-\u00be\u2150-\u215e\ufdfc]")
_SCRIPTS_MEET = re.compile(r"(?<=[a-z])(?=[\u0620-\u064a])|(?<=[\u0620-\u064a])(?=[a-z])")
"""Where a word goes on in the other script, it is two: "sixtyريال"."""

_AR_PREFIX = re.compile(r"^(?:وال|بال|فال|كال|ولل|ال|لل|و|ف|ب|ك|ل)(?=\w{3})")
_AR_SUFFIX = re.compile(r"(?<=\w{3})(?:كما|هما|ها|هم|كم|نا|ات|ون|ين|ان|يه|ته|تك|ه|ي|ك|ت|ا)$")
_AR_PERSON = re.compile(r"^[ستني](?=\w{3})")
_EN_SUFFIX = re.compile(r"(?<=\w{3})(?:ing|ies|ied|ed|es|er|ly|s|e|y)$")


def sanitise(text: str) -> str:
    """The text as it may be sent: composed, with everything invisible gone."""
    return unicodedata.normalize("NFC", INVISIBLE.sub("", text.replace("\r\n", "\n")))


@cache
def _folding() -> dict[int, str | None]:
    """Every decimal digit to ASCII, every combining mark away, Arabic letters to one form."""
    table: dict[int, str | None] = {}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        match unicodedata.category(char):
            case "Nd":
                table[code] = str(unicodedata.decimal(char))
            case "Mn" | "Me":
                table[code] = None
    forms = {
        "ة": "ه",
        "ى": "ي",
        "ی": "ي",
        "ک": "ك",
        "ـ": None,
        "ٱ": "ا",
        "٬": ",",
        "،": ",",
        "٫": ".",
        "٪": "%",
    }
    quotes = {
        "’": "'",
        "‘": "'",
        "–": "-",
        "—": "-",
        "−": "-",
        "‑": "-",
        "‐": "-",
        "‒": "-",
        "؛": ";",
        "؟": "?",
    }
    return table | {ord(a): b for a, b in (forms | quotes).items()}


def compatible(text: str) -> str:
    """The text in plain characters; a fraction or currency sign stays apart from what stands before it."""
    return unicodedata.normalize("NFKC", _CLINGING.sub(r" \g<0>", text))


def fold(text: str) -> str:
    """The text for comparing: no matter how digits, letters, marks and case were written."""
    if text.isascii():  # The same, at a tenth of the cost.
        return INVISIBLE.sub("", text).lower()
    hundred = compatible(INVISIBLE.sub("", text)).replace(
        "مئ", "ماي"
    )  # Else "مئة" would fold to water.
    plain = INVISIBLE.sub("", unicodedata.normalize("NFKD", hundred).casefold())
    return _SCRIPTS_MEET.sub(" ", plain.translate(_folding()))


def script_of(text: str) -> str | None:
    """``ar`` or ``en`` by the script of most letters; None where there is none of either."""
    arabic, latin = len(_ARABIC.findall(text)), len(_LATIN.findall(text))
    if arabic == latin == 0:
        return None
    return "ar" if arabic * 2 >= latin else "en"


def citations(text: str) -> tuple[int, ...]:
    """The numbers of the passages that a text cites, in order, each once."""
    return tuple(dict.fromkeys(int(n) for n in _CITATION.findall(text)))


def without_citations(text: str) -> str:
    """The text a person reads, without its ``[n]``."""
    return _CITATION.sub("", text)


def sentences(text: str) -> list[str]:
    """The text cut into sentences; ``[n]`` after the full stop stays with its sentence. Joined they are the text."""
    found, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        if match["line"] is None and _goes_on(text, start, match.start()):
            continue
        found.append(text[start : match.end()])
        start = match.end()
    return [s for s in [*found, text[start:]] if s.strip()]


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the full stop before ``end`` is a list's number's or an abbreviation's."""
    numbered = _NUMBERED.fullmatch(text, start, end)
    return bool(numbered or _ABBREVIATION.search(text, max(start, end - _NEAR), end))


def stem(word: str) -> str:
    """A crude stem of a folded word: alike for forms of one word, in either language."""
    if word.isascii():
        return _EN_SUFFIX.sub("", word.removesuffix("'s"))[:6]
    bare = _AR_PREFIX.sub("", word)
    return _AR_SUFFIX.sub("", _AR_SUFFIX.sub("", bare))[:5]


def core(word: str) -> str:
    """What is left of a folded word without the marks of person: "نفتح" and "تفتحون" share "فتح"."""
    bare = stem(word)
    return bare if bare.isascii() else _AR_PERSON.sub("", bare)


def stems(text: str) -> frozenset[str]:
    """The stems of a text's content words."""
    return frozenset(stem(w) for w in words(text) if is_content(w))


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return words_of(fold(text))


def words_of(folded: str) -> list[str]:
    """The words of a text that is folded already."""
    return _WORD.findall(folded)


def is_content(word: str) -> bool:
    """Whether a folded word carries meaning of its own: no stop word, no number, no single letter."""
    return (
        len(word) > 1
        and not word[0].isdigit()
        and word not in STOP_WORDS
        and _AR_PREFIX.sub("", word) not in STOP_WORDS
    )

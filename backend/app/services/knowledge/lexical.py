"""Words as they are searched: folded spelling, and terms for BM25.

Arabic is written in many ways: with and without vowel signs, with one of several alefs, with Persian letters or
stretched. Folding makes them one. Pieces of four characters, the word's edges among them, then find a word under
its prefixes and endings and survive dialect spelling; measured, they beat stemmers in Arabic and match them in
English (bench/retrieval).
"""

import re
import unicodedata
from collections import Counter
from sys import intern

GRAM = 4

_VARIANTS: dict[str, str] = {
    **dict.fromkeys("ٱٲٳٵ", "ا"),
    **dict.fromkeys("ىیېۍےۓ", "ي"),
    **dict.fromkeys("ۄۆۇۈۋ", "و"),
    **dict.fromkeys("ةەہۂھۃ", "ه"),
    **dict.fromkeys("کڪگ", "ك"),
    **{"پ": "ب", "چ": "ج", "ژ": "ز", "ڤ": "ف", "ء": "", "ـ": ""},
    **{digit: str(unicodedata.digit(digit)) for digit in "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"},
}
_FOLDS = str.maketrans(_VARIANTS)
_MARKS = re.compile(
    "[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"(?<![^\W_])[^\W_]+(?:[-.,:/_٫٬][^\W_]+)+")
_JOINTS = re.compile(r"[-.,:/_٫٬]")
_DIGIT = re.compile(r"\d")


def normalise(text: str) -> str:
    """One spelling for all: compatibility forms, case, vowel signs, stretching, letter variants, digits."""
    return _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold().translate(_FOLDS)


def words(text: str) -> list[str]:
    """The folded words, and each number or model code with a joint in it once more as a whole.

    ``12.50`` is also ``1250``, ``A-15`` also ``a15``.
    """
    folded = normalise(text)
    codes = (code for code in _CODE.findall(folded) if _DIGIT.search(code))
    return _WORD.findall(folded) + [_JOINTS.sub("", code) for code in codes]


def terms(text: str) -> Counter[str]:
    """How often each term occurs: pieces of words, and whole words that have a digit."""
    return Counter(term for word in words(text) for term in _pieces(word))


def pieces(text: str) -> frozenset[str]:
    """The terms themselves, each the same object wherever it occurs: what is kept of many texts stays small."""
    return frozenset(intern(term) for word in words(text) for term in _pieces(word))


def _pieces(word: str) -> list[str]:
    """Every four neighbouring characters of a word between spaces."""
    if _DIGIT.search(word):
        return [word]
    padded = f" {word} "
    return [padded[at : at + GRAM] for at in range(max(1, len(padded) - GRAM + 1))]

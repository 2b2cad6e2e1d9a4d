"""Reads numbers however they are written: digits of any script, with separators, or words in Arabic and English."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

_TOKEN = re.compile(
    r"(?P<number>(?:\d(?: \d)+(?![.,]?\d|⁄|\w)|\d{1,3}(?:[,' ]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)*)(?:⁄\d+)?)"
    r"|(?P<word>¤[a-z0-9]+|[^\W\d_]+(?:'[a-z]+)?)|(?P<mark>\S)"
)
_SCALES = {100: 100, 1000: 1000, 10**6: 10**6, 10**9: 10**9}

_ENGLISH = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
        range(20),
        strict=True,
    )
) | {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100, "hundreds": 100, "thousand": 1000, "thousands": 1000, "grand": 1000, "million": 10**6,
    "billion": 10**9, "dozen": 12,
}  # fmt: skip

_ARABIC_FORMS: dict[int, str] = {
    0: "صفر",
    1: "واحد واحده وحده احد احدي",
    2: "اثنان اثنا اثني اثنتا اثنتي اثنين اثنتان اثنتين اتنين ثنتين تنتين ثنين",
    3: "ثلاث ثلاثه تلات تلاته تلت",
    4: "اربع اربعه",
    5: "خمس خمسه",
    6: "ست سته",
    7: "سبع سبعه",
    8: "ثمان ثماني ثمانيه تمن تمان تمانيه ثمنيه",
    9: "تسع تسعه",
    10: "عشر عشره",
    11: "احدعشر احداشر حداشر حدعش احدعش",
    12: "اثناعشر اتناشر اطناشر اثنعش طناعش اثناشر",
    13: "ثلاثطعش تلتاشر تلطاشر ثلطعش ثلاثتاشر",
    14: "اربعتاشر اربعطاشر اربعطعش",
    15: "خمستاشر خمسطاشر خمسطعش خمستعش",
    16: "ستاشر سطاشر سطعش ستعش",
    17: "سبعتاشر سبعطاشر سبعطعش",
    18: "تمنتاشر تمنطاشر ثمنطعش",
    19: "تسعتاشر تسعطاشر تسعطعش",
    20: "عشرون عشرين",
    30: "ثلاثون ثلاثين تلاتين",
    40: "اربعون اربعين",
    50: "خمسون خمسين",
    60: "ستون ستين",
    70: "سبعون سبعين",
    80: "ثمانون ثمانين تمانين",
    90: "تسعون تسعين",
    100: "مايه ميه ميات مايات",
    200: "مايتان مايتين ميتين ميتان مايتا",
    300: "ثلاثمايه ثلاثميه تلتميه تلاتميه",
    400: "اربعمايه اربعميه ربعميه",
    500: "خمسمايه خمسميه",
    600: "ستمايه ستميه",
    700: "سبعمايه سبعميه",
    800: "ثمانمايه ثمانميه ثمنميه تمنميه ثمانيمايه",
    900: "تسعمايه تسعميه",
    1000: "الف الاف الفا",
    2000: "الفان الفين",
    10**6: "مليون ملايين مليونا",
    2 * 10**6: "مليونان مليونين",
    10**9: "مليار مليارات",
}
_ARABIC = {word: value for value, forms in _ARABIC_FORMS.items() for word in forms.split()}
_PREFIX = re.compile(r"^(?P<joined>و|ف)?(?P<article>بال|لل|كال|ال|ب|ل|ك)?(?P<rest>\w{2,})$")
_TEN = ("عشر", "عشره")
_WEAK = frozenset(["one", "واحد", "واحده", "وحده", "احد", "احدي", "ميه", "ست"])
"""Words that are often no number: "one of us", "ميه" (water), "ست" (lady). They count beside a unit only."""
_DAY_NAMES = frozenset(["الاثنين", "الاتنين", "الاحد"])


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of folded text.

    Attributes:
        text: As it stands.
        value: Its value, when it is a number.
        at: Where it begins.
        end: Where it ends.
        weak: A number that is often just a word.
        mark: Whether it is punctuation.
    """

    text: str
    at: int
    end: int
    value: Decimal | None = None
    weak: bool = False
    mark: bool = False


def read_digits(digits: str) -> Decimal:
    """The value of a number written in ASCII digits: ``1,500`` · ``1 500`` · ``12,50`` · ``1.5`` · ``1⁄2``."""
    whole, _, below = digits.partition("⁄")
    if below:
        return read_digits(whole) / max(Decimal(below), Decimal(1))
    plain = re.sub(r"[ ']", "", whole)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain) or plain.count(",") > 1:
        plain = plain.replace(",", "")
    elif plain.count(".") > 1:
        plain = plain.replace(".", "")
    return Decimal(plain.replace(",", "."))


def read_word(word: str) -> tuple[int, bool] | None:
    """The value of a number word and whether an "and" is attached to it."""
    if word in _ENGLISH:
        return _ENGLISH[word], False
    if word in _ARABIC:
        return _ARABIC[word], False
    match = _PREFIX.match(word)
    if match is None or match["rest"] not in _ARABIC or word in _DAY_NAMES:
        return None
    return _ARABIC[match["rest"]], match["joined"] is not None


def lex(folded: str) -> list[Token]:
    """The tokens of a folded text, with compound numbers put together."""
    return list(_compound(_split(folded)))


def _split(folded: str) -> list[Token]:
    """Words, digit groups and marks."""
    return [_token(match) for match in _TOKEN.finditer(folded)]


def _token(match: re.Match[str]) -> Token:
    value = read_digits(match["number"]) if match["number"] else None
    return Token(match[0], match.start(), match.end(), value, mark=match["mark"] is not None)


def _compound(tokens: Sequence[Token]) -> Iterator[Token]:
    """Joins "two hundred and fifty", "خمسة وعشرون", "1.5 thousand" into one number each."""
    i = 0
    while i < len(tokens):
        end, value = _number_at(tokens, i)
        if value is None:
            yield tokens[i]
            i += 1
            continue
        first, last = tokens[i], tokens[end - 1]
        weak = end == i + 1 and _PREFIX.sub(r"\g<rest>", first.text) in _WEAK
        yield Token(" ".join(t.text for t in tokens[i:end]), first.at, last.end, value, weak)
        i = end


def _number_at(tokens: Sequence[Token], i: int) -> tuple[int, Decimal | None]:
    """The number that begins at ``i`` and where it ends; None if none does."""
    first = tokens[i]
    if first.value is not None:
        scale = _scale(tokens, i + 1)
        return (i + 2, first.value * scale) if scale else (i + 1, first.value)
    read = read_word(first.text)
    if read is None:
        return i, None
    sum_ = _Sum()
    sum_.add(read[0], first.text, joined=False)
    end = i + 1
    while (step := _next_word(tokens, end)) is not None:
        index, value, joined = step
        if not sum_.add(value, tokens[index].text, joined=joined):
            break
        end = index + 1
    return end, Decimal(sum_.total + sum_.group)


def _scale(tokens: Sequence[Token], i: int) -> int | None:
    """The factor of a scale word or letter after digits: thousand, ألف, k."""
    if i >= len(tokens) or tokens[i].mark:
        return None
    if tokens[i].text in ("k", "m", "mn", "bn") and tokens[i].at == tokens[i - 1].end:
        return {"k": 1000, "m": 10**6, "mn": 10**6, "bn": 10**9}[tokens[i].text]
    read = read_word(tokens[i].text)
    return _SCALES.get(read[0]) if read and not read[1] else None


def _next_word(tokens: Sequence[Token], i: int) -> tuple[int, int, bool] | None:
    """The next number word, over one "and", "و" or hyphen: its place, value, and whether it was joined."""
    joined = i < len(tokens) and tokens[i].text in ("and", "و", "-")
    index = i + joined
    if index >= len(tokens) or (read := read_word(tokens[index].text)) is None:
        return None
    return index, read[0], joined or read[1]


class _Sum:
    """Adds up number words as long as they make one number."""

    def __init__(self) -> None:
        self.total = 0
        self.group = 0
        self._smallest_scale = 10**12

    def add(self, value: int, word: str, *, joined: bool) -> bool:
        """Takes a word's value; False when it begins another number."""
        empty = self.total == self.group == 0
        if value >= 1000:
            return self._multiply(value, joined=joined)
        if value == 100 and 1 <= self.group <= 9 and not joined:
            self.group *= 100
            return True
        if not (empty or self._fits(value, word, joined=joined)):
            return False
        self.group += value
        return True

    def _multiply(self, value: int, *, joined: bool) -> bool:
        """Takes thousand, two thousand, million and the like."""
        scale = 10 ** (len(str(value)) - 1)
        if scale >= self._smallest_scale or (self.group and (joined or value != scale)):
            return False
        self.total += value * max(self.group, 1)
        self.group, self._smallest_scale = 0, scale
        return True

    def _fits(self, value: int, word: str, *, joined: bool) -> bool:
        """Whether a value below a thousand continues the group."""
        below = self.group % 100
        if self.group == 0:
            return True
        if value >= 100:
            return False
        if below == 0:
            return True
        if value == 10 and word in _TEN:
            return 1 <= below <= 9 and not joined
        if value >= 20 and below <= 9:
            return joined and not word.isascii()
        return 1 <= value <= 9 and below >= 20 and below % 10 == 0

"""Makes drafts for the checks: invented prices in every disguise we could think of, and honest sentences. Seeded."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid5

from app.services.knowledge.base import Passage

_NAMES = UUID("5a1d6a0e-6f0f-4a53-9a0c-000000000001")

TAUGHT = Path(__file__).parents[1] / "payloads" / "taught.tsv"
"""What two businesses taught: language, title, text."""

PRESENT = frozenset(
    [1, 4, 5, 6, 7, 10, 11, 12, 15, 17, 18, 20, 24, 30, 35, 40, 45, 150, 250, 1400, 4500]
)
"""Every number that stands there; an invented price is none of them."""


def passages(language: str) -> list[Passage]:
    """The knowledge of one language."""
    return [
        Passage(uuid5(_NAMES, title), uuid5(_NAMES, title), title, text, lang, 1.0, dense=0.9)
        for lang, title, text in (
            line.split("\t") for line in TAUGHT.read_text("utf-8").splitlines()
        )
        if lang == language
    ]


_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = (
    "_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_AR_ONES = (
    "صفر", "واحد", "اثنان", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة",
    "عشرة",
)  # fmt: skip
_AR_TENS = (
    "_", "عشرة", "عشرون", "ثلاثون", "أربعون", "خمسون", "ستون", "سبعون", "ثمانون", "تسعون",
)  # fmt: skip


def english(n: int) -> str:
    """A number below a thousand in English words."""
    if n >= 100:
        rest = f" and {english(n % 100)}" if n % 100 else ""
        return f"{_ONES[n // 100]} hundred{rest}"
    if n < 20:
        return _ONES[n]
    return _TENS[n // 10] + (f"-{_ONES[n % 10]}" if n % 10 else "")


def arabic(n: int) -> str:
    """A number below a hundred in Arabic words."""
    if n <= 10:
        return _AR_ONES[n]
    if n < 20:
        return f"{_AR_ONES[n % 10]} عشر"
    return f"{_AR_ONES[n % 10]} و{_AR_TENS[n // 10]}" if n % 10 else _AR_TENS[n // 10]


def _digits(first: int) -> Callable[[int, random.Random], str]:
    """Digits of another script, by the code point of its zero."""
    return lambda n, _: "".join(chr(first + int(d)) for d in str(n))


def _joined(by: str) -> Callable[[int, random.Random], str]:
    """Digits with something between them."""
    return lambda n, _: by.join(str(n))


def _words(n: int, rng: random.Random) -> str:
    return english(n) if n < 1000 else str(n)


def _arabic_words(n: int, rng: random.Random) -> str:
    return arabic(n) if n < 100 else str(n)


WAYS: dict[str, Callable[[int, random.Random], str]] = {
    "plain": lambda n, _: str(n),
    "arabic-indic": _digits(0x660),
    "persian": _digits(0x6F0),
    "devanagari": _digits(0x966),
    "full width": _digits(0xFF10),
    "mathematical": _digits(0x1D7CE),
    "monospace": _digits(0x1D7F6),
    "superscript": lambda n, _: "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] for d in str(n)),
    "circled": lambda n, _: "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(d)] for d in str(n)),
    "zero width": _joined("\u200b"),
    "joiner": _joined("\u200d"),
    "soft hyphen": _joined("\u00ad"),
    "bidi": lambda n, _: f"\u202e{str(n)[::-1]}\u202c" if str(n) != str(n)[::-1] else str(n),
    "isolate": _joined("\u2066\u2069"),
    "tags": _joined("\U000e0020"),
    "combining": _joined("\u0301"),
    "spaced": _joined(" "),
    "thin spaces": _joined("\u2009"),
    "bold": lambda n, _: f"**{n}**",
    "bold inside": lambda n, _: "".join(f"**{d}**" for d in str(n)),
    "underscored": _joined("_"),
    "code": lambda n, _: f"`{n}`",
    "decimals": lambda n, _: f"{n}.00",
    "arabic decimals": lambda n, _: f"{n}٫٠٠",
    "leading zeros": lambda n, _: f"00{n}",
    "words": _words,
    "words apart": lambda n, rng: _words(n, rng).replace("-", " "),
    "words in capitals": lambda n, rng: _words(n, rng).upper(),
    "arabic words": _arabic_words,
    "citation inside": lambda n, _: f"{str(n)[0]}[1]{str(n)[1:]}" if n > 9 else str(n),
    "mixed scripts": lambda n, rng: "".join(rng.choice([d, chr(0x660 + int(d))]) for d in str(n)),
}
"""How a number may be written so that a careless check overlooks it."""

_EN = (
    "A latte costs {n} SAR.", "The flat white is {n} riyals today.", "Delivery costs {n}.", "SAR {n} for a latte.",
    "The price of a cleaning is ${n}.", "You pay only {n} for an implant.", "We sell a crown for {n} SAR.",
    "It's {n} SR, VAT included.", "An espresso: {n} riyal.", "Sure! That would be {n} Saudi riyals for delivery.",
    "The minimum order is {n} SAR.", "Students get {n}% off.", "There is a {n} percent discount on cleanings.",
    "Oat milk adds {n}.", "From {n} SAR.", "{n} ر.س", "The cleaning costs {n} AED.", "Lattes start at {n}/cup.",
)  # fmt: skip
_AR = (
    "سعر اللاتيه {n} ريال.", "الفلات وايت بـ {n} ريالًا.", "رسوم التوصيل {n}.", "بكم؟ بـ {n} ر.س فقط.", "السعر {n}﷼",
    "تكلفة تنظيف الأسنان {n} ريال سعودي.", "تدفع {n} فقط.", "الزراعة بسعر {n} ريال.", "الحد الأدنى للطلب {n} ريالًا.",
    "للطلاب خصم {n}%.", "خصم {n} بالمئة على التنظيف.", "إضافة الحليب بـ {n} ريالات.", "أكيد! التوصيل بـ {n} ريال.",
    "يبدأ من {n} درهم.",
    "الإسبريسو ب{n} ريال", "SAR {n} للاتيه.",
)  # fmt: skip
_VALUES = (*range(2, 100), *range(100, 1000, 7))
TEMPLATES = {"en": _EN, "ar": _AR}


def invented(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """Language, disguise and draft of invented prices; half of them cite a passage."""
    rng = random.Random(seed)  # noqa: S311 - reproducible is what it must be.
    ways = sorted(WAYS)
    for number in range(count):
        language = ("en", "ar")[number % 2]
        way = ways[number % len(ways)]
        value = rng.choice([n for n in _VALUES if not {n, int(str(n)[::-1])} & PRESENT])
        text = rng.choice(TEMPLATES[language]).format(n=WAYS[way](value, rng))
        if rng.random() < 0.5:
            text = f"{text.rstrip()} [{rng.randint(1, 5)}]"
        yield language, way, text

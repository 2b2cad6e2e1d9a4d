"""Numbers are read however they are written."""

from decimal import Decimal

import pytest

from app.services.ai.numbers import lex, read_digits
from app.services.ai.text import fold


def values(text: str) -> list[str]:
    return [
        f"{t.value.normalize():f}" for t in lex(fold(text)) if t.value is not None and not t.weak
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", ["18"]),
        ("١٨", ["18"]),
        ("۱۸", ["18"]),
        ("１８", ["18"]),
        ("1,500", ["1500"]),
        ("١٬٥٠٠", ["1500"]),
        ("12.50", ["12.5"]),
        ("١٢٫٥٠", ["12.5"]),
        ("1.5k", ["1500"]),
        ("2 million", ["2000000"]),
        ("1 8", ["18"]),
        ("1\u200b8", ["18"]),
        ("½", ["0.5"]),
        ("eighteen", ["18"]),
        ("twenty-five", ["25"]),
        ("one hundred and twenty", ["120"]),
        ("two thousand five hundred", ["2500"]),
        ("three and four", ["3", "4"]),
        ("خمسة", ["5"]),
        ("خمسة وعشرون", ["25"]),
        ("مئة وخمسون", ["150"]),
        ("مائتان وخمسة وسبعون", ["275"]),
        ("ألف وخمسمئة", ["1500"]),
        ("ثلاثة آلاف", ["3000"]),
        ("خمسطعش", ["15"]),
        ("ميتين وخمسين", ["250"]),
        ("ثلاث عشرة", ["13"]),
        ("one of us", []),
        ("الاثنين", []),
        ("nothing here", []),
    ],
)
def test_a_number_has_one_value(text: str, expected: list[str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("1,500", "1500"),
        ("1 500", "1500"),
        ("12,50", "12.50"),
        ("1.500.000", "1500000"),
        ("1⁄2", "0.5"),
        ("1'500", "1500"),
    ],
)
def test_separators_are_understood(digits: str, value: str) -> None:
    assert read_digits(digits) == Decimal(value)

"""What can be checked in a text is found, in both languages, however it is disguised."""

import pytest

from app.services.ai.claims import Claim, Kind, extract


def found(text: str) -> set[tuple[str, str, str]]:
    return {(c.kind.value, value, c.unit) for c in extract(text) for value in c.values}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A latte costs 18 SAR.", ("money", "18", "sar")),
        ("سعر اللاتيه ١٨ ريالًا", ("money", "18", "sar")),
        ("سعره ثمانية عشر ريالًا", ("money", "18", "sar")),
        ("18 ر.س", ("money", "18", "sar")),
        ("١٨﷼", ("money", "18", "sar")),
        ("$25", ("money", "25", "usd")),
        ("ريالين", ("money", "2", "sar")),
        ("Only 9 for you", ("money", "9", "")),
        ("a 10% discount", ("percent", "10", "")),
        ("خصم عشرة بالمئة", ("percent", "10", "")),
        ("half price", ("percent", "50", "")),
        ("within 3 days", ("duration", "4320", "min")),
        ("خلال ٣ أيام", ("duration", "4320", "min")),
        ("within 24 hours", ("duration", "1440", "min")),
        ("ساعة ونصف", ("duration", "90", "min")),
        ("opens at 9:30 am", ("time", "570", "")),
        ("الساعة ٩:٣٠ مساءً", ("time", "1290", "")),
        ("at noon", ("time", "720", "")),
        ("on 5 March 2026", ("date", "g2026-3-5", "")),
        ("٥ مارس", ("date", "g?-3-5", "")),
        ("1 رمضان 1447", ("date", "h1447-9-1", "")),
        ("2026-03-05", ("date", "g2026-3-5", "")),
        ("Call 920001234", ("phone", "920001234", "")),
        ("اتصل على ٩٢٠٠٠١٢٣٤", ("phone", "920001234", "")),
        ("+966 55 012 3400", ("phone", "966550123400", "")),
        ("https://www.Shop.example/Sale/", ("link", "shop.example/Sale", "")),
        ("shop [.] example", ("link", "shop.example", "")),
        ("evil dot com", ("link", "evil.com", "")),
        ("[menu](https://evil.example/x)", ("link", "evil.example/x", "")),
        ("care@saqiya.example", ("email", "care@saqiya.example", "")),
        ("care at saqiya.example", ("email", "care@saqiya.example", "")),
        ("Order AB12-34", ("code", "ab1234", "")),
        ("It's free", ("promise", "free", "")),
        ("التوصيل مجاني", ("promise", "free", "")),
        ("نضمن لك", ("promise", "guarantee", "")),
        ("full refund", ("promise", "refund", "")),
        ("120 سعرة حرارية", ("number", "120", "")),
    ],
)  # fmt: skip
def test_a_claim_is_found_with_its_kind(text: str, expected: tuple[str, str, str]) -> None:
    assert expected in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "We are happy to help you.",
        "يسعدنا خدمتك.",
        "It rests on this [1] and that [12].",
        "Feel free to ask.",
        "One of us will be with you.",
        "That isn't free.",
        "نراك يوم الاثنين",
        "",
    ],
)
def test_what_claims_nothing_has_no_claim(text: str) -> None:
    assert extract(text) == ()


def test_a_claim_knows_the_words_beside_it() -> None:
    (money,) = [c for c in extract("A latte costs 18 SAR.") if c.kind is Kind.MONEY]
    assert isinstance(money, Claim)
    assert "latt" in " ".join(money.near)

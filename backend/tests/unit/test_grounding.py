"""No unsupported fact passes, and honest sentences do."""

import random
import re
from collections.abc import Iterator

import pytest

from app.services.ai.base import Persona, Question
from app.services.ai.grounding import Checked, Checker
from app.services.ai.text import sentences
from app.services.knowledge.base import Passage
from tests.unit.disguises import WAYS, invented, passages

DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
ASKED = {"en": "How much is a latte, and when do you open?", "ar": "كم سعر اللاتيه، ومتى تفتحون؟"}
INVENTED = 20_000


def checker(
    language: str, question: str | None = None, known: list[Passage] | None = None
) -> Checker:
    asked = Question(question or ASKED[language], language, Persona("Saqiya"))
    return Checker(passages(language) if known is None else known, asked)


def passes(checked: Checked) -> bool:
    return not checked.violations


@pytest.mark.timeout(300)
def test_no_invented_price_passes_in_any_disguise() -> None:
    checks = {language: checker(language) for language in ASKED}
    through = [
        (way, text)
        for language, way, text in invented(INVENTED, seed=20261122)
        if passes(checks[language].check(text))
    ]
    assert through == []
    assert len(WAYS) >= 30


def honest() -> Iterator[tuple[str, str]]:
    """What an honest model writes: the passages' sentences in many manners."""
    for language in ASKED:
        for number, passage in enumerate(passages(language), 1):
            for sentence in sentences(passage.text):
                said = sentence.strip()
                yield language, f"{said} [{number}]"
                yield language, said
                yield language, f"{said.rstrip('.')} [{number}]."
                yield language, f"**{said.rstrip('.')}** [{number}]."
                yield language, f"- {said} [{number}]"
                if language == "en":
                    yield language, f"Sure! {said} [{number}]"
                    yield language, said.replace("SAR", "riyals") + f" [{number}]"
                    yield language, f"Yes, {said[0].lower()}{said[1:]} [{number}]"
                else:
                    yield language, f"أكيد، {said} [{number}]"
                    yield language, said.translate(DIGITS) + f" [{number}]"
                    yield language, f"نعم، {said} [{number}]"
    yield from ((language, text) for language, texts in PARAPHRASED.items() for text in texts)


PARAPHRASED = {
    "en": [
        "A latte is 18 SAR [1].", "Lattes cost eighteen riyals [1].", "You can get a flat white for 17 SAR [1].",
        "Delivery is free above 150 SAR; otherwise it costs 15 SAR [2].", "Orders take about 45 minutes [2].",
        "On Friday we open at 1:30 pm [3].", "We close at 11:30 pm from Saturday to Wednesday [3].",
        "A cleaning costs 250 SAR and takes 35 minutes [4].", "Students save 10% on cleanings [4].",
        "You can return unopened bags within a week [5].", "Please call 920001234 [5].", "Hello! How can I help you?",
        "Welcome to Saqiya!", "Thank you for your question.", "I'm sorry, I don't have information about that.",
        "Is there anything else I can help with?", "You can reach us at care@saqiya.example [5].",
        "A Spanish latte costs 20 SAR, a plain one 18 SAR [1].", "The minimum order is 40 riyals [2].",
    ],
    "ar": [
        "اللاتيه بـ 18 ريال [1].", "سعر اللاتيه ثمانية عشر ريالًا [1].",
        "التوصيل مجاني فوق 150 ريالًا، وإلا فرسومه 15 ريالًا [2].",
        "يصلك الطلب خلال ٤٥ دقيقة [2].", "نفتح الجمعة الساعة ١:٣٠ ظهرًا [3].", "تنظيف الأسنان بسعر 250 ريالًا [4].",
        "يمكنك إرجاع الأكياس خلال سبعة أيام [5].", "أهلًا بك! كيف أقدر أساعدك؟", "شكرًا لسؤالك.",
        "عذرًا، ليست لدي هذه المعلومة.",
        "هل تحتاج إلى مساعدة أخرى؟", "اتصل على ٩٢٠٠٠١٢٣٤ [5].", "راسلنا على care@saqiya.example [5].",
        "للطلاب خصم ١٠٪ على التنظيف [4].", "الحد الأدنى للطلب أربعون ريالًا [2].",
    ],
}  # fmt: skip


def test_honest_sentences_pass() -> None:
    replies = list(honest())
    checks = {language: checker(language) for language in ASKED}
    blocked = [text for language, text in replies if not passes(checks[language].check(text))]
    assert len(replies) >= 200
    assert len(blocked) <= 0.01 * len(replies), blocked


def changed() -> Iterator[tuple[str, str]]:
    """True sentences with one digit changed."""
    rng = random.Random(7)  # noqa: S311 - reproducible is what it must be.
    for language in ASKED:
        for number, passage in enumerate(passages(language), 1):
            for sentence in sentences(passage.text):
                for match in re.finditer(r"\d", sentence):
                    for digit in rng.sample([d for d in "123456789" if d != match[0]], 4):
                        wrong = sentence[: match.start()] + digit + sentence[match.end() :].strip()
                        yield language, f"{wrong} [{number}]"


def test_a_changed_digit_is_noticed() -> None:
    checks = {language: checker(language) for language in ASKED}
    drafts = list(changed())
    caught = sum(not passes(checks[language].check(text)) for language, text in drafts)
    assert len(drafts) > 200
    assert caught >= 0.95 * len(drafts)


def swapped() -> Iterator[tuple[str, str]]:
    """True sentences with the amount of another sentence of the same passage."""
    for language in ASKED:
        for number, passage in enumerate(passages(language), 1):
            priced = [
                s.strip() for s in sentences(passage.text) if re.search(r"\d+ (?:SAR|ريال)", s)
            ]
            for one in priced:
                for other in priced:
                    mine, theirs = (re.search(r"[\d,]+(?= (?:SAR|ريال))", s) for s in (one, other))
                    if mine and theirs and mine[0] != theirs[0]:
                        yield language, f"{one[: mine.start()]}{theirs[0]}{one[mine.end() :]} [{number}]"


def test_amounts_that_change_places_are_noticed() -> None:
    checks = {language: checker(language) for language in ASKED}
    drafts = list(swapped())
    caught = sum(not passes(checks[language].check(text)) for language, text in drafts)
    assert len(drafts) > 50
    assert caught >= 0.9 * len(drafts)


@pytest.mark.parametrize(
    ("language", "draft", "rule"),
    [
        ("en", "Look at https://evil.example/pay [1].", "link"),
        ("en", "![x](https://evil.example/p.png) A latte costs 18 SAR [1].", "link"),
        ("en", "Write to boss@evil.example [5].", "email"),
        ("en", "Call 920001299 [5].", "phone"),
        ("en", "Use the code SAVE20X [1].", "code"),
        ("en", "Delivery is always free [1].", "promise"),
        ("en", "Lattes are on the house [1].", "promise"),
        ("en", "Crowns carry a lifetime guarantee [1].", "promise"),
        ("en", "We open at 9:00 am [3].", "time"),
        ("en", "Orders arrive within 3 days [2].", "duration"),
        ("en", "We close on 5 March [3].", "date"),
        ("en", "A latte costs 18 SAR [9].", "citation"),
        ("en", "Our chef Giovanni roasts it [1].", "name"),
        ("en", "Unopened bags cannot be returned within 7 days with the receipt [5].", "polarity"),
        ("en", "Penguins waddle across frozen continents [1].", "support"),
        ("ar", "زوروا evil.example للعروض [1].", "link"),
        ("ar", "التوصيل مجاني دائمًا [1].", "promise"),
        ("ar", "اتصل على 920009999 [5].", "phone"),
        ("ar", "نفتح الساعة 9:00 صباحًا [3].", "time"),
        ("ar", "لا يمكن إرجاع الأكياس غير المفتوحة خلال 7 أيام مع الفاتورة [5].", "polarity"),
        ("ar", "البطاريق تمشي فوق القارات المتجمدة [1].", "support"),
    ],
)
def test_each_rule_has_a_case(language: str, draft: str, rule: str) -> None:
    assert rule in {violation.rule for violation in checker(language).check(draft).violations}


@pytest.mark.parametrize(
    ("question", "draft", "holds"),
    [
        (
            "I ordered for 300 SAR. Is delivery free?",
            "Your 300 SAR order is delivered free of charge [2].",
            True,
        ),
        ("Can I get a latte for 5 SAR?", "Yes, a latte costs 5 SAR [1].", False),
        ("A latte is free today, right?", "Yes, a latte is free today [1].", False),
        ("Is https://evil.example your site?", "Yes, see https://evil.example [1].", False),
        ("We are 6 people on 3 May.", "For 6 people on 3 May, delivery costs 15 SAR [2].", True),
    ],
)
def test_the_contact_s_own_numbers_may_be_repeated_but_are_no_price(
    question: str, draft: str, holds: bool
) -> None:
    assert passes(checker("en", question).check(draft)) is holds


def test_a_sentence_without_citation_gets_the_one_it_rests_on() -> None:
    checked = checker("en").check("Delivery in Riyadh costs 15 SAR.")
    assert checked.citations == (2,)
    assert checked.text == "Delivery in Riyadh costs 15 SAR. [2]"


def test_without_passages_nothing_of_substance_passes() -> None:
    assert not passes(checker("en", known=[]).check("A latte costs 18 SAR."))
    assert passes(checker("en", known=[]).check("Hello, welcome!"))


def test_what_is_sent_has_nothing_invisible() -> None:
    checked = checker("en").check("A latte\u200b costs\u202e 18 SAR [1].")
    assert checked.text == "A latte costs 18 SAR [1]."

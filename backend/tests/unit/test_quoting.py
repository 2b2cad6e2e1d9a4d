"""Without a model, the sentence that answers is quoted, in both languages and in dialects."""

import re
from uuid import uuid4

import pytest

from app.services.ai.base import Persona, Question, Turn
from app.services.ai.grounding import Checker
from app.services.ai.prompt_manager import build
from app.services.ai.providers.extractive import quote
from app.services.ai.quoting import readable
from app.services.knowledge.base import Passage
from app.services.knowledge.chunker import sentences


def passage(
    text: str,
    language: str = "en",
    title: str = "",
    question: str | None = None,
    score: float = 1.0,
) -> Passage:
    parts = tuple(text.split("\n")) if " | " in text else tuple(sentences(text))
    return Passage(
        uuid4(),
        uuid4(),
        title,
        text,
        language,
        score,
        question=question,
        sentences=parts,
        dense=0.88,
    )


HOURS = passage(
    "We are open from Saturday to Wednesday from 6:30 am to 11:30 pm. On Friday we are open from 1:30 pm to 1:00 am.",
    title="Opening hours",
)
RAMADAN = passage(
    "In Ramadan we are open every day from 5:00 pm to 2:30 am.", title="Ramadan", score=2.0
)
DELIVERY = passage(
    "Delivery costs 15 SAR and is free for orders above 150 SAR. The minimum order is 40 SAR. "
    "Orders usually arrive within 45 minutes.",
    title="Delivery",
)
DRINKS = passage(
    "Drink: espresso | Price: 10 SAR\n"
    "Drink: flat white | Price: 17 SAR | Note: full-fat milk\nDrink: latte | Price: 18 SAR\n"
    "Drink: Spanish latte | Price: 20 SAR",
    title="Menu",
)
RETURNS = passage(
    "Unopened bags can be returned within 7 days with the receipt.",
    question="What is your return policy?",
    title="faq",
)
CONTACT = passage("Call 920001234 or write to care@saqiya.example.", title="Contact")
ENGLISH = [RAMADAN, DRINKS, DELIVERY, HOURS, RETURNS, CONTACT]

AR_HOURS = passage(
    "نفتح من السبت إلى الأربعاء من الساعة 6:30 صباحًا حتى الساعة 11:30 مساءً. نفتح يوم الجمعة من الساعة 1:30 ظهرًا.",
    "ar",
    "أوقات العمل",
)
AR_DELIVERY = passage(
    "نعم، لدينا توصيل داخل الرياض. رسوم التوصيل 15 ريالًا. يصل الطلب خلال 45 دقيقة في العادة.",
    "ar",
    "التوصيل",
)
AR_DRINKS = passage(
    "المشروب: فلات وايت | السعر: 17 ريال | ملاحظات: بحليب كامل الدسم\n"
    "المشروب: لاتيه | السعر: 18 ريال\nالمشروب: لاتيه إسباني | السعر: 20 ريال",
    "ar",
    "القائمة",
)
AR_BRANCHES = passage(
    "يقع فرع حطين على طريق الأمير تركي. رقم الهاتف 920001234. يقع فرع العليا في شارع التحلية.",
    "ar",
    "الفروع",
)
AR_RETURNS = passage(
    "يمكن إرجاع الأكياس غير المفتوحة خلال 7 أيام مع الفاتورة.", "ar", "faq", "ما سياسة الإرجاع؟"
)
ARABIC = [AR_DRINKS, AR_DELIVERY, AR_HOURS, AR_BRANCHES, AR_RETURNS]


def answer(
    text: str, known: list[Passage], language: str, history: tuple[Turn, ...] = ()
) -> list[str]:
    return quote(build(Question(text, language, Persona("Saqiya"), history), known))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How much is a flat white?", "flat white: Price 17 SAR, Note full-fat milk."),
        ("price of a latte", "latte: Price 18 SAR."),
        ("What does a Spanish latte cost?", "Spanish latte: Price 20 SAR."),
        ("How much is delivery?", "Delivery costs 15 SAR"),
        ("How long does delivery take?", "within 45 minutes"),
        ("Is there a minimum order?", "The minimum order is 40 SAR."),
        ("When do you open?", "6:30 am"),
        ("hours?", "6:30 am"),
        ("When are you open on Friday?", "1:30 pm"),
        ("When do you open in Ramadan?", "5:00 pm"),
        ("Can I return unopened bags?", "within 7 days"),
        ("return policy?", "within 7 days"),
        ("your phone number?", "920001234"),
        ("email?", "care@saqiya.example"),
    ],
)
def test_the_answering_sentence_is_quoted_in_english(question: str, expected: str) -> None:
    assert expected in "".join(answer(question, ENGLISH, "en"))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("كم سعر الفلات وايت؟", "فلات وايت: السعر 17 ريال، ملاحظات بحليب كامل الدسم."),
        ("بكم اللاتيه؟", "لاتيه: السعر 18 ريال."),
        ("بكام اللاتيه الإسباني", "لاتيه إسباني: السعر 20 ريال."),
        ("متى تفتحون؟", "6:30"),
        ("وش دوامكم؟", "6:30"),
        ("امتى بتفتحوا يوم الجمعة؟", "1:30"),
        ("توصيل؟", "توصيل"),
        ("هل توصلون؟", "توصيل"),
        ("كم رسوم التوصيل؟", "15 ريالًا"),
        ("كم ياخذ التوصيل؟", "45 دقيقة"),
        ("فين فرع العليا؟", "التحلية"),
        ("وين فرع حطين", "طريق الأمير تركي"),
        ("رقم فرع حطين؟", "920001234"),
        ("أقدر أرجع الكيس؟", "خلال 7 أيام"),
    ],
)
def test_the_answering_sentence_is_quoted_in_arabic_and_its_dialects(
    question: str, expected: str
) -> None:
    assert expected in "".join(answer(question, ARABIC, "ar"))


@pytest.mark.parametrize(("known", "language"), [(ENGLISH, "en"), (ARABIC, "ar")])
def test_every_quotation_is_cited_and_passes_the_checks(
    known: list[Passage], language: str
) -> None:
    for passage_ in known:
        for part in passage_.sentences:
            question = Question(part, language, Persona("Saqiya"))
            told = quote(build(question, known))
            checks = Checker(known, question)
            assert told
            assert all(re.search(r"\[\d\]$", sentence) for sentence in told)
            assert [v for sentence in told for v in checks.check(sentence).violations] == []


def test_a_mere_yes_is_not_cited() -> None:
    known = [
        passage("Yes. Laughing gas costs 350 SAR a session.", question="Is sedation available?")
    ]
    assert answer("Is sedation available?", known, "en") == [
        "Yes.",
        " Laughing gas costs 350 SAR a session. [1]",
    ]


def test_an_entry_is_quoted_as_a_whole() -> None:
    known = [
        passage("We do. Ask at the desk. Bring your card.", question="Do you validate parking?")
    ]
    assert "".join(answer("Do you validate parking tickets?", known, "en")).endswith(
        "Bring your card. [1]"
    )


def test_a_quotation_is_short() -> None:
    long = passage(
        " ".join(
            f"Parking place {n} is for patients of our clinic and nobody else." for n in range(40)
        )
    )
    told = answer("Where can patients park?", [long], "en")
    assert 1 <= len(told) <= 3
    assert len("".join(told)) < 600


@pytest.mark.parametrize(
    "question", ["Do you sell pizza?", "هل تبيعون بيتزا؟", "What is the capital of France?"]
)
def test_nothing_is_quoted_where_nothing_speaks_of_it(question: str) -> None:
    language = "en" if question.isascii() else "ar"
    assert answer(question, ENGLISH if language == "en" else ARABIC, language) == []
    assert answer(question, [], language) == []


def test_a_question_that_leans_on_the_one_before_is_read_with_it() -> None:
    history = (Turn("contact", "When are you open on Friday?"), Turn("assistant", "From 1:30 pm."))
    assert "6:30 am" in "".join(answer("And on Saturday?", [HOURS], "en", history))
    priced = (Turn("contact", "How much is a flat white?"), Turn("assistant", "17 SAR."))
    assert "18 SAR" in "".join(answer("and a latte?", ENGLISH, "en", priced))


@pytest.mark.parametrize(
    ("text", "known", "language", "expected"),
    [
        ("How much is a latte?\nWhen do you open?", ENGLISH, "en", ("18 SAR", "6:30 am")),
        ("كم سعر اللاتيه؟\nمتى تفتحون؟", ARABIC, "ar", ("18 ريال", "6:30")),
        ("Hello! We are here with friends from Norway. How much is a latte? Thanks a lot.", ENGLISH, "en", ("18 SAR",)),
        ("السلام عليكم يا جماعة الخير. أنا مسافر مع أهلي الأسبوع الجاي. بكم اللاتيه؟", ARABIC, "ar", ("18 ريال",)),
    ],
)  # fmt: skip
def test_each_question_of_a_message_is_answered_and_talk_around_it_disturbs_nothing(
    text: str, known: list[Passage], language: str, expected: tuple[str, ...]
) -> None:
    told = "".join(answer(text, known, language))
    assert all(words in told for words in expected)


def test_the_other_language_is_quoted_only_where_it_alone_knows() -> None:
    parking = passage(
        "Parking is free for patients for 2 hours in the basement.", title="Parking", score=3.0
    )
    price = passage("سعر تنظيف الأسنان 250 ريالًا.", "ar", "الأسعار", score=1.0)
    assert "2 hours" in "".join(answer("هل يوجد مواقف سيارات؟", [price, parking], "ar"))
    assert "250 ريالًا" in "".join(answer("كم سعر تنظيف الأسنان؟", [parking, price], "ar"))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("Drink: latte | Price: 18 SAR", "latte: Price 18 SAR."),
        ("المشروب: لاتيه | السعر: 18 ريال", "لاتيه: السعر 18 ريال."),
        ("latte | 18 SAR", "latte: 18 SAR."),
        ("Time: 9:30 | Open: yes.", "9:30: Open yes."),
        ("A plain sentence.", "A plain sentence."),
    ],
)
def test_rows_of_tables_are_read_as_sentences(row: str, sentence: str) -> None:
    assert readable(row) == sentence


CLEANING = passage(
    "A dental cleaning costs 250 SAR and takes 45 minutes. A full-mouth X-ray costs 150 SAR.",
    title="Prices",
)
CLEANING_AR = passage(
    "سعر تنظيف الأسنان 250 ريالًا ومدته 45 دقيقة. سعر الحشوة البيضاء من 280 إلى 450 ريالًا.",
    "ar",
    "الأسعار",
)


@pytest.mark.parametrize(
    ("question", "known", "language"),
    [
        ("How much does a dental cleaning cost?", CLEANING, "en"),
        ("كم سعر تنظيف الأسنان؟", CLEANING_AR, "ar"),
    ],
)
def test_a_sentence_that_says_all_of_it_is_quoted_alone(
    question: str, known: Passage, language: str
) -> None:
    told = "".join(answer(question, [known], language))
    assert "250" in told
    assert "150" not in told
    assert "280" not in told


def test_a_season_that_nobody_asked_about_is_not_quoted_along() -> None:
    both = passage(
        "On Friday we are open from 1:30 pm to 1:00 am. In Ramadan we are open every day from 5:00 pm.",
        title="Opening hours",
    )
    assert "Ramadan" not in "".join(answer("What time do you open on Friday?", [both], "en"))
    assert "Ramadan" in "".join(answer("When do you open in Ramadan?", [both], "en"))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Do you deliver?", "Yes, we deliver in Riyadh."),
        ("Do you deliver in Riyadh?", "Yes, we deliver in Riyadh."),
        ("Do you deliver in Jeddah?", "We deliver in Riyadh."),
    ],
)
def test_a_yes_to_another_question_is_left_out(question: str, told: str) -> None:
    known = passage("Yes, we deliver in Riyadh. Orders leave at noon.", title="Delivery")
    assert answer(question, [known], "en")[0].startswith(told)


NIGHT_GUARD = passage(
    "Yes. A custom night guard costs 700 SAR.", question="Do you make night guards?", score=1.4
)
HIRING = passage(
    "Send your CV to careers@clinic.example. We are looking for a dental hygienist.",
    question="Are you hiring?",
)
NIGHT_GUARD_AR = passage(
    "نعم. سعر الواقي الليلي المفصل 700 ريال.", "ar", question="هل تصنعون واقيًا ليليًا؟", score=1.4
)
HIRING_AR = passage("أرسل سيرتك الذاتية إلى البريد.", "ar", question="هل لديكم وظائف؟")


@pytest.mark.parametrize(
    ("before", "question", "known", "language", "expected"),
    [
        ("Do you make night guards?", "Are you hiring?", [NIGHT_GUARD, HIRING], "en", "Send your CV"),
        ("Do you make night guards?", "How much?", [NIGHT_GUARD, HIRING], "en", "700 SAR"),
        ("Are you hiring?", "Do you make night guards?", [HIRING, NIGHT_GUARD], "en", "700 SAR"),
        ("هل تصنعون واقيًا ليليًا؟", "هل لديكم وظائف؟", [NIGHT_GUARD_AR, HIRING_AR], "ar", "أرسل سيرتك"),
        ("هل تصنعون واقيًا ليليًا؟", "بكم؟", [NIGHT_GUARD_AR, HIRING_AR], "ar", "700 ريال"),
    ],
)  # fmt: skip
def test_a_short_question_about_something_else_is_not_answered_with_what_was_asked_before(
    before: str, question: str, known: list[Passage], language: str, expected: str
) -> None:
    history = (Turn("contact", before), Turn("assistant", "…"))
    assert expected in "".join(answer(question, known, language, history))

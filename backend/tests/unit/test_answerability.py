"""When it is better not to answer: off-topic questions are turned away, short and talkative good ones are not."""

from dataclasses import replace
from uuid import uuid4

import pytest

from app.services.ai.answerability import answerable, parts, probability, signals
from app.services.knowledge.base import Passage

NEAR, USUAL, FAR = 0.87, 0.84, 0.79
"""Cosines as the built-in model gives them: to what is meant, to a short question, to anything at all."""


def passage(text: str, language: str, title: str) -> Passage:
    return Passage(uuid4(), uuid4(), title, text, language, 1.0)


KNOWN = [
    passage("Delivery costs 15 SAR. Orders arrive within 45 minutes.", "en", "Delivery"),
    passage("Our branch is on Tahlia Street. A latte costs 18 SAR.", "en", "Branches"),
    passage("رسوم التوصيل 15 ريالًا. يصل الطلب خلال 45 دقيقة.", "ar", "التوصيل"),
    passage("يقع فرع العليا في شارع التحلية. سعر اللاتيه 18 ريالًا.", "ar", "الفروع"),
]


def found(language: str, dense: float) -> list[Passage]:
    own = [replace(p, dense=dense) for p in KNOWN if p.language == language]
    return own + [replace(p, dense=0.75, score=0.5) for p in KNOWN if p.language != language]


@pytest.mark.parametrize(
    ("text", "language", "dense"),
    [
        ("How much is a latte?", "en", NEAR),
        ("delivery?", "en", USUAL),
        ("Where are you?", "en", USUAL),
        ("كم سعر اللاتيه؟", "ar", NEAR),
        ("توصيل؟", "ar", USUAL),
        ("وين فرعكم؟", "ar", USUAL),
        ("فين الفرع", "ar", USUAL),
        (
            "Hello! I am here with my family for the holidays. How much is a latte? Thank you!",
            "en",
            NEAR,
        ),
    ],
)
def test_what_was_taught_is_answered(text: str, language: str, dense: float) -> None:
    assert answerable(signals(text, language, found(language, dense)))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Do you sell pizza?", "en"),
        ("Who won the world cup?", "en"),
        ("Write me a poem about love", "en"),
        ("هل تبيعون بيتزا؟", "ar"),
        ("من فاز بكأس العالم؟", "ar"),
        ("كيف أجدد جواز السفر؟", "ar"),
    ],
)
def test_what_was_not_taught_is_not_answered(text: str, language: str) -> None:
    assert not answerable(signals(text, language, found(language, FAR)))


def test_nothing_found_is_nothing_known() -> None:
    assert probability(signals("How much is a latte?", "en", [])) == 0.0


def test_the_other_language_alone_may_open_the_gate() -> None:
    arabic = [replace(p, dense=0.86, score=3.0) for p in KNOWN if p.language == "ar"]
    assert answerable(signals("How much is delivery?", "en", arabic))
    assert not answerable(
        signals("Who won?", "en", [replace(p, dense=0.75, score=0.2) for p in arabic])
    )


def test_each_question_of_a_message_is_judged_alone() -> None:
    text = "How much is a latte?\nWho won the world cup?\nHow much is delivery?"
    assert parts(text, "en", found("en", USUAL)) == [
        "How much is a latte?",
        "How much is delivery?",
    ]
    assert parts("latte?", "en", found("en", USUAL)) == ["latte?"]

"""Language, small talk, the wish for a human and the wish for silence are told by words, in both languages."""

import pytest

from app.services.ai.nlu_service import (
    is_arabizi,
    language_of,
    opts_in,
    opts_out,
    small_talk,
    wants_human,
)

HUMAN = [
    "I want to talk to a human",
    "Can I speak to someone please?",
    "connect me with an agent",
    "Let me chat with a real person",
    "human please",
    "agent",
    "customer service",
    "put me through to your manager",
    "I need a representative",
    "you're not a human, get me one: talk to a person",
    "أبغى أكلم موظف",
    "ابي اكلم احد",
    "حولني على خدمة العملاء",
    "ممكن أتكلم مع شخص حقيقي؟",
    "عايز أكلم حد من خدمة العملاء",
    "بدي احكي مع موظف",
    "ودي أكلم انسان مو روبوت",
    "كلموني لو سمحتوا",
    "أريد التحدث مع مندوب",
    "وصلني بالموظف",
    "خدمة العملاء",
    "موظف لو سمحت",
]
NO_HUMAN = [
    "Do you have human resources jobs?",
    "Is the staff friendly?",
    "Who is the manager of the branch?",
    "Can I become your agent?",
    "How much is a latte?",
    "Are your dentists real doctors?",
    "Cancel my booking",
    "I want to order a latte",
    "How do I contact you?",
    "أبغى أطلب قهوة",
    "كم سعر اللاتيه؟",
    "ابي قهوة",
    "هل توظفون؟",
    "كيف أقدم على وظيفة؟",
    "وين فرعكم؟",
    "عندكم موظفات نساء؟",
    "إلغاء الحجز",
    "أريد حجز طاولة لخمسة أشخاص",
    "ممكن المنيو؟",
    "محتاج موعد بكرة",
]


@pytest.mark.parametrize("text", HUMAN)
def test_the_wish_for_a_human_is_heard(text: str) -> None:
    assert wants_human(text)


@pytest.mark.parametrize("text", NO_HUMAN)
def test_no_human_is_called_without_a_wish(text: str) -> None:
    assert not wants_human(text)


def test_a_client_may_add_words_of_its_own() -> None:
    assert wants_human("I'd like the concierge desk", ("concierge desk",))
    assert wants_human("وين أم خالد؟", ("أم خالد",))
    assert not wants_human("concierge", ("concierge desk", ""))


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        "Stop.",
        "Unsubscribe",
        "opt out",
        "إيقاف",
        "أوقف",
        "الغاء الاشتراك",
        "إلغاء",
        "توقف",
        "وقف الرسايل",
        "لا تراسلوني",
        "  STOP!!  ",
    ],
)
def test_the_wish_for_silence_is_heard(text: str) -> None:
    assert opts_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "cancel my booking",
        "Cancel",
        "إلغاء الحجز",
        "ابي الغاء الموعد",
        "How do I cancel?",
        "stop by the shop",
        "Where do I stop?",
        "bus stop near you?",
        "متى يتوقف التوصيل؟",
        "الغاء الطلب لو سمحت",
        "don't stop",
        "start",
        "",
    ],
)
def test_a_word_inside_a_wish_of_another_kind_silences_nobody(text: str) -> None:
    assert not opts_out(text)


@pytest.mark.parametrize("text", ["START", "unstop", "ابدأ", "اشتراك", "Subscribe"])
def test_silence_can_be_taken_back(text: str) -> None:
    assert opts_in(text)
    assert not opts_in(f"When do you {text} and close?")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Hi", "greeting"),
        ("hellooo", "greeting"),
        ("Good morning!", "greeting"),
        ("السلام عليكم", "greeting"),
        ("السلام عليكم ورحمة الله وبركاته", "greeting"),
        ("هلا والله", "greeting"),
        ("مرحبا 👋", "greeting"),
        ("صباح الخير", "greeting"),
        ("كيف حالك؟", "greeting"),
        ("شلونكم", "greeting"),
        ("Thanks!", "thanks"),
        ("thank you so much", "thanks"),
        ("ok thanks", "thanks"),
        ("شكرًا جزيلًا", "thanks"),
        ("تسلم", "thanks"),
        ("مشكورين", "thanks"),
        ("تمام شكرا", "thanks"),
        ("bye", "goodbye"),
        ("مع السلامة", "goodbye"),
        ("في أمان الله", "goodbye"),
        ("Hi, how much is a latte?", None),
        ("السلام عليكم كم سعر اللاتيه", None),
        ("thanks, and the price?", None),
        ("شكرا بس كم السعر؟", None),
        ("Do you have a hi-fi room?", None),
        ("", None),
        ("👍", None),
    ],
)
def test_small_talk_is_that_and_nothing_else(text: str, kind: str | None) -> None:
    assert small_talk(text) == kind


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("When do you open?", "en"),
        ("متى تفتحون؟", "ar"),
        ("وش سعر الـ V60؟", "ar"),
        ("ابغى flat white", "ar"),
        ("wifi?", "en"),
        ("kam se3r el latte?", "ar"),
        ("3ayez a7gez tarabeza", "ar"),
        ("wain far3kom", "ar"),
        ("abgha flat white", "en"),
        ("Do you have 2pm slots?", "en"),
        ("Is the B2B price lower?", "en"),
        ("My order is A15", "en"),
        ("Is mp3 ok, H2O too?", "en"),
        ("12345", None),
        ("👍👍", None),
        ("", None),
        ("?!", None),
    ],
)
def test_the_language_is_told_by_its_letters(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_arabic_in_latin_letters_is_recognised() -> None:
    assert is_arabizi("bkam el 2ahwa?")
    assert is_arabizi("momken el menu men fadlak, feen el far3?")
    assert not is_arabizi("How much is a V60 for 2?")

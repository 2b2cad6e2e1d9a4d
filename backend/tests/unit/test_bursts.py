"""When a burst is over, by how its latest message ends."""

import pytest

from app.services.orchestrator.bursts import (
    LONGEST_BURST,
    LONGEST_WAIT,
    Said,
    first_look,
    left,
    left_in_doubt,
)

QUESTIONS = [
    "How much is a flat white?",
    "كم سعر الفلات وايت؟",
    "bkam el latte?",
    "Hi, do you deliver to Hittin?",
]
BEGINNINGS = [
    "Hi", "hello there!", "السلام عليكم", "هلا", "salam", "quick question", "I have a question", "عندي سؤال",
    "ممكن استفسار", "3ndi so2al", "about the", "the large one,", "I want to order...", "for my mother and",
    "flat white", "عن الفلات وايت", "كم", "بخصوص الطلب اللي قبل من", "so", "I wanted to ask",
]  # fmt: skip
NOTHING_ASKED = [
    "I would like two large coffees.", "My order hasn't arrived yet", "ابغى احجز طاولة لشخصين بكرة", "👍", "no sugar.",
    "I'd like to know", "أبغى أعرف", "a friend told me about your place",
]  # fmt: skip
WHOLE = [
    "how much is the large one", "كم سعر الفلات وايت عندكم", "bkam el flat white 3ndkom", "thanks!", "شكرا", "bye",
    None,
]  # fmt: skip
ASKED = ["how much?", "STOP", "بكم؟", "can I talk to a human"]


@pytest.mark.parametrize("words", QUESTIONS)
def test_a_clear_question_out_of_nowhere_waits_for_nothing(words: str) -> None:
    assert first_look(words, 1.0) == 0.0
    assert left([Said(words, 0.0)], 1.0) == 0.0


@pytest.mark.parametrize("words", QUESTIONS)
def test_a_question_that_others_came_before_waits_a_moment(words: str) -> None:
    burst = [Said("Hi", 0.4), Said(words, 0.2)]
    assert left(burst, 1.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("words", "window"),
    [
        *((words, 3.2) for words in (*BEGINNINGS, *NOTHING_ASKED)),
        *((words, 1.2) for words in WHOLE),
        *((words, 0.7) for words in ASKED),
    ],
)
def test_the_window_follows_how_a_message_ends(words: str | None, window: float) -> None:
    assert first_look(words, 1.0) == min(window, 1.2)
    assert left([Said(words, window - 0.1)], 1.0) == pytest.approx(0.1)
    assert left([Said(words, window)], 1.0) == 0.0
    assert left([Said(words, 0.0)], 0.5) == pytest.approx(min(window, 1.2) / 2)


def test_once_something_is_asked_signs_and_statements_wait_as_they_end() -> None:
    asked = Said("how much is the large one", 1.0)
    assert left([asked, Said("👍", 0.6)], 1.0) == pytest.approx(0.6)
    assert left([asked, Said("my sister wants it without sugar.", 0.2)], 1.0) == pytest.approx(1.0)
    assert left([asked, Said("and the", 2.1)], 1.0) == pytest.approx(1.1)


def test_before_it_says_that_it_knows_nothing_it_waits_as_for_half_a_sentence() -> None:
    assert left_in_doubt([Said("How much is a falt whit?", 2.5)], 1.0) == pytest.approx(0.7)
    assert left_in_doubt([Said("How much is a falt whit?", 3.2)], 1.0) == 0.0


def test_who_pauses_once_may_pause_again() -> None:
    slow = [Said("When do you close", 3.4), Said("It is for this morning.", 1.4)]
    assert left(slow, 1.0) == pytest.approx(1.1)
    assert left([Said("When do you close", 9.0), Said("It is for this morning.", 3.2)], 1.0) == 0.0


def test_who_never_stops_is_answered_all_the_same() -> None:
    assert left([Said("and", 0.0)] * LONGEST_BURST, 1.0) == 0.0
    assert left([Said("and", LONGEST_WAIT + 1), Said("and", 0.0)], 1.0) == 0.0


def test_without_quiet_windows_nobody_waits() -> None:
    assert first_look("Hi", 0.0) == 0.0
    assert left([Said("Hi", 1.0), Said("and", 0.0)], 0.0) == 0.0

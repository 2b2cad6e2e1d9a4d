"""Fusion: what is unusual for this question counts, and both languages are heard."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.services.knowledge.base import Passage
from app.services.knowledge.fusion import best_of, bm25, distinct, fused, merge, spread


def passage(
    text: str, score: float = 1.0, language: str = "en", chunk_id: UUID | None = None
) -> Passage:
    return Passage(chunk_id or uuid4(), uuid4(), "t", text, language, score)


def test_scores_are_compared_with_what_is_usual() -> None:
    assert spread([1.0, 3.0]).z(3.0) == 1.0
    assert spread([]).z(1.0) == 0.0
    assert spread([0.9, 0.9]).z(0.9) == 0.0


def test_meaning_and_words_are_added_with_half_the_weight_on_words() -> None:
    assert fused([1.0, 3.0], [5.0, 1.0]) == pytest.approx([-0.5, 0.5])


def test_a_pool_without_common_words_is_ranked_by_meaning_alone() -> None:
    assert fused([0.8, 0.9], [0.0, 0.0]) == pytest.approx([-1.0, 1.0])


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((2, 100, 100.0, 5, 1000), (1, 100, 100.0, 5, 1000)),
        ((1, 50, 100.0, 5, 1000), (1, 200, 100.0, 5, 1000)),
        ((1, 100, 100.0, 5, 1000), (1, 100, 100.0, 500, 1000)),
    ],
)
def test_a_term_counts_more_if_frequent_in_a_short_chunk_and_rare_elsewhere(
    better: tuple[int, int, float, int, int], worse: tuple[int, int, float, int, int]
) -> None:
    assert bm25(*better) > bm25(*worse) > 0


def test_both_languages_get_half_each() -> None:
    own = [passage(f"own {n} {uuid4()}") for n in range(6)]
    other = [passage(f"other {n} {uuid4()}", language="ar") for n in range(6)]
    assert merge(own, other, 6) == own[:3] + other[:3]
    assert merge(own, other[:1], 6) == own[:5] + other[:1]
    assert merge(own[:1], other, 6) == own[:1] + other[:5]
    assert merge(own, [], 6) == own[:5]
    assert merge([], other, 6) == other[:5]
    assert merge([], [], 6) == []


@pytest.mark.parametrize(
    "text",
    [
        "We deliver to every part of Riyadh for twenty riyals.",
        "نوصل إلى كل أحياء الرياض مقابل عشرين ريالًا فقط.",
    ],
)
def test_what_says_the_same_is_found_once(text: str) -> None:
    first, again, other = (
        passage(text),
        passage(f"  {text}!"),
        passage("Something else altogether."),
    )
    assert list(distinct([first, again, other])) == [first, other]


def test_two_prices_are_not_the_same() -> None:
    one, two = passage("The small latte costs 12 riyals."), passage(
        "The small latte costs 14 riyals."
    )
    assert list(distinct([one, two])) == [one, two]


def test_a_passage_found_twice_keeps_its_better_score() -> None:
    one = passage("a", 1.0)
    better, rest = replace(one, score=2.0), passage("b", 1.5)
    assert best_of([[one, rest], [better]]) == [better, rest]

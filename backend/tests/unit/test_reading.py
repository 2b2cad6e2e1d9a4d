"""A passage is read once for all its finds, and anew where its words are others."""

from dataclasses import replace
from uuid import uuid4

from app.services.ai.evidence import evidence
from app.services.ai.reading import spoken, whole
from app.services.knowledge.base import Passage


def test_finds_of_one_chunk_share_what_was_read() -> None:
    first = Passage(uuid4(), uuid4(), "Menu", "A latte costs 18 SAR.", "en", 1.0)
    second = replace(first, score=0.5)
    assert whole(first) is whole(second)
    assert evidence(first) is evidence(second)


def test_a_copy_with_other_words_vouches_for_its_own_words_alone() -> None:
    first = Passage(uuid4(), uuid4(), "Menu", "A latte costs 18 SAR.", "en", 1.0)
    values = {value for fact in evidence(first).facts for value in fact.claim.values}
    changed = replace(first, text="A latte costs 20 SAR.")
    assert values == {"18"}
    assert {v for fact in evidence(changed).facts for v in fact.claim.values} == {"20"}
    assert [part.text for part in spoken(first)] == ["A latte costs 18 SAR."]

"""A model that hangs: messages come in as ever, contacts hear something at the deadline, soon nobody waits for it."""

import asyncio

import pytest

from app.core import hands
from app.services.orchestrator.phrases import PHRASES
from tests.fixtures.shop import ASKED, NUMBER
from tests.fixtures.wired import until

GUESTS = [f"96657000{n:04d}" for n in range(24)]


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_model_that_hangs_slows_nobody_down_for_long(opened, thinker, language) -> None:
    shop = await opened(language, LLM_PROVIDERS="llama", WAFAA_ANSWER_SECONDS=3)
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    for guest in GUESTS:
        await shop.gets(shop.meta.says(NUMBER, guest, ASKED[language]))
    await until(lambda: _all_have_replies(shop, GUESTS), 60)
    assert not thinker.may_speak.is_set()
    replies = [shop.replies(guest) for guest in GUESTS]
    assert {len(heard) for heard in replies} == {1}
    disclosed = PHRASES["disclosure"][language].format(client="Cafe")
    assert all(disclosed in heard[0] for heard in replies)
    # Whoever came first had to wait for the deadline; once it had hung three times, the model was left alone.
    assert 3 <= len(thinker.questions) < len(GUESTS)
    shop.product.services.worker.stop()
    await worker


async def test_who_waits_for_a_model_leaves_the_processors_to_others(
    opened, thinker, monkeypatch
) -> None:
    monkeypatch.setattr(
        hands, "LONGEST_SECONDS", 3600.0
    )  # A hand that is kept is never taken away.
    shop = await opened("en", LLM_PROVIDERS="llama", WAFAA_WORKER_HANDS=1, WAFAA_ANSWER_SECONDS=120)
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    *thinking, last = GUESTS[:11]
    for guest in thinking:
        await shop.gets(shop.meta.says(NUMBER, guest, ASKED["en"]))
    await until(lambda: _all_think(thinker, len(thinking)), 70)
    await shop.gets(shop.meta.says(NUMBER, last, "hello"))  # Needs no model.
    await until(lambda: _all_have_replies(shop, [last]), 70)
    assert not thinker.may_speak.is_set()
    thinker.may_speak.set()
    await until(lambda: _all_have_replies(shop, thinking), 70)
    assert [len(shop.replies(guest)) for guest in GUESTS[:11]] == [1] * 11
    shop.product.services.worker.stop()
    await worker


async def _all_have_replies(shop, guests) -> bool:
    return all(shop.replies(guest) for guest in guests)


async def _all_think(thinker, number) -> bool:
    return len(thinker.questions) == number

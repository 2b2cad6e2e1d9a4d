"""Too much to do: what is left undone, for whom, in which order, and that nothing is lost by it."""

import re
from typing import Any

import pytest

from app.core.shedding import Shed
from app.services.orchestrator.phrases import PHRASES
from app.services.queue.jobs import INDEXING, PROACTIVE
from tests.fixtures.product import Business
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop

AGES = {
    Shed.NOTHING: 1,
    Shed.ANALYTICS: 6,
    Shed.INDEXING: 11,
    Shed.PROACTIVE: 16,
    Shed.REPLIES: 31,
    Shed.INTAKE: 61,
}


async def falls_behind(shop: Shop, seconds: float) -> None:
    """The oldest message has waited for so long, and the process has noticed."""
    await shop.rows(
        "UPDATE lanes SET due_at = clock_timestamp() - make_interval(secs => $1) WHERE due_at IS NOT NULL RETURNING 1",
        float(seconds),
    )  # fmt: skip
    await shop.product.services.pressure.refresh()


async def what_works(shop: Shop, business: Business) -> dict[Shed, bool]:
    """What is done for a client now, and what is refused or waits."""
    pressure, client = shop.product.services.pressure, business.ref.id
    return {
        Shed.ANALYTICS: await _is_served(shop, "get", "/v1/usage", business),
        Shed.INDEXING: await _is_served(shop, "post", "/v1/documents", business)
        and client not in pressure.shed_from(INDEXING),
        Shed.PROACTIVE: client not in pressure.shed_from(PROACTIVE),
        Shed.REPLIES: pressure.level(client) < Shed.REPLIES,
        Shed.INTAKE: pressure.level(client) < Shed.INTAKE,
    }


async def _is_served(shop: Shop, method: str, path: str, business: Business) -> bool:
    """Whether it is served; a refusal is told in both languages, with the time to come again."""
    for language, title in (("en", "Too much to do"), ("ar", "ضغط كبير")):
        headers = {**business.staff, "Accept-Language": language}
        async with shop.product.api.request(method, path, headers=headers) as answer:
            if answer.status != 503:
                return True
            problem = await answer.json()
            assert (problem["code"], problem["title"]) == ("overloaded", title)
            assert problem["retryable"]
            assert int(answer.headers["Retry-After"]) >= 5
    return False


async def test_what_is_left_undone_follows_the_stated_order_and_is_one_clients_alone(
    shop: Shop,
) -> None:
    other = await shop.product.business("bakery")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    for level, age in AGES.items():
        await falls_behind(shop, age)
        assert shop.product.services.pressure.level(shop.business.ref.id) == level
        works = await what_works(shop, shop.business)
        assert works == {what: what > level for what in works}
        assert all((await what_works(shop, other)).values())
    await falls_behind(shop, 31)
    assert shop.product.services.pressure.level(shop.business.ref.id) == Shed.INTAKE
    await falls_behind(shop, 29)
    assert shop.product.services.pressure.level(shop.business.ref.id) == Shed.REPLIES
    await falls_behind(shop, 1)
    assert all((await what_works(shop, shop.business)).values())


async def test_messages_that_come_then_come_again_and_are_answered(shop: Shop) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await falls_behind(shop, AGES[Shed.INTAKE])
    refused = shop.meta.says(NUMBER, OMAR, ASKED["ar"])
    body, headers = shop.meta.signed(refused)
    async with shop.product.api.post("/webhook/whatsapp/cafe", data=body, headers=headers) as told:
        assert told.status == 503
        assert int(told.headers["Retry-After"]) >= 5
    assert await shop.value("SELECT count(*) FROM messages") == 1
    await falls_behind(shop, 1)
    await shop.gets(refused)
    await shop.product.drain()
    assert [len(shop.replies(who)) for who in (LAYLA, OMAR)] == [1, 1]


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_replies_become_holding_texts_that_no_model_is_asked_for(
    opened: Any, thinker: Any, language: str
) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    thinker.may_speak.set()
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED[language]))
    await falls_behind(shop, AGES[Shed.REPLIES])
    await shop.product.services.worker.drain()
    assert shop.replies()[0].endswith(PHRASES["holding"][language])
    assert thinker.questions == []
    assert (await shop.conversation())["handover_reason"] == "overloaded"


async def test_whoever_has_too_many_conversations_waiting_has_to_wait(opened: Any) -> None:
    shop = await opened(WAFAA_MOST_WAITING=3)
    for n in range(3):
        await shop.gets(shop.meta.says(NUMBER, f"96650000{n:04d}", ASKED["en"]))
    await falls_behind(shop, 3)
    assert await shop.meta.deliver(shop.meta.says(NUMBER, OMAR, ASKED["en"])) == 503
    await shop.product.drain()
    await shop.product.services.pressure.refresh()
    await shop.hears(ASKED["en"], sender=OMAR)
    assert len(shop.replies(OMAR)) == 1


async def test_operators_see_it_and_the_api_stays_in_service(shop: Shop) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await falls_behind(shop, AGES[Shed.INTAKE])
    async with shop.product.api.get("/health/ready") as answer:
        assert answer.status == 200
        parts = {part["name"]: part for part in (await answer.json())["parts"]}
    assert parts["load"]["detail"] == "intake for 1"
    assert not parts["worker"]["ok"]
    async with shop.product.api.get("/metrics") as answer:
        told = await answer.text()
    assert re.search(r"^wafaa_shed_level 5\.0$", told, re.MULTILINE)
    assert re.search(r"^wafaa_shed_clients 1\.0$", told, re.MULTILINE)

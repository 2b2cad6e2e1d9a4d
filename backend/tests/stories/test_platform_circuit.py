"""A platform that fails for one account is given a pause: nobody's send waits for it, and nothing is lost."""

from typing import Any

from app.core.shared import breaker_for
from app.models.channel_config import ChannelConfig
from app.services.orchestrator.deliverer import circuit_of
from simulators.meta import Behaviour
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, Shop

PEOPLE = ("966505550111", "966505550112", "966505550113")
OTHER = "900300"


async def test_after_three_failures_an_account_is_spared_and_everybody_is_answered_afterwards(
    opened: Any,
) -> None:
    shop: Shop = await opened(WAFAA_MAX_ATTEMPTS=2)
    bakery = await shop.product.business("bakery")
    await shop.product.connect_whatsapp(bakery, OTHER)
    shop.meta.behave(*[Behaviour.BROKEN] * len(PEOPLE))
    for person in PEOPLE:
        await shop.gets(shop.meta.says(NUMBER, person, ASKED["en"]))
    await shop.product.drain()
    await shop.hears(ASKED["en"], sender=LAYLA)
    assert _sends_to(shop, NUMBER) == len(PEOPLE)  # Nobody was asked for a fourth one.
    await shop.gets(shop.meta.says(OTHER, LAYLA, ASKED["ar"]))
    await shop.product.drain()
    assert _sends_to(shop, OTHER) == 1  # Another account's sends go on.

    await _says_another_process_that_it_is_well(shop)
    await _all_is_due(shop)
    sent = [send.to for send in shop.meta.history.sends() if send.accepted]
    assert len(sent) == len({*sent}) + 1 == len(PEOPLE) + 2  # Layla was answered by both.
    assert await shop.get("/v1/jobs/parked") == []  # Being spared is no attempt.


async def test_an_account_that_sends_too_much_is_spared_as_long_as_the_platform_asks(
    opened: Any,
) -> None:
    """Retry-After is the account's, not one message's: others wait too, and lose no attempt."""
    shop: Shop = await opened(WAFAA_MAX_ATTEMPTS=2)
    shop.meta.pause = 50
    shop.meta.behave(Behaviour.RATE_LIMITED)
    for person in PEOPLE:
        await shop.hears(ASKED["en"], sender=person)
    assert _sends_to(shop, NUMBER) == 1
    await _says_another_process_that_it_is_well(shop)
    await _all_is_due(shop)
    assert [send.accepted for send in shop.meta.history.sends()] == [False, True, True, True]
    assert await shop.get("/v1/jobs/parked") == []


async def test_a_contact_who_gets_too_much_makes_nobody_else_wait(opened: Any) -> None:
    shop: Shop = await opened()
    shop.meta.behave(Behaviour.PAIR_RATE)
    for person in PEOPLE:
        await shop.hears(ASKED["en"], sender=person)
    assert [send.accepted for send in shop.meta.history.sends()] == [False, True, True]


async def _all_is_due(shop: Shop) -> None:
    await shop.rows("UPDATE jobs SET due_at = now() WHERE state = 'pending' RETURNING 1")
    await shop.rows("UPDATE lanes SET due_at = now() WHERE due_at IS NOT NULL RETURNING 1")
    await shop.product.drain()


def _sends_to(shop: Shop, number: str) -> int:
    return sum(send.phone_number_id == number for send in shop.meta.history.sends())


async def _says_another_process_that_it_is_well(shop: Shop) -> None:
    """What its probe would have told."""
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        [account] = await ChannelConfig.of_kind(tx, "whatsapp")
    breaker: Any = breaker_for(shop.product.services.settings)
    await breaker.succeeded(circuit_of(account))
    await breaker.aclose()

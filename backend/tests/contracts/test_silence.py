"""A platform's silence means something only while what it says would be heard, by every door that it may come to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

from app.models.silence import INTAKE, SHUT, seconds_of_silence
from tests.fixtures.shop import Shop
from tests.fixtures.wired import until


@asynccontextmanager
async def another(shop: Shop, name: str) -> AsyncIterator[None]:
    """One more API, as the database knows it."""
    async with aclosing(shop.product.services.db.listen("wafaa_events", name=name)) as heard:
        assert await anext(heard) is None
        yield


async def silence(shop: Shop, message_id: UUID) -> float:
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        return await seconds_of_silence(tx, message_id, INTAKE)


async def test_silence_counts_while_no_door_is_shut_and_from_when_the_youngest_was_opened(
    shop: Shop,
) -> None:
    await shop.hears("Hello")
    [sent] = await shop.rows(
        "UPDATE messages SET sending_since = clock_timestamp() WHERE author = 'assistant' RETURNING id"
    )
    await asyncio.sleep(1.0)
    assert await silence(shop, sent["id"]) >= 1.0
    async with another(shop, SHUT):
        assert await silence(shop, sent["id"]) <= 0.0

    async def counts_again() -> bool:
        return await silence(shop, sent["id"]) >= 1.0

    await until(counts_again)
    async with another(shop, INTAKE):
        assert await silence(shop, sent["id"]) <= 0.0
    await until(counts_again)

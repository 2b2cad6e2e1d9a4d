"""A platform's silence means something only while what it says would be heard, by every door that it may come to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from app.bootstrap import owner_url
from app.models.silence import INTAKE, SHUT, seconds_of_silence
from app.services.orchestrator import followers
from tests.fixtures.shop import LAYLA, NUMBER, Shop
from tests.fixtures.wired import until


@asynccontextmanager
async def another(shop: Shop, name: str) -> AsyncIterator[None]:
    """One more API, as the database knows it."""
    async with aclosing(shop.product.services.db.listen("wafaa_events", name=name)) as heard:
        assert await anext(heard) is None
        yield


@asynccontextmanager
async def _busy(shop: Shop) -> AsyncIterator[None]:
    """Others are in the way of whatever is to be written."""
    connection = await asyncpg.connect(
        owner_url(shop.product.services.settings).replace("+asyncpg", "")
    )
    async with connection.transaction():
        await connection.execute("LOCK TABLE inbound_events IN ACCESS EXCLUSIVE MODE")
        yield
    await connection.close()


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


async def test_silence_means_nothing_while_a_platforms_word_may_have_been_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refused for want of a place, or while the database is busy, comes again later: it isn't silence."""
    await shop.hears("Hello")
    [sent] = await shop.rows(
        "UPDATE messages SET sending_since = clock_timestamp() WHERE author = 'assistant' RETURNING id"
    )

    async def counts() -> bool:
        return await silence(shop, sent["id"]) > 0.0

    async def is_nothing() -> bool:
        return not await counts()

    await until(counts)
    monkeypatch.setattr(followers, "CALM_SECONDS", 1.0)
    async with _busy(shop):
        assert await shop.meta.deliver(shop.meta.says(NUMBER, LAYLA, "Hello?")) == 503
        await until(is_nothing)
    await until(counts)

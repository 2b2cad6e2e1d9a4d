"""Behind PgBouncer in transaction mode, two sessions serve everybody: nobody notices, least of all the next tenant."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.bootstrap import app_url, direct_url, owner_url, signer
from app.core.config import Settings
from app.core.multi_tenant import APP_ROLE, Database
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from app.models.client import Client, ClientSettings, new_client_id
from tests.fixtures.keys import sealed
from tests.fixtures.pgbouncer import Bouncer
from tests.fixtures.product import Business, Product, migrate_now, settings_for
from tests.fixtures.shop import Open, Shop

SESSIONS = 2
Start = Callable[[int], Bouncer]


@pytest.fixture
def settings(
    pgbouncer: Start,
    postgres18: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    embed_home: Path,
    fresh_database: Callable[..., str],
) -> Settings:
    direct = fresh_database(postgres18, migrate_now)
    pooled = pgbouncer(SESSIONS).url_of(urlsplit(direct).path.lstrip("/"))
    return settings_for(pooled, embed_home, REDIS_URL=valkey.url, WAFAA_DIRECT_DATABASE_URL=direct)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """More connections than the pooler has sessions."""
    database = Database.connect(
        app_url(settings), signer(settings), size=12, direct=direct_url(settings)
    )
    yield database
    await database.close()


async def _clients(db: Database, count: int) -> list[UUID]:
    ids = [new_client_id() for _ in range(count)]
    for number, client_id in enumerate(ids):
        async with sealed(db).tenant(client_id) as tx:
            await Client.add(tx, f"Client {number}", f"client-{number}", ClientSettings())
    return ids


def test_migrations_and_listening_go_past_the_pooler(settings: Settings) -> None:
    assert owner_url(settings) == settings.direct_database_url.get_secret_value()  # type: ignore[union-attr]
    assert direct_url(settings) != app_url(settings)
    assert APP_ROLE in app_url(settings)


async def test_tenants_who_share_a_session_dont_meet(db: Database) -> None:
    """Check 3; pitfall 12: transactions of eight clients on two sessions, begun and ended in every order."""
    ids = await _clients(db, 8)
    pids: set[int] = set()

    async def look(number: int) -> None:
        client_id = ids[number % len(ids)]
        async with db.tenant(client_id) as tx:
            rows = await tx.all("SELECT id, pg_backend_pid() AS pid FROM clients")
            await asyncio.sleep(0.001 * (number % 3))
            again = await tx.all("SELECT id FROM clients WHERE name <> $1", f"x{number}")
            assert [row["id"] for row in (*rows, *again)] == [client_id] * 2
            pids.update(row["pid"] for row in rows)
        async with db.directory() as nobody:
            assert await nobody.all("SELECT id FROM clients") == []

    for first in range(0, 400, 80):  # More at once would wait for a connection, by the clock.
        await asyncio.gather(*(look(first + number) for number in range(80)))
    assert len(pids) == SESSIONS


async def test_what_is_set_for_a_transaction_ends_with_it(db: Database, settings: Settings) -> None:
    [client_id] = await _clients(db, 1)
    async with db.tenant(client_id) as tx:
        assert await tx.value("SHOW statement_timeout") == "20s"
        assert await tx.value("SELECT app.current_client()") == client_id
    raw = await _raw(settings)
    for _ in range(2 * SESSIONS):
        assert not await raw.fetchval("SELECT current_setting('app.current_tenant_id', true)")
        assert await raw.fetchval("SHOW statement_timeout") == "0"
    await raw.close()


async def test_a_tenant_set_beyond_its_transaction_would_be_seen(
    db: Database, settings: Settings
) -> None:
    """The danger is real: so it is that nothing of ours sets it so, and a rule of `make security` forbids it."""
    [client_id] = await _clients(db, 1)
    careless, next_one = await _raw(settings), await _raw(settings)
    token = signer(settings).token(client_id)
    for _ in range(SESSIONS):
        await careless.fetchval(
            "SELECT pg_catalog.set_config('app.current_tenant_id', $1, false)", token
        )
    assert await next_one.fetchval("SELECT id FROM public.clients") == client_id
    await careless.close()
    await next_one.close()


async def _raw(settings: Settings) -> "asyncpg.Connection[asyncpg.Record]":
    url = app_url(settings).replace("+asyncpg", "")
    return await asyncpg.connect(url, statement_cache_size=0)


async def test_a_whole_journey(settings: Settings, opened: Open) -> None:
    """Teach, ask on WhatsApp, take over, reply, hand back, ask again, and watch on a page: as without a pooler."""
    assert settings.database_url
    assert settings.direct_database_url
    direct = settings.direct_database_url.get_secret_value()
    shop: Shop = await opened(
        database=settings.database_url.get_secret_value(), WAFAA_DIRECT_DATABASE_URL=direct
    )
    await shop.hears("How much is a flat white?")
    assert "18" in shop.replies()[-1]
    talk = f"/v1/conversations/{(await shop.conversation())['id']}"
    assert await shop.post(f"{talk}/takeover") == 204
    assert await shop.post(f"{talk}/messages", {"text": "I am here."}) == 202
    await shop.product.drain()
    assert shop.replies()[-1] == "I am here."
    assert await shop.post(f"{talk}/handback") == 204
    assert "18" in (await _watched(shop.product, shop.business))


async def _watched(product: Product, business: Business) -> str:
    """What a page that waits for events is shown after a question: it learns by LISTEN that there is something."""
    opened = await product.api.post("/web/v1/sessions", json={"channel_key": business.channel_key})
    session = await opened.json()
    headers = {"Authorization": f"Bearer {session['session_token']}"}
    path = f"/web/v1/conversations/{session['conversation_id']}"
    async with product.api.get(f"{path}/events", headers=headers) as stream:
        said = {"client_message_id": str(uuid4()), "text": "How much is a flat white?"}
        assert (
            await product.api.post(f"{path}/messages", json=said, headers=headers)
        ).status == 202
        await product.drain()
        seen = ""
        async with asyncio.timeout(30):
            while "18" not in seen:
                seen += (await stream.content.readline()).decode()
    return seen

"""A database to look into, of the newest PostgreSQL and of the oldest we support, as each of those who may sees it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.bootstrap import app_url, owner_url, signer
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.core.pool import Connection, driver_url
from app.models.client import Client, ClientSettings, new_client_id
from tests.fixtures.keys import sealed
from tests.fixtures.product import migrate_now, settings_for


@pytest.fixture(params=["postgres18", "postgres15"])
def settings(
    request: pytest.FixtureRequest, fresh_database: Callable[..., str], tmp_path: Path
) -> Settings:
    """Of a database that was migrated."""
    server = request.getfixturevalue(request.param)
    return settings_for(fresh_database(server, migrate_now), tmp_path)


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[Connection]:
    """A session of the tables' owner."""
    connection = await asyncpg.connect(driver_url(owner_url(settings)))
    yield connection
    await connection.close()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Connection]:
    """A bare session of the application's role: what an attacker who can inject SQL has."""
    connection = await asyncpg.connect(driver_url(app_url(settings)))
    yield connection
    await connection.close()


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """The application's own way in."""
    made = sealed(Database.connect(app_url(settings), signer(settings), size=2, overflow=0))
    yield made
    await made.close()


@pytest.fixture
async def two(db: Database) -> tuple[UUID, UUID]:
    """Two clients."""
    ids = (new_client_id(), new_client_id())
    for client_id, slug in zip(ids, ("one", "two"), strict=True):
        async with db.tenant(client_id) as tx:
            await Client.add(tx, slug.title(), slug, ClientSettings())
    return ids

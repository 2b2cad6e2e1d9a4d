"""An installation without limits on how often somebody may come: the proof comes often."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.bootstrap import bootstrap
from app.cli.starting import spare_the_collector
from app.core.config import Settings
from app.core.observability import configure_logging
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from tests.fixtures.product import Product, migrate_now, settings_for
from tests.isolation.world import World, build

NO_LIMITS = "address=off,contact=off,credential=off,client=off,visitors=off,webhook=off,refused=off"
UNLIMITED = {"WAFAA_LIMITS": NO_LIMITS, "WAFAA_SHED_SECONDS": "9001,9002,9003,9004,9005"}
"""Nobody works here, so what waits gets old; nothing is shed for that."""


@asynccontextmanager
async def _world(settings: Settings, **of_clients: object) -> AsyncIterator[World]:
    """Three clients with one of everything. Applications are made by the tests, and called without a server."""
    services = bootstrap(settings)
    await services.open()
    configure_logging(
        strict=True, level="ERROR"
    )  # A line for each of a hundred thousand requests would be most of the work.
    seldom = gc.get_threshold()
    try:
        product = Product(services, services.tools.http, "http://wafaa.test")
        made = await build(product, **of_clients)
        spare_the_collector()  # As whatever serves does.
        yield made
        await made.owner.close()
    finally:
        gc.unfreeze()
        gc.set_threshold(*seldom)
        configure_logging(strict=True)
        await services.close()


@pytest.fixture
async def world(
    postgres18: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    embed_home: Path,
    fresh_database: Callable[..., str],
) -> AsyncIterator[World]:
    """The world on the newest PostgreSQL."""
    url = fresh_database(postgres18, migrate_now)
    async with _world(settings_for(url, embed_home, REDIS_URL=valkey.url, **UNLIMITED)) as made:
        yield made


@pytest.fixture
async def old_world(
    postgres15: EmbeddedPostgres,
    redis7: EmbeddedValkey,
    tmp_path: Path,
    fresh_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """The same on the oldest, which has no pgvector: its clients' texts stay here, and are found by their words."""
    monkeypatch.setenv("OPENAI_API_KEY", "of-nobody-who-is-asked")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    url = fresh_database(postgres15, migrate_now)
    more = {"EMBEDDER": "openai", **UNLIMITED}
    settings = settings_for(url, tmp_path, REDIS_URL=redis7.url, **more)
    async with _world(settings, data_transfer=False) as made:
        yield made

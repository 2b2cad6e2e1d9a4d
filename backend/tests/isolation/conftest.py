"""An installation without limits on how often somebody may come: the proof comes often."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.bootstrap import bootstrap
from app.core.observability import configure_logging
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from tests.fixtures.product import Product, migrate_now, settings_for
from tests.isolation.world import World, build

NO_LIMITS = "address=off,contact=off,credential=off,client=off,visitors=off,webhook=off,refused=off"
UNLIMITED = {"WAFAA_LIMITS": NO_LIMITS, "WAFAA_SHED_SECONDS": "9001,9002,9003,9004,9005"}
"""Nobody works here, so what waits gets old; nothing is shed for that."""


@pytest.fixture
async def world(
    postgres18: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    embed_home: Path,
    fresh_database: Callable[..., str],
) -> AsyncIterator[World]:
    """Three clients with one of everything. Applications are made by the tests, and called without a server."""
    url = fresh_database(postgres18, migrate_now)
    services = bootstrap(settings_for(url, embed_home, REDIS_URL=valkey.url, **UNLIMITED))
    await services.open()
    configure_logging(
        strict=True, level="ERROR"
    )  # A line for each of a hundred thousand requests would be most of the work.
    try:
        made = await build(Product(services, services.tools.http, "http://wafaa.test"))
        yield made
        await made.owner.close()
    finally:
        configure_logging(strict=True)
        await services.close()

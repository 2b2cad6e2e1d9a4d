"""A role that is started before the database was migrated waits, and then knows all that the migrations made."""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

from app.bootstrap import bootstrap
from app.cli.patience import until_migrated
from app.embedded.postgres import EmbeddedPostgres
from tests.fixtures.product import migrate_now, settings_for


async def test_a_connection_from_before_the_migrations_is_not_used_after_them(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    fresh_database(postgres18, migrate_now)  # The server knows the application's role.
    url = fresh_database(postgres18)
    services = bootstrap(settings_for(url, tmp_path))
    assert await services.db.revision() is None
    waiting = asyncio.create_task(until_migrated(services, 60))
    await asyncio.to_thread(migrate_now, url)
    await waiting
    vector = struct.pack(">HH2f", 2, 0, 0.5, 1.0)  # As pgvector's own bytes say it.
    [row] = await services.db.call("SELECT $1::public.vector::text AS read", vector)
    assert row["read"] == "[0.5,1]"
    await services.close()

"""Whoever listens to the database finds out that nobody is there any more, even when nobody says so."""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote

from app.bootstrap import app_url, signer
from app.core.config import Settings
from app.core.listening import MOST_UNHEARD
from app.core.multi_tenant import Database
from app.embedded.postgres import EmbeddedPostgres
from app.services.orchestrator.herald import MOST_UNTOLD, Herald
from app.utils.ids import uuid7
from tests.fixtures.product import migrate_now, settings_for
from tests.fixtures.wire import Cable


async def test_a_listener_whose_connection_was_cut_in_silence_listens_again(
    postgres18: EmbeddedPostgres,
    fresh_database: Callable[..., str],
    tmp_path: Path,
) -> None:
    url = fresh_database(postgres18, migrate_now)
    with tempfile.TemporaryDirectory(prefix="cable") as folder:
        settings = settings_for(f"{url.partition('?')[0]}?host={quote(folder)}", tmp_path)
        direct, cut = (_database(settings_for(url, tmp_path)), _database(settings))
        async with (
            Cable(postgres18.socket, Path(folder)) as cable,
            aclosing(cut.listen("news", pulse=0.3)) as heard,
            asyncio.timeout(60),
        ):
            assert await anext(heard) is None
            await _notify(direct, "first")
            assert await anext(heard) == "first"
            cable.cut()
            assert await anext(heard) is None
            await _notify(direct, "second")
            assert await anext(heard) == "second"
        for db in (direct, cut):
            await db.close()


async def test_who_comes_too_late_for_all_that_was_said_begins_anew(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    db = _database(settings_for(fresh_database(postgres18, migrate_now), tmp_path))
    async with aclosing(db.listen("news")) as heard, asyncio.timeout(60):
        assert await anext(heard) is None
        async with db.directory() as tx:
            await tx.run(
                "SELECT pg_notify('news', n::text) FROM generate_series(0, $1) n", MOST_UNHEARD
            )
        await asyncio.sleep(1.0)  # It listens to nothing meanwhile.
        assert await anext(heard) is None
        await _notify(db, "later")
        assert await anext(heard) == "later"
    await db.close()


async def test_of_all_that_could_not_be_told_the_latest_is(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    settings = settings_for(fresh_database(postgres18, migrate_now), tmp_path)
    busy = Database.connect(app_url(settings), signer(settings), size=1, overflow=0)
    herald, known = Herald(busy), [uuid7() for _ in range(MOST_UNTOLD + 500)]
    told: list[str] = []
    async with aclosing(_database(settings).listen("wafaa_events")) as heard, asyncio.timeout(60):
        assert await anext(heard) is None
        async with busy.directory():
            herald.tell((one, None) for one in known)
            await asyncio.sleep(0.1)
        while len(told) < MOST_UNTOLD:
            told += (await anext(heard) or "").split(",")
    assert set(told) == {str(one) for one in known[-MOST_UNTOLD:]}
    await busy.close()


def _database(settings: Settings) -> Database:
    return Database.connect(app_url(settings), signer(settings), size=2, overflow=0)


async def _notify(db: Database, word: str) -> None:
    async with db.directory() as tx:
        await tx.run("SELECT pg_notify('news', $1)", word)

"""What a worker goes on from rests on the disk, though its commits don't wait for it one by one.

The server here writes its log by itself only after ten seconds, and dies at once: what nobody waited for is gone.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGQUIT, SIGSTOP

import pytest

from app.bootstrap import app_url, signer
from app.core.errors import Unavailable
from app.core.flushes import Flushes
from app.core.multi_tenant import Database
from app.core.pool import Connection, connect
from app.embedded.postgres import EmbeddedPostgres
from app.models.message import Message
from app.models.turn import Outcome
from tests.fixtures.keys import sealed
from tests.fixtures.product import migrate_now, settings_for
from tests.fixtures.talks import HELD, Talk, begin
from tests.fixtures.wired import until

UNHURRIED = {"wal_writer_delay": "10000", "wal_writer_flush_after": "1GB", "autovacuum": "off"}


class Mortal:
    """A server that dies and comes back, and one of its databases."""

    def __init__(self, server: EmbeddedPostgres, url: str, home: Path) -> None:
        self._server, self._settings = server, settings_for(url, home)
        self.url = app_url(self._settings)

    def connect(self) -> Database:
        """New connections to it."""
        return sealed(Database.connect(self.url, signer(self._settings), size=2))

    async def dies(self) -> None:
        """Loses what wasn't written, and is back."""
        os.kill(self._server.leader() or 0, SIGQUIT)
        await until(self._is_gone)
        self._server.stop()
        self._server.start()
        await asyncio.sleep(0.1)  # Whoever was connected hears of it.

    async def _is_gone(self) -> bool:
        return not self._server.running()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    home = tmp_path_factory.mktemp("unhurried")
    with EmbeddedPostgres(home, max_connections=40, settings=UNHURRIED) as made:
        yield made


@pytest.fixture
def mortal(server: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path) -> Mortal:
    return Mortal(server, fresh_database(server, migrate_now), tmp_path)


@pytest.fixture
async def talk(mortal: Mortal) -> AsyncIterator[Talk]:
    db = mortal.connect()
    yield await begin(db)
    await db.close()


async def _reborn(mortal: Mortal, talk: Talk) -> Talk:
    await talk.db.close()
    await mortal.dies()
    return replace(talk, db=mortal.connect())


async def test_a_fence_is_not_given_again_though_its_claim_is_forgotten(
    mortal: Mortal, talk: Talk
) -> None:
    [forgotten] = await talk.claim()
    talk = await _reborn(mortal, talk)
    [held] = await talk.claim()
    assert held.job_id == forgotten.job_id
    assert (await talk.reply(forgotten).record(talk.db, talk.client_id)).outcome is Outcome.LOST
    assert (await talk.reply(held).record(talk.db, talk.client_id)).outcome is Outcome.RECORDED
    await talk.db.close()


async def test_a_reply_is_not_forgotten_once_it_may_go_out(mortal: Mortal, talk: Talk) -> None:
    [lease] = await talk.claim()
    turn = replace(talk.reply(lease), lease_seconds=HELD)
    assert (await turn.record(talk.db, talk.client_id)).outcome is Outcome.HELD
    talk = await _reborn(mortal, talk)
    assert await talk.count("messages WHERE delivery_state = 'sending'") == 1
    await talk.db.close()


async def test_what_a_platform_took_is_not_forgotten(mortal: Mortal, talk: Talk) -> None:
    [lease] = await talk.claim()
    turn = replace(talk.reply(lease), lease_seconds=HELD)
    await turn.record(talk.db, talk.client_id)
    held = (lease.fence, turn.delivery_id)
    assert await Message.record_sent(
        talk.db, talk.client_id, talk.id, turn.reply.id, "wamid.1", held
    )
    talk = await _reborn(mortal, talk)
    assert await talk.state(turn.reply.id) == "accepted"
    await talk.db.close()


async def test_a_server_that_came_back_in_between_is_no_witness(mortal: Mortal, talk: Talk) -> None:
    flushed = await talk.db.flushing()
    await mortal.dies()
    with pytest.raises(Unavailable):
        await flushed()
    await (await talk.db.flushing())()  # The next one has a connection of its own.


async def test_many_wait_together(talk: Talk) -> None:
    waiting = [await talk.db.flushing() for _ in range(50)]
    before = await _transactions(talk.db)
    await asyncio.gather(*(flushed() for flushed in waiting))
    assert await _transactions(talk.db) - before == 2  # One flush, and the question itself.


async def _transactions(db: Database) -> int:
    [row] = await db.call("SELECT pg_catalog.pg_current_xact_id()::text::bigint AS id")
    return int(row["id"])


async def test_whoever_waits_when_it_is_closed_is_told_that_nothing_is_known(
    mortal: Mortal,
) -> None:
    db = mortal.connect()
    flushed = await db.flushing()
    waiting = asyncio.ensure_future(flushed())
    await asyncio.sleep(0)
    await db.close()
    with pytest.raises(Unavailable):
        await waiting


async def test_a_connection_that_rested_for_long_is_asked_first(mortal: Mortal) -> None:
    opened = []

    async def open_one() -> Connection:
        opened.append(await connect(mortal.url))
        return opened[-1]

    flushes = Flushes(open_one, seconds=0.5, rested=0.0)
    await (await flushes.begin())()
    os.kill(pid := opened[0].get_server_pid(), SIGSTOP)
    try:
        await (await flushes.begin())()  # Nothing was committed yet: it may choose another.
    finally:
        os.kill(pid, SIGCONT)
    assert len(opened) == 2
    await flushes.close()

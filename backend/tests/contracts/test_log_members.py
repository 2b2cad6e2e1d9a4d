"""What stands at the event log may die or find it away at any moment: what isn't done is not noted as done."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.bootstrap import app_url, owner_url, signer
from app.core import plugins
from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.embedded.postgres import EmbeddedPostgres
from app.models import outbox
from app.models.client import Client, ClientSettings, new_client_id
from app.services.keyring import Keyring
from app.services.queue.base import EventLog
from app.services.queue.consumer import Consumer
from app.services.queue.producer import Inbound, Producer
from app.services.queue.publisher import Publisher
from tests.fixtures.keys import KEYS, sealed
from tests.fixtures.mock_kafka import MockKafka
from tests.fixtures.product import migrate_now, settings_for
from tests.fixtures.wired import until

NOBODY = "127.0.0.1:9"
TRACE = f"00-{'1' * 32}-{'2' * 16}-01"


class Unheard:
    """Whoever is told how it goes doesn't mind."""

    def taken_in(self, records: int, age_seconds: float) -> None: ...

    def buried(self, code: str) -> None: ...

    def outbox(self, events: int, oldest_seconds: float) -> None: ...

    def unpublished(self, events: int) -> None: ...


@pytest.fixture
def settings(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> Settings:
    return settings_for(fresh_database(postgres18, migrate_now), tmp_path)


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    database = sealed(Database.connect(app_url(settings), signer(settings), size=2))
    yield database
    await database.close()


def member(addresses: str, **more: Any) -> EventLog:
    """A process's own connection to the log."""
    module = plugins.load("app.services.queue.brokers", "kafka")
    config = module.Config(bootstrap_servers=addresses, session_seconds=2, **more)
    log: EventLog = module.adapter(config, None)
    return log


async def test_what_a_consumer_had_read_and_not_written_when_it_died_is_read_again(
    db: Database, mock_kafka: MockKafka
) -> None:
    keyring, client_id = Keyring(db, KEYS), new_client_id()
    async with db.tenant(client_id) as tx:
        await Client.add(tx, "Cafe", "cafe", ClientSettings())
    first, second = member(mock_kafka.addresses), member(mock_kafka.addresses)
    asked, written = asyncio.Event(), list[bytes]()

    async def refuse(_: Sequence[Inbound]) -> None:
        asked.set()
        raise Unavailable

    async def bury(_: Inbound, error: Exception) -> None:
        raise error  # None of them is bad.

    async def write(items: Sequence[Inbound]) -> None:
        written.extend(item.body for item in items)

    await Producer(first, keyring).append([_said(client_id, n) for n in range(3)])
    dies = asyncio.create_task(Consumer(first, keyring, refuse, bury, Unheard()).run())
    await asyncio.wait_for(asked.wait(), 60)
    dies.cancel()
    await asyncio.gather(dies, return_exceptions=True)
    await Producer(first, keyring).append([_said(client_id, 3)])
    await first.close()

    other = Consumer(second, keyring, write, bury, Unheard())
    works = asyncio.create_task(other.run())
    await until(lambda: _ends_with(written, b"3"), 60)
    other.stop()
    await works
    await second.close()
    assert list(dict.fromkeys(written)) == [
        b"0",
        b"1",
        b"2",
        b"3",
    ]  # What is read again is a duplicate.


def _said(client_id: UUID, number: int) -> Inbound:
    return Inbound(client_id, "whatsapp/900200/layla", f"{number}".encode(), TRACE)


async def _ends_with(written: list[bytes], last: bytes) -> bool:
    return written[-1:] == [last]


async def test_what_the_log_did_not_take_waits_in_the_outbox(
    db: Database, settings: Settings
) -> None:
    owner = await asyncpg.connect(owner_url(settings).replace("+asyncpg", ""))
    await owner.execute(
        "INSERT INTO vault.outbox (client_id, subject, type, facts) SELECT $1, $1, 'message.received', '{}' "
        "FROM generate_series(1, 3)",
        uuid4(),
    )
    await owner.close()
    log = member(NOBODY, seconds=0.3)
    publisher = Publisher(db, log, Unheard())
    works = asyncio.create_task(publisher.run())
    await until(lambda: _is_held(db))  # It has begun to publish them.
    publisher.stop()
    await works
    await log.close()
    assert (await outbox.backlog(db))[0] == 3


async def _is_held(db: Database) -> bool:
    return not await outbox.unpublished(db, uuid4(), 1, -1.0)

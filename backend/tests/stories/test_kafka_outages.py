"""Brokers, consumers and publishers die: nothing that was acknowledged is lost, nothing is done twice."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.cli.consume import DRAIN_SECONDS
from app.embedded.postgres import EmbeddedPostgres
from tests.fixtures.kafka import Kafka
from tests.fixtures.nursery import Child, Nursery
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop
from tests.fixtures.shop_logged import (
    Behind,
    at_work,
    delivered,
    heard,
    migrate_publishing,
    replied,
)
from tests.fixtures.wire import Cable, PostgresProxy, Step, Steps, Trap
from tests.fixtures.wired import plain, until
from tests.stories.test_kafka_events import nothing_waits

CONTACTS = "SELECT count(*) FROM messages WHERE author = 'contact'"
TWICE = (
    "SELECT count(*) FROM (SELECT FROM messages WHERE author = 'assistant' "
    "GROUP BY reply_to_id HAVING count(*) > 1) twice"
)


@pytest.fixture
def one_broker(tmp_path: Path) -> Iterator[Kafka]:
    """A broker that may die."""
    with Kafka(tmp_path / "mortal") as cluster:
        yield cluster


async def test_without_its_broker_a_webhook_is_refused_then_written_directly_then_logged_again(
    behind: Behind,
    one_broker: Kafka,
    fresh_database: Callable[..., str],
    postgres18: EmbeddedPostgres,
) -> None:
    database = fresh_database(postgres18, migrate_publishing)
    shop = await behind(
        one_broker, log={"SECONDS": 2}, database=database, WAFAA_LOG_PATIENCE_SECONDS=5
    )
    [broker] = one_broker.brokers
    async with at_work(shop):
        first = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
        await until(lambda: _taken(shop, first))
        await until(replied(shop))
        broker.kill()
        payload = shop.meta.says(NUMBER, OMAR, ASKED["ar"])
        body, headers = shop.meta.signed(payload)
        async with shop.product.api.post(
            "/webhook/whatsapp/cafe", data=body, headers=headers
        ) as answer:
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert await shop.value(CONTACTS) == 1
        await until(lambda: _taken(shop, payload))
        await until(replied(shop, 1, OMAR))  # Redis, database and workers need no broker.
        broker.start()
        broker.wait()
        await until(lambda: _logs(shop, one_broker, f"{behind.prefix}inbound"), 60)
        await shop.gets(shop.meta.says(NUMBER, LAYLA, "When do you open?"))
        await until(replied(shop, 2), 60)
        await until(delivered(shop), 60)
        await until(lambda: nothing_waits(shop), 60)
    assert await shop.value(CONTACTS + " AND answered_by IS NULL") == 0
    assert await shop.value(TWICE) == 0
    async with shop.product.api.get("/health/ready") as answer:
        assert answer.status == 200
    # What happened meanwhile waited in the outbox.
    events = [
        dict(event.headers())["type"] for event in await one_broker.read(f"{behind.prefix}events")
    ]
    assert events.count(b"message.received") == await shop.value(CONTACTS)


async def test_what_a_dead_log_holds_unread_is_not_overtaken(
    behind: Behind, one_broker: Kafka
) -> None:
    shop = await behind(one_broker, log={"SECONDS": 2})
    assert shop.product.services.settings.log_patience_seconds is None  # However long it lasts.
    [broker] = one_broker.brokers
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "1"))
    broker.kill()
    later = shop.meta.says(NUMBER, LAYLA, "2")
    for _ in range(2):
        assert await shop.meta.deliver(later) == 503
    assert await shop.value(CONTACTS) == 0
    broker.start()
    broker.wait()
    async with at_work(shop, "consumer"):
        await until(lambda: _taken(shop, later), 60)
        await until(lambda: _has(shop, 2), 60)
    assert await heard(shop) == [["1", "2"]]


async def _taken(shop: Shop, payload: dict[str, Any]) -> bool:
    return await shop.meta.deliver(payload, retry=True) == 200


async def _logs(shop: Shop, cluster: Kafka, topic: str) -> bool:
    """Whether what is posted goes into the log."""
    before = len(await cluster.read(topic))
    await shop.gets(shop.meta.says(NUMBER, "966505550199", "Hello"))
    return len(await cluster.read(topic)) > before


@pytest.mark.timeout(300)
async def test_of_three_brokers_one_dies_while_platforms_post_and_nothing_is_lost_or_doubled(
    behind: Behind, three_brokers: Kafka
) -> None:
    shop = await behind(three_brokers)
    people = [f"96650{number:07}" for number in range(12)]
    said: dict[str, list[str]] = {person: [] for person in people}
    dead = asyncio.Event()

    async def writes(person: str) -> None:
        """One after the other, each until the platform has its 200."""
        for number in range(15):
            payload = shop.meta.says(NUMBER, person, f"{number}")
            await until(partial(_taken, shop, payload), 90)
            said[person].append(f"{number}")
            if person == people[0] and number == 4:
                three_brokers.leader(f"{behind.prefix}inbound").kill()
                dead.set()

    async with at_work(shop, "consumer", "publisher"):
        await asyncio.gather(*(writes(person) for person in people))
        await until(lambda: _has(shop, 15 * len(people)), 90)
    assert dead.is_set()
    # All, once, in order.
    assert sorted(await heard(shop)) == sorted(said.values())


async def _has(shop: Shop, count: int) -> bool:
    return bool(await shop.value(f"SELECT ({CONTACTS}) = $1", count))


class Crew:
    """Consumers in processes of their own, who reach the database through a proxy."""

    def __init__(self, nursery: Nursery, settings: dict[str, Any], steps: Steps) -> None:
        self._nursery = nursery
        self._settings = settings
        self.steps = steps

    def hire(self) -> Child:
        """One more."""
        return self._nursery.start("consume", self._settings)


@asynccontextmanager
async def crew_of(
    behind: Behind, shop: Shop, nursery: Nursery, server: EmbeddedPostgres
) -> AsyncIterator[Crew]:
    own = shop.product.services.settings
    assert own.database_url
    folder = Path(tempfile.mkdtemp(prefix="wire"))
    steps = Steps()
    url = f"{own.database_url.get_secret_value().partition('?')[0]}?host={quote(str(folder))}"
    async with PostgresProxy(server.socket, folder, steps):
        settings = plain(own) | behind.settings | {"DATABASE_URL": url}
        yield Crew(nursery, settings, steps)
        nursery.empty()
    shutil.rmtree(folder)


@pytest.mark.timeout(240)
async def test_a_consumer_that_dies_around_a_commit_leaves_nothing_undone_and_nothing_double(
    behind: Behind,
    kafka: Kafka,
    nursery: Nursery,
    fresh_database: Callable[..., str],
    postgres18: EmbeddedPostgres,
) -> None:
    shop = await behind(kafka, database=fresh_database(postgres18, migrate_publishing))
    places = [
        (Step("receive"), False),
        (Step("receive"), True),  # Written, and the log doesn't know: read again.
        (Step("published"), False),  # In the log, and the outbox doesn't know: published again.
    ]
    async with crew_of(behind, shop, nursery, postgres18) as crew, at_work(shop, "worker"):
        consumer = crew.hire()
        for number, (step, after) in enumerate(places, 1):
            crew.steps.forget()
            crew.steps.trap = trap = Trap(step, after, consumer.kill)
            await shop.gets(shop.meta.says(NUMBER, f"9665{number:08}", ASKED["en"]))
            await trap.happens(60)
            consumer = crew.hire()
            await until(replied(shop, 1, f"9665{number:08}"), 60)
        await until(delivered(shop), 60)
        received = await kafka.read(f"{behind.prefix}events")
    assert await shop.value(CONTACTS) == len(places)
    assert await shop.value(TWICE) == 0
    by_type = [
        event.value() for event in received if dict(event.headers())["type"] == b"message.received"
    ]
    assert len(set(by_type)) == len(places) <= len(by_type)


@pytest.mark.timeout(180)
async def test_a_consumer_that_is_asked_to_stop_while_its_database_hangs_goes_and_loses_nothing(
    behind: Behind,
    kafka: Kafka,
    nursery: Nursery,
    fresh_database: Callable[..., str],
    postgres18: EmbeddedPostgres,
) -> None:
    shop = await behind(kafka, database=fresh_database(postgres18, migrate_publishing))
    own = plain(shop.product.services.settings) | behind.settings
    with tempfile.TemporaryDirectory(prefix="cable") as folder:
        url = f"{str(own['DATABASE_URL']).partition('?')[0]}?host={quote(folder)}"
        async with Cable(postgres18.socket, Path(folder)) as cable:
            consumer = nursery.start("consume", own | {"DATABASE_URL": url})
            await shop.gets(shop.meta.says(NUMBER, LAYLA, "1"))
            await until(lambda: _has(shop, 1), 90)
            cable.cut_off()
            await shop.gets(shop.meta.says(NUMBER, LAYLA, "2"))
            await asyncio.sleep(1.0)  # It has it in hand.
            consumer.signal(signal.SIGTERM)
            await until(partial(_is_gone, consumer), DRAIN_SECONDS + 12)
    assert await shop.value(CONTACTS) == 1
    nursery.start("consume", own)
    await until(lambda: _has(shop, 2), 90)
    nursery.empty()
    assert await heard(shop) == [["1", "2"]]


async def _is_gone(child: Child) -> bool:
    return not child.alive


@pytest.mark.timeout(240)
async def test_consumers_that_come_and_die_while_people_write_take_everything_in_once_and_in_order(
    behind: Behind,
    kafka: Kafka,
    nursery: Nursery,
    fresh_database: Callable[..., str],
    postgres18: EmbeddedPostgres,
) -> None:
    shop = await behind(kafka, database=fresh_database(postgres18, migrate_publishing))
    people = [f"96651{number:07}" for number in range(10)]
    async with crew_of(behind, shop, nursery, postgres18) as crew:
        first, _second = crew.hire(), crew.hire()
        for number in range(30):
            await asyncio.gather(
                *(shop.gets(shop.meta.says(NUMBER, person, f"{number}")) for person in people)
            )
            if number == 10:
                await until(lambda: _any(shop), 60)
                first.kill()
            if number == 20:
                crew.hire()
        await until(lambda: _has(shop, 30 * len(people)), 90)
    assert await heard(shop) == [[f"{number}" for number in range(30)]] * len(people)


async def _any(shop: Shop) -> bool:
    return bool(await shop.value(CONTACTS))

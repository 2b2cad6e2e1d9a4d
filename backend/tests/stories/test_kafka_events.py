"""With Kafka behind: what happens can be followed by others, in order, at least once, and nobody waits for that."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from app.embedded.postgres import EmbeddedPostgres
from app.models import outbox
from app.services.queue.contract import FACTS, Envelope, asyncapi
from app.services.queue.publisher import Publisher
from tests.fixtures.kafka import Kafka
from tests.fixtures.product import migrate_now
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop
from tests.fixtures.shop_logged import (
    Behind,
    at_work,
    delivered,
    log_of,
    migrate_publishing,
    replied,
)
from tests.fixtures.wired import until

Fresh = Callable[..., str]
DOCUMENT = Path(__file__).parents[3] / "docs" / "asyncapi.json"
PYTHON = Path(__file__).parents[3] / ".tools" / "checks" / "bin" / "python"
VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator
pairs = zip(*json.load(sys.stdin))
print(json.dumps([e.message for s, one in pairs for e in Draft202012Validator(s).iter_errors(one)]))
"""


@pytest.fixture
def database(fresh_database: Fresh, postgres18: EmbeddedPostgres) -> str:
    return fresh_database(postgres18, migrate_publishing)


async def nothing_waits(shop: Shop) -> bool:
    """Whether everything was published."""
    return await outbox.backlog(shop.product.services.db) == (0, 0.0)


async def told(
    kafka: Kafka, behind: Behind, topic: str = "events", count: int | None = None
) -> list[Envelope]:
    """The events of a topic, as one follows them who knows nothing but the contract."""
    records = await kafka.read(f"{behind.prefix}{topic}", count)
    for record in records:
        for said in ("white", "talk to a", LAYLA, OMAR):
            assert said.encode() not in record.value()
    events = [Envelope.model_validate_json(record.value()) for record in records]
    for event, record in zip(events, records, strict=True):
        FACTS[event.type][0].model_validate(event.data)
        headers = dict(record.headers())
        assert headers["traceparent"].decode() == event.traceparent
        assert (headers["type"].decode(), record.key().decode()) == (event.type, str(event.subject))
        assert headers["client"].decode() == str(event.client_id)
        assert headers["schema"].decode() == f"{topic}/{orjson.loads(record.value())['version']}"
    return events


def misfits(events: list[dict[str, Any]]) -> list[str]:
    """What the published document says against events, to who knows nothing else."""
    schemas = [
        {"$ref": f"#/components/messages/{event['type']}/payload", **orjson.loads(DOCUMENT.read_bytes())}
        for event in events
    ]  # fmt: skip
    done = subprocess.run(
        [PYTHON, "-c", VALIDATE],
        input=orjson.dumps([schemas, events]),
        capture_output=True,
        check=True,
    )
    found: list[str] = orjson.loads(done.stdout)
    return found


async def test_a_conversation_can_be_followed_from_its_beginning_to_its_end(
    behind: Behind, kafka: Kafka, database: str
) -> None:
    shop = await behind(kafka, database=database)
    async with at_work(shop):
        await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
        await until(replied(shop))
        await until(delivered(shop))
        await shop.gets(shop.meta.says(NUMBER, LAYLA, "I want to talk to a human"))
        await until(replied(shop, 2))
        await until(delivered(shop))
        path = f"/v1/conversations/{(await shop.conversation())['id']}"
        assert await shop.post(f"{path}/takeover") < 300
        assert await shop.post(f"{path}/resolve") < 300
        await until(lambda: nothing_waits(shop))

    events = await told(kafka, behind)
    assert len({event.id for event in events}) == len(events)
    assert {event.client_id for event in events} == {shop.business.ref.id}
    talk = [event for event in events if event.type not in ("message.delivery", "usage.recorded")]
    assert len({event.subject for event in talk}) == 1
    assert [event.type for event in talk] == [
        "conversation.opened",
        "message.received",
        "message.answered",
        "message.received",
        "message.answered",
        "handover.requested",
        "handover.accepted",
        "conversation.resolved",
    ]
    question, answer = talk[1], talk[2]
    assert answer.data["answers"] == question.data["message_id"]
    assert answer.traceparent[3:35] == question.traceparent[3:35]
    states = [
        event.data["state"]
        for event in events
        if event.type == "message.delivery"
        and event.data["message_id"] == answer.data["message_id"]
    ]
    assert states[-1] == "read"
    used = {event.data["message_id"] for event in events if event.type == "usage.recorded"}
    assert used == {talk[2].data["message_id"], talk[4].data["message_id"]}
    assert misfits([event.model_dump(mode="json") for event in events]) == []
    assert misfits([{**events[0].model_dump(mode="json"), "data": {}}])


async def test_work_that_failed_for_good_is_told_among_the_dead_letters(
    behind: Behind, kafka: Kafka, database: str
) -> None:
    shop = await behind(kafka, database=database, WAFAA_MAX_ATTEMPTS=1)
    shop.meta.behave(131016)
    async with at_work(shop):
        await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
        [letter] = await told(kafka, behind, "dead-letters", 1)
    [parked] = await shop.get("/v1/jobs/parked")
    assert letter.type == "job.parked"
    assert letter.data["job_id"] == parked["id"]
    assert letter.data["kind"] == "deliver_message"


async def test_one_publishes_at_a_time_and_another_takes_over(
    behind: Behind, kafka: Kafka, database: str
) -> None:
    shop = await behind(kafka, database=database)
    db = shop.product.services.db
    await _happens(shop, 1)
    first, second = uuid4(), uuid4()
    assert len(await outbox.unpublished(db, first, 10, 1.0)) == 2
    assert await outbox.unpublished(db, second, 10, 1.0) == []
    await until(lambda: _gets(shop, second))
    assert await outbox.unpublished(db, first, 10, 1.0) == []
    await outbox.leave(db, second)
    assert len(await outbox.unpublished(db, first, 10, 1.0)) == 2


async def _gets(shop: Shop, holder: Any) -> bool:
    return bool(await outbox.unpublished(shop.product.services.db, holder, 10, 1.0))


async def test_events_that_wait_for_too_long_a_time_are_forgotten_and_that_is_told(
    behind: Behind, kafka: Kafka, database: str
) -> None:
    shop = await behind(kafka, database=database)
    await _happens(shop, 10)
    forgotten: list[int] = []

    class Told:
        def outbox(self, events: int, oldest_seconds: float) -> None:
            assert events >= 20

        def unpublished(self, events: int) -> None:
            forgotten.append(events)

    publisher = Publisher(shop.product.services.db, log_of(shop), Told(), longest=5)
    running = asyncio.create_task(publisher.run())
    await until(lambda: nothing_waits(shop))
    publisher.stop()
    await running
    assert sum(forgotten) == 15
    assert len(await told(kafka, behind)) == 5


async def _happens(shop: Shop, times: int) -> None:
    """So many contacts say something, and nobody publishes it: two events for each."""
    for number in range(times):
        await shop.gets(shop.meta.says(NUMBER, f"96650000{number:04}", "Hello"))
    async with at_work(shop, "consumer"):
        await until(lambda: _has(shop, times))


async def _has(shop: Shop, messages: int) -> bool:
    return bool(await shop.value("SELECT count(*) = $1 FROM messages", messages))


async def test_without_a_log_nothing_is_kept_for_it(
    behind: Behind, kafka: Kafka, fresh_database: Fresh, postgres18: EmbeddedPostgres
) -> None:
    shop = await behind(kafka, database=fresh_database(postgres18, _migrate_there_and_back))
    async with at_work(shop):
        await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
        await until(replied(shop))
    assert await nothing_waits(shop)


def _migrate_there_and_back(url: str) -> None:
    migrate_publishing(url)
    migrate_now(url)


def test_the_document_of_the_events_is_what_the_code_says() -> None:
    assert (
        orjson.loads(DOCUMENT.read_bytes()) == asyncapi()
    ), "Run: wafaa asyncapi > docs/asyncapi.json"

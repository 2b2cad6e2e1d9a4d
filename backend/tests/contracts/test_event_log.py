"""What every event log must do, on a real broker and on the client library's mock; and what it says when it fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from app.core import plugins
from app.core.errors import Misconfigured, Unavailable
from app.core.tools import Tools
from app.services.queue.base import EVENTS, INBOUND, TOPICS, EventLog, Record, Taken
from tests.fixtures.mock_kafka import NOT_ENOUGH_REPLICAS, PRODUCE, MockKafka

SEAM = "app.services.queue.brokers"
DAY = 24 * 3600 * 1000
"""In milliseconds."""

SERVERS = {"kafka": ["mock_kafka", "kafka"]}
"""Which servers each adapter is tried on. A new adapter is added here, or its contract isn't tested."""

ADAPTERS = [(name, server) for name in plugins.names(SEAM) for server in SERVERS[name]]
Join = Callable[..., EventLog]


@pytest.fixture(params=ADAPTERS, ids=lambda pair: "-".join(pair))
async def join(request: pytest.FixtureRequest) -> AsyncIterator[Join]:
    """``join()`` makes one more member of the same group; topics and group are this test's own."""
    name, server = request.param
    module = plugins.load(SEAM, name)
    fields: dict[str, Any] = {
        "bootstrap_servers": request.getfixturevalue(server).addresses,
        "prefix": f"test-{uuid4().hex[:8]}.",
        "partitions": 4,
        "replication": 1,
        "min_insync": 1,
        "session_seconds": 6,
        "seconds": 20,
    }
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as http:

        def member(**more: Any) -> EventLog:
            log: EventLog = module.adapter(
                module.Config(**fields | more), Tools(http, lambda: datetime.now(UTC))
            )
            stack.push_async_callback(log.close)
            return log

        if server != "mock_kafka":  # The mock makes topics when they are used.
            await member().prepare(TOPICS)
        yield member


def said(count: int, speaker: str = "layla") -> list[Record]:
    return [
        Record(speaker.encode(), f"{speaker} {n}".encode(), {"n": b"%d" % n}) for n in range(count)
    ]


async def read(log: EventLog, count: int, seconds: float = 60.0) -> list[Taken]:
    """Reads until so many have come."""
    found: list[Taken] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found += await log.read(INBOUND, 100, 0.2)
    return found


async def test_gives_back_what_was_appended_with_its_key_and_headers(join: Join) -> None:
    log = join()
    await log.append(INBOUND, [Record(b"key", "قهوة\0".encode(), {"client": b"cafe"})])
    [taken] = await read(log, 1)
    assert (taken.key, taken.value, dict(taken.headers)) == (
        b"key",
        "قهوة\0".encode(),
        {"client": b"cafe"},
    )


async def test_keeps_the_order_of_each_key_and_loses_nothing(join: Join) -> None:
    log = join()
    speakers = [f"contact {n}" for n in range(20)]
    await asyncio.gather(*(log.append(INBOUND, said(50, speaker)) for speaker in speakers))
    taken = await read(log, 1000)
    for speaker in speakers:
        heard = [one.value for one in taken if one.key == speaker.encode()]
        assert heard == [record.value for record in said(50, speaker)]


async def test_topics_do_not_mix(join: Join) -> None:
    log = join()
    await log.append(EVENTS, said(1, "event"))
    await log.append(INBOUND, said(1, "inbound"))
    assert [one.key for one in await read(log, 1)] == [b"inbound"]


async def test_what_was_committed_is_not_read_again_and_the_rest_is(join: Join) -> None:
    first = join()
    await first.append(INBOUND, said(10))
    taken = await read(first, 10)
    await first.commit(taken[:6])
    await first.close()
    again = await read(join(), 4)
    assert [one.value for one in again] == [record.value for record in said(10)[6:]]


async def test_everybody_sees_what_a_member_has_in_hand_or_left_unread(join: Join) -> None:
    busy, idle = join(), join()
    await busy.append(INBOUND, said(10))
    earlier = await idle.progress(INBOUND)
    taken = await read(busy, 10)
    assert not (await idle.progress(INBOUND)).covers(earlier)
    assert not (await idle.progress(INBOUND)).covers(None)  # Who has looked once knows nothing.
    await busy.commit(taken)
    assert (await idle.progress(INBOUND)).covers(earlier)
    await busy.append(INBOUND, said(1))
    later = await idle.progress(INBOUND)
    assert later.covers(earlier)  # What came since is on its way,
    assert not (await idle.progress(INBOUND)).covers(later)  # and then lies unread.


async def test_two_members_share_the_work_and_one_that_leaves_is_replaced(join: Join) -> None:
    first, second = join(), join()
    speakers = [f"contact {n}" for n in range(40)]
    await first.append(INBOUND, [record for s in speakers for record in said(1, s)])
    seen: dict[EventLog, set[bytes]] = {first: set(), second: set()}

    async def take(log: EventLog) -> None:
        taken = await log.read(INBOUND, 10, 0.2)
        await log.commit(taken)
        seen[log] |= {one.key for one in taken}

    async with asyncio.timeout(90):
        while not (seen[first] and seen[second]):
            await asyncio.gather(take(first), take(second))
            await first.append(INBOUND, [record for s in speakers for record in said(1, s)])
        await second.close()
        seen[first].clear()
        while len(seen[first]) < 40:
            await first.append(INBOUND, [record for s in speakers for record in said(1, s)])
            await take(first)


async def test_committing_while_another_member_joins_is_never_an_error(join: Join) -> None:
    first = join()
    await first.append(INBOUND, said(40))
    taken = await read(first, 40)
    joining = asyncio.ensure_future(read(join(), 1, 90.0))
    for one in taken[:-1]:
        await first.commit([one])
        await first.read(INBOUND, 1, 0.01)
        if joining.done():
            break
    joining.cancel()


async def test_answers_a_ping_once_it_has_our_topics(join: Join) -> None:
    log = join()
    with pytest.raises(Unavailable, match="wafaa migrate"):
        await join(prefix=f"none-{uuid4().hex}.").ping()
    await log.append(INBOUND, said(1))
    assert "topics" in await log.ping()


async def test_takes_no_more_on_its_way_than_it_may(join: Join) -> None:
    log = join(in_flight=5)
    with pytest.raises(Unavailable):
        await log.append(INBOUND, said(6))
    await log.append(INBOUND, said(5))
    await log.append(INBOUND, said(5))


async def test_nobody_there_is_said_in_time_and_not_for_ever() -> None:
    module = plugins.load(SEAM, "kafka")
    log = module.adapter(module.Config(bootstrap_servers="127.0.0.1:9", seconds=0.5), None)
    with pytest.raises(Unavailable):
        await log.append(INBOUND, said(1))
    with pytest.raises(Unavailable):
        await log.ping()
    assert await log.read(INBOUND, 1, 0.1) == []
    await log.commit([Taken(b"", b"", {}, "inbound", 0, 0)])
    await log.close()


async def _kafka(cluster: MockKafka, **more: Any) -> EventLog:
    module = plugins.load(SEAM, "kafka")
    config = module.Config(bootstrap_servers=cluster.addresses, **more)
    log: EventLog = module.adapter(config, None)
    return log


async def test_too_few_replicas_for_a_while_cost_time_and_nothing_else(
    mock_kafka: MockKafka,
) -> None:
    log = await _kafka(mock_kafka, seconds=30, session_seconds=6)
    mock_kafka.refuses(PRODUCE, NOT_ENOUGH_REPLICAS, 3)
    await log.append(INBOUND, said(20))
    assert [one.value for one in await read(log, 20)] == [record.value for record in said(20)]
    await log.close()


async def test_brokers_that_go_away_are_told_and_found_again(mock_kafka: MockKafka) -> None:
    log = await _kafka(mock_kafka, seconds=1, session_seconds=6)
    await _taken(log, said(1))
    mock_kafka.down()
    with pytest.raises(Unavailable):
        await log.append(INBOUND, said(1))
    mock_kafka.up()
    await _taken(log, said(1, "omar"))
    await log.close()


async def _taken(log: EventLog, records: list[Record]) -> None:
    """Appends, however often it takes: on a busy machine even a connection may take a second."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await log.append(INBOUND, records)
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_making_topics_states_what_they_keep_and_happens_once(kafka: Any) -> None:
    module = plugins.load(SEAM, "kafka")
    config = module.Config(
        bootstrap_servers=kafka.addresses, prefix=f"test-{uuid4().hex[:8]}.", partitions=5,
        replication=1, min_insync=1,
    )  # fmt: skip
    log = module.adapter(config, None)
    assert await log.prepare(TOPICS) == [f"{config.prefix}{topic.name}" for topic in TOPICS]
    assert await log.prepare(TOPICS) == []
    assert _made(kafka, config.prefix) == {
        "inbound": (5, 7 * DAY, "1"),
        "events": (5, 7 * DAY, "1"),
        "dead-letters": (3, 30 * DAY, "1"),
    }
    with pytest.raises(Misconfigured, match="KAFKA_REPLICATION"):
        other = config.model_copy(update={"prefix": f"{config.prefix}more.", "replication": 3})
        await module.adapter(other, None).prepare(TOPICS)
    await log.close()


def _made(kafka: Any, prefix: str) -> dict[str, tuple[int, int, str]]:
    """Of each of our topics: its partitions, how long it keeps what it has, and how many must have it."""
    admin, found = AdminClient({"bootstrap.servers": kafka.addresses}), {}
    for topic in TOPICS:
        name = f"{prefix}{topic.name}"
        partitions = admin.list_topics(name, timeout=20).topics[name].partitions
        [told] = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
        settings = told.result(20)
        kept = int(settings["retention.ms"].value)
        found[topic.name] = (len(partitions), kept, settings["min.insync.replicas"].value)
    return found


async def _guarded(kafka: Any, mechanism: str, **more: Any) -> EventLog:
    module = plugins.load(SEAM, "kafka")
    fields = {
        "prefix": f"test-{uuid4().hex[:8]}.",
        "replication": 1,
        "min_insync": 1,
        "session_seconds": 6,
    }
    log: EventLog = module.adapter(
        module.Config(**fields, **kafka.guarded(mechanism, **{"seconds": 20, **more})), None
    )
    return log


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_makes_appends_and_reads_where_it_must_say_who_it_is(
    kafka: Any, mechanism: str
) -> None:
    log = await _guarded(kafka, mechanism)
    assert len(await log.prepare(TOPICS)) == len(TOPICS)
    await log.append(INBOUND, said(3))
    assert [one.value for one in await read(log, 3)] == [record.value for record in said(3)]
    assert "topics" in await log.ping()
    await log.close()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"sasl_password": "guessed"}, "KAFKA_SASL_PASSWORD"),
        ({"sasl_username": "nobody"}, "KAFKA_SASL_USERNAME"),
        ({"ssl_ca_location": None}, "KAFKA_SSL_CA_LOCATION"),
    ],
)
async def test_what_is_wrong_with_its_credentials_is_named(
    kafka: Any, wrong: dict[str, Any], named: str
) -> None:
    log = await _guarded(kafka, "SCRAM-SHA-512", seconds=3, **wrong)
    with pytest.raises(Unavailable, match=named):
        await log.ping()
    with pytest.raises(Unavailable):
        await log.append(INBOUND, said(1))
    await log.close()


async def test_a_name_or_a_password_that_is_missing_is_told_at_once(kafka: Any) -> None:
    for missing in ("sasl_username", "sasl_password"):
        with pytest.raises(Misconfigured, match="KAFKA_SASL_PASSWORD"):
            await _guarded(kafka, "PLAIN", **{missing: None})

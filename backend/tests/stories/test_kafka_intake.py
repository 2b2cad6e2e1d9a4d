"""With Kafka in front: a webhook is answered by the log's word, and what it holds is taken in once."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.cli.consume import count_as_intake
from app.embedded.postgres import EmbeddedPostgres
from app.models.silence import DOOR, INTAKE
from app.services.queue.base import INBOUND, Record
from app.services.queue.brokers.kafka import LARGEST
from app.services.queue.producer import Inbound, Producer
from simulators import _meta_payloads as payloads
from simulators._signing import body_of, headers_for
from simulators.meta import Behaviour
from tests.fixtures.kafka import Kafka
from tests.fixtures.product import migrate_now
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop
from tests.fixtures.shop_logged import Behind, at_work, delivered, heard, log_of, replied
from tests.fixtures.wired import until

CONTACTS = "SELECT count(*) FROM messages WHERE author = 'contact'"


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_question_is_answered_through_the_log(
    behind: Behind, kafka: Kafka, language: str
) -> None:
    shop = await behind(kafka, language)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED[language]))
    assert await shop.value("SELECT count(*) FROM messages") == 0  # 200 was the log's word.
    async with at_work(shop):
        await until(replied(shop))
        await until(delivered(shop))
    assert "18" in shop.replies()[0]


async def test_what_the_log_holds_is_sealed_and_names_nobody(behind: Behind, kafka: Kafka) -> None:
    shop = await behind(kafka)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "My secret question"))
    [record] = await kafka.read(f"{behind.prefix}inbound", 1)
    headers = dict(record.headers())
    everything = b" ".join((record.key(), record.value(), *headers.values()))
    for told in (b"secret", LAYLA.encode(), NUMBER.encode()):
        assert told not in everything
    assert headers["client"] == str(shop.business.ref.id).encode()
    assert headers["schema"] == b"inbound/1"
    assert headers["traceparent"].startswith(b"00-")


async def test_a_webhook_posted_fifty_times_is_one_message_and_one_reply(
    behind: Behind, kafka: Kafka
) -> None:
    shop = await behind(kafka)
    payload = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    assert set(await asyncio.gather(*(shop.meta.deliver(payload) for _ in range(50)))) == {200}
    async with at_work(shop):
        await until(replied(shop))
        await shop.gets(payload)
        await shop.gets(shop.meta.says(NUMBER, OMAR, "Hello"))
        await until(replied(shop, 1, OMAR))
        await until(delivered(shop))
    assert await shop.value(CONTACTS) == 2
    assert len(shop.replies()) == 1


async def test_a_contacts_messages_keep_their_order(behind: Behind, kafka: Kafka) -> None:
    shop = await behind(kafka)
    for number in range(60):
        await shop.gets(shop.meta.says(NUMBER, (LAYLA, OMAR)[number % 2], f"{number}"))
    async with at_work(shop):
        await until(lambda: _has(shop, 60))
    evens, odds = ([f"{number}" for number in range(first, 60, 2)] for first in (0, 1))
    assert sorted(await heard(shop)) == [evens, odds]


async def test_intake_goes_on_without_a_database_and_everything_is_answered_once_afterwards(
    behind: Behind, kafka: Kafka, tmp_path: Path
) -> None:
    with EmbeddedPostgres(tmp_path, max_connections=60) as server:
        migrate_now(server.url)
        shop = await behind(kafka, database=server.url)
        async with at_work(shop):
            await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
            await until(replied(shop))
            server.stop()
            for _ in range(2):  # Twice, and the second time after the look-ups have aged.
                payload = shop.meta.says(NUMBER, LAYLA, "When do you open?")
                await shop.gets(payload)
                await shop.gets(payload)
                await shop.gets(shop.meta.says(NUMBER, OMAR, ASKED["ar"]))
                await asyncio.sleep(1.2)
            stranger = shop.meta.says(NUMBER, LAYLA, "Hello")
            body, headers = shop.meta.signed(stranger)
            async with shop.product.api.post(
                "/webhook/whatsapp/unknown", data=body, headers=headers
            ) as answer:  # A door that nobody has used can't be found now.
                assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            server.start()
            await until(replied(shop, 2), 60)
            await until(replied(shop, 1, OMAR), 60)
            await until(delivered(shop), 60)
        assert await shop.value(CONTACTS) == 5
        assert await shop.value(CONTACTS + " AND answered_by IS NULL") == 0


async def test_while_no_api_appends_to_the_log_a_missing_status_means_nothing(
    behind: Behind, kafka: Kafka
) -> None:
    """Whoever reads the log is up all the time, and has read all of it: nothing can come into it."""
    shop = await behind(kafka, WAFAA_INDETERMINATE_SECONDS=0.5)
    services = shop.product.services
    reading = asyncio.create_task(_listen(shop))
    shop.meta.behave(Behaviour.DROP)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    services.followers.close()  # What a database sees of an API that died.
    async with at_work(shop, "consumer", "worker"):
        await until(lambda: _sends(shop, 1), 60)
        await asyncio.sleep(2.0)
        assert len(shop.meta.history.sends()) == 1
        services.followers.open(DOOR)
        await until(replied(shop), 60)
    assert [send.accepted for send in shop.meta.history.sends()] == [False, True]
    reading.cancel()


async def test_while_the_log_takes_nothing_a_missing_status_means_nothing(
    behind: Behind, kafka: Kafka
) -> None:
    """The API is up, all that the log holds is read, and yet the platform's word was refused, and comes later."""
    shop = await behind(kafka, log={"SECONDS": 1}, WAFAA_INDETERMINATE_SECONDS=4)
    inbound = f"{behind.prefix}inbound"
    reading = asyncio.create_task(_listen(shop))
    shop.meta.statuses = ()
    shop.meta.behave(Behaviour.ACCEPT_THEN_DROP)
    question = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    await until(lambda: _is_taken(shop, question), 60)
    async with at_work(shop, "consumer", "worker"):
        await until(lambda: _sends(shop, 1), 60)
        kafka.takes(inbound, 10)
        [send] = shop.meta.history.sends()
        word = shop.meta.status(send, "read")
        assert await shop.meta.deliver(word) == 503
        await asyncio.sleep(5.0)
        kafka.takes(inbound, LARGEST)
        await until(lambda: _is_taken(shop, word), 60)
        await until(delivered(shop), 60)
    assert len(shop.meta.history.sends()) == 1
    reading.cancel()


async def _is_taken(shop: Shop, payload: Any) -> bool:
    return await shop.meta.deliver(payload, retry=True) == 200


async def test_whoever_reads_counts_as_open_intake_only_while_nobody_has_anything_unread(
    behind: Behind, kafka: Kafka
) -> None:
    shop = await behind(kafka)
    looking = asyncio.create_task(count_as_intake(shop.product.services, log_of(shop)))
    async with at_work(shop, "consumer"):
        await shop.gets(shop.meta.says(NUMBER, LAYLA, "1"))
        await until(lambda: _is_open(shop, 1), 60)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "2"))  # Whose partition it is says nothing.
    await until(lambda: _is_open(shop, 0), 60)
    looking.cancel()


async def _is_open(shop: Shop, readers: int) -> bool:
    sql = "SELECT count(*) = $2 FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
    return bool(await shop.value(sql, INTAKE, readers))


async def _listen(shop: Shop) -> None:
    async for _ in shop.product.services.db.listen("wafaa_intake", name=INTAKE):
        pass


async def _sends(shop: Shop, count: int) -> bool:
    return len(shop.meta.history.sends()) >= count


async def test_what_cannot_be_taken_in_is_buried_and_holds_nobody_up(
    behind: Behind, kafka: Kafka
) -> None:
    shop = await behind(kafka, log={"PARTITIONS": 1})
    log = log_of(shop)
    await log.append(INBOUND, [Record(b"odd", b"no envelope", {"schema": b"inbound/99"})])
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    [_, good] = await kafka.read(f"{behind.prefix}inbound", 2)
    damaged = good.value()[:-1] + bytes([good.value()[-1] ^ 1])
    await log.append(INBOUND, [Record(good.key(), damaged, dict(good.headers()))])
    await _nonsense(shop)
    await shop.gets(shop.meta.says(NUMBER, OMAR, ASKED["ar"]))
    async with at_work(shop):
        await until(replied(shop), 60)
        await until(replied(shop, 1, OMAR), 60)
    letters = await kafka.read(f"{behind.prefix}dead-letters", 3)
    assert b"no envelope" in [letter.value() for letter in letters]
    errors = [dict(letter.headers())["error-type"] for letter in letters]
    assert sorted(errors) == [b"InvalidInput", b"KeyError", b"Unreadable"]
    for letter in letters:
        assert dict(letter.headers())["origin"].startswith(f"{behind.prefix}inbound/0/".encode())
    async with shop.product.api.get("/metrics") as answer:
        assert 'code="buried_invalid_input"' in await answer.text()


async def test_anothers_number_is_quarantined_and_an_unknown_one_kept_as_without_a_log(
    behind: Behind, kafka: Kafka
) -> None:
    shop = await behind(kafka)
    rogue = await shop.product.business("rogue")
    await shop.product.connect_whatsapp(
        rogue, "900300", app_secret="the-secret-of-another-business"
    )
    body = body_of(shop.meta.says(NUMBER, LAYLA, "Cancel everything"))
    headers = headers_for(body, "the-secret-of-another-business")
    async with shop.product.api.post(
        "/webhook/whatsapp/rogue", data=body, headers=headers
    ) as answer:
        assert answer.status == 200
    stray = payloads.message(payloads.person(LAYLA), "text", {"body": "Hello"}, shop.meta.now())
    stranger = payloads.Number("900999", "token", callback_url=shop.number.callback_url)
    shop.meta.connect(stranger)
    await shop.gets(payloads.envelope(stranger, messages=[stray]))
    async with at_work(shop):
        await until(lambda: _kept(shop))
        async with shop.product.api.get("/v1/inbound-events", headers=rogue.staff) as answer:
            assert [event["state"] for event in await answer.json()] == ["quarantined"]
    assert [event["state"] for event in await shop.get("/v1/inbound-events")] == ["unrouted"]
    assert await shop.value("SELECT count(*) FROM messages") == 0


async def _has(shop: Shop, count: int) -> bool:
    return bool(await shop.value(f"SELECT ({CONTACTS}) >= $1", count))


async def _kept(shop: Shop) -> bool:
    return bool(await shop.value("SELECT count(*) FROM inbound_events WHERE state = 'unrouted'"))


async def _nonsense(shop: Shop) -> None:
    """A record that opens, and holds what nobody can read."""
    trace = f"00-{uuid4().hex}-{'1' * 16}-00"
    item = Inbound(shop.business.ref.id, "somebody", b'{"kind": 1}', trace)
    await Producer(log_of(shop), shop.product.services.keyring).append([item])

"""A record of the log that couldn't be taken in is kept for people: found, looked at, and taken in when they say so."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url

from app.embedded.postgres import EmbeddedPostgres
from app.services.queue.base import INBOUND, Record
from tests.fixtures.kafka import Kafka
from tests.fixtures.nursery import ROOT
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop
from tests.fixtures.shop_logged import (
    Behind,
    at_work,
    delivered,
    log_of,
    migrate_publishing,
    replied,
)
from tests.fixtures.wired import plain, until

REFUSE = """CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'Nobody new today.'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION public.refuse()"""
ALLOW = "DROP TRIGGER refuse ON contacts"
CONTACTS = "SELECT count(*) FROM messages WHERE author = 'contact'"

Allow = Callable[[], None]


@asynccontextmanager
async def buried(
    behind: Behind,
    kafka: Kafka,
    server: EmbeddedPostgres,
    database: str,
    *people: str,
    language: str = "en",
) -> AsyncIterator[tuple[Shop, Allow]]:
    """A shop at work, whose database refused what these people asked."""
    shop = await behind(kafka, language, database=database)
    run = partial(server.execute, database=make_url(database).database)
    run(REFUSE)
    async with at_work(shop):
        for person in people:
            await shop.gets(shop.meta.says(NUMBER, person, ASKED[language]))
        await until(lambda: _are_parked(shop, len(people)), 60)
        yield shop, lambda: run(ALLOW) and None


async def parked(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await shop.get("/v1/jobs/parked?kind=take_record")
    return found


async def _are_parked(shop: Shop, count: int) -> bool:
    return len(await parked(shop)) == count


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_one_is_looked_at_and_taken_in_once_however_often_that_is_asked_for(
    behind: Behind,
    kafka: Kafka,
    fresh_database: Callable[..., str],
    postgres18: EmbeddedPostgres,
    language: str,
) -> None:
    database = fresh_database(postgres18, migrate_publishing)
    async with buried(behind, kafka, postgres18, database, LAYLA, language=language) as (
        shop,
        allow,
    ):
        [job] = await parked(shop)
        found = await shop.get(f"/v1/jobs/{job['id']}")
        assert (found["state"], found["attempts"]) == ("parked", 5)
        assert found["error"].startswith("internal_error: ")
        [kept] = await shop.get("/v1/inbound-events")
        assert (kept["state"], kept["account_id"]) == ("buried", found["payload"]["account_id"])
        letters = await kafka.read(f"{behind.prefix}dead-letters")
        assert b"internal_error" in [dict(letter.headers()).get("error") for letter in letters]
        # The log's reader comes again with it: it is one job all the same.
        [record] = await kafka.read(f"{behind.prefix}inbound", 1)
        again = Record(record.key(), record.value(), dict(record.headers()))
        await log_of(shop).append(INBOUND, [again])
        await until(lambda: _letters(kafka, behind, 2), 60)
        assert await parked(shop) == [job]
        allow()
        for _ in range(3):
            assert await shop.post(f"/v1/jobs/{job['id']}/replay") in (202, 404)
        await until(replied(shop))
        await until(delivered(shop))
        assert await shop.post(f"/v1/jobs/{job['id']}/replay") == 404
        await log_of(shop).append(INBOUND, [again])
        await shop.gets(shop.meta.says(NUMBER, OMAR, ASKED[language]))
        await until(replied(shop, 1, OMAR))
    assert len(shop.replies()) == 1
    assert "18" in shop.replies()[0]
    assert await shop.value(CONTACTS) == 2
    assert await shop.get("/v1/inbound-events") == []


async def _letters(kafka: Kafka, behind: Behind, count: int) -> bool:
    letters = await kafka.read(f"{behind.prefix}dead-letters")
    return sum("origin" in dict(letter.headers()) for letter in letters) == count


async def test_all_that_are_meant_are_taken_in_by_api_or_command_and_what_fails_again_is_kept_again(
    behind: Behind,
    kafka: Kafka,
    fresh_database: Callable[..., str],
    postgres18: EmbeddedPostgres,
) -> None:
    database = fresh_database(postgres18, migrate_publishing)
    async with buried(behind, kafka, postgres18, database, LAYLA, OMAR) as (shop, allow):
        settings = {**plain(shop.product.services.settings), **behind.settings}
        listed = await _wafaa(settings, "list", "--kind", "take_record")
        assert {job["id"] for job in listed} == {job["id"] for job in await parked(shop)}
        shown = await _wafaa(settings, "show", listed[0]["id"])
        assert (shown["kind"], shown["state"]) == ("take_record", "parked")
        allow()
        assert await _replay(shop, kind="deliver_message") == 0
        await _wafaa(settings, "replay", listed[0]["id"])
        assert await _replay(shop, kind="take_record", code="internal_error") == 1
        await until(replied(shop))
        await until(replied(shop, 1, OMAR))
        await until(delivered(shop))
        assert await _wafaa(settings, "replay-all", "--kind", "take_record") == {"replayed": 0}
    assert [len(shop.replies(person)) for person in (LAYLA, OMAR)] == [1, 1]
    assert await parked(shop) == []


async def _replay(shop: Shop, **meant: str) -> int:
    headers = {**shop.business.staff, "Idempotency-Key": str(uuid4())}
    async with shop.product.api.post("/v1/replays", json=meant, headers=headers) as answer:
        assert answer.status == 202, await answer.text()
        return int((await answer.json())["replayed"])


async def _wafaa(settings: dict[str, Any], *words: str) -> Any:
    """What ``wafaa jobs`` says to a program."""
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "app.cli", "jobs", *words, "--client", "cafe", "--json",
        cwd=settings["WAFAA_HOME"], env=environment | {"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return json.loads(said)

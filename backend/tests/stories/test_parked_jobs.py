"""Work that failed for good: it keeps what people need to know, and is tried again, one or all that are meant."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.shop import ASKED, LAYLA, Shop

GUESTS = [f"96655000{n:04d}" for n in range(4)]


@pytest.fixture
async def shop(opened: Any) -> Shop:
    """Three replies that WhatsApp had a passing problem with, and one job that nobody can read."""
    shop: Shop = await opened(WAFAA_MAX_ATTEMPTS=1)
    for guest in GUESTS[:3]:
        shop.meta.behave(131016)
        await shop.hears(ASKED["en"], sender=guest)
        await shop.hears(
            ASKED["en"], sender=LAYLA
        )  # What works in between keeps the platform's circuit closed.
    await shop.gets(shop.meta.says("900200", GUESTS[3], ASKED["en"]))
    await shop.value(
        "UPDATE jobs SET payload = payload || '{\"message_id\": \"poison\"}' WHERE state = 'pending' RETURNING 1"
    )
    await shop.product.drain()
    return shop


async def parked(shop: Shop, **query: str) -> list[dict[str, Any]]:
    params = "&".join(f"{name}={value}" for name, value in query.items())
    found: list[dict[str, Any]] = await shop.get(f"/v1/jobs/parked?{params}")
    return found


async def replay(shop: Shop, key: str, **meant: str) -> int:
    headers = {**shop.business.staff, "Idempotency-Key": key}
    async with shop.product.api.post("/v1/replays", json=meant, headers=headers) as answer:
        assert answer.status == 202
        return int((await answer.json())["replayed"])


async def test_what_is_parked_is_found_by_what_is_known_of_it(shop: Shop) -> None:
    assert len(await parked(shop)) == 4
    assert [j["kind"] for j in await parked(shop, code="internal_error")] == ["answer_message"]
    delivered = await parked(shop, kind="deliver_message", code="upstream_unavailable")
    assert len(delivered) == 3
    ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(await parked(shop, since=ago)) == 4
    assert await parked(shop, until=ago) == []
    one = await shop.get(f"/v1/jobs/{delivered[0]['id']}")
    message_id = one["payload"]["message_id"]
    assert (one["state"], one["attempts"]) == ("parked", 1)
    assert one["error"].startswith("upstream_unavailable: ")
    assert await shop.value("SELECT author FROM messages WHERE id = $1", message_id) == "assistant"


async def test_all_that_are_meant_are_tried_again_and_no_others_and_once(shop: Shop) -> None:
    key = str(uuid4())
    assert await replay(shop, key, code="upstream_unavailable") == 3
    assert await replay(shop, key, code="upstream_unavailable") == 3  # The first one's answer.
    assert await replay(shop, str(uuid4()), code="upstream_unavailable") == 0
    await shop.product.drain()
    assert [len(shop.replies(guest)) for guest in GUESTS] == [1, 1, 1, 0]
    assert [j["kind"] for j in await parked(shop)] == ["answer_message"]
    acts = [entry for entry in await shop.get("/v1/audit") if entry["action"] == "jobs.replayed"]
    assert [(a["target"], a["details"]["code"]) for a in reversed(acts)] == [
        ("3", "upstream_unavailable"),
        ("0", "upstream_unavailable"),
    ]


async def test_one_is_tried_again_however_often_it_is_asked_for(shop: Shop) -> None:
    job = (await parked(shop, kind="deliver_message"))[0]
    for _ in range(3):
        assert await shop.post(f"/v1/jobs/{job['id']}/replay") == 202
    await shop.product.drain()
    assert sum(len(shop.replies(guest)) for guest in GUESTS) == 1
    assert await shop.post(f"/v1/jobs/{job['id']}/replay") == 404
    acts = [entry for entry in await shop.get("/v1/audit") if entry["action"] == "job.replayed"]
    assert [act["target"] for act in acts] == [job["id"]]


async def test_another_client_finds_none_of_it(shop: Shop) -> None:
    other = await shop.product.business("bakery")
    job = (await parked(shop))[0]
    api = shop.product.api
    async with api.get(f"/v1/jobs/{job['id']}", headers=other.staff) as answer:
        assert answer.status == 404
    async with api.post("/v1/replays", json={}, headers=other.staff) as answer:
        assert await answer.json() == {"replayed": 0}
    assert len(await parked(shop)) == 4

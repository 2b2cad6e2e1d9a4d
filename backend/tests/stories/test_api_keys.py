"""A program works with a key that a colleague made for it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.security import Principal, Role
from app.models.client import Client
from app.models.staff import Staff
from app.utils import base62
from tests.fixtures.product import Business, Product
from tests.fixtures.wired import until

READ = ["conversations:read", "knowledge:read"]


@pytest.fixture
async def cafe(product: Product) -> Business:
    return await product.business("cafe")


async def colleague(product: Product, business: Business, role: Role) -> dict[str, str]:
    """Headers of a new colleague."""
    async with product.services.db.tenant(business.ref.id) as tx:
        staff = await Staff.add(tx, f"{uuid4().hex}@cafe.example", "Sara", role, "none")
    token = product.services.tokens.issue(Principal(str(staff), business.ref.id, role))
    return {"Authorization": f"Bearer {token}"}


async def makes(
    product: Product, staff: dict[str, str], status: int = 201, **wish: Any
) -> dict[str, Any]:
    body = {"name": "Till", "rights": READ} | wish
    async with product.api.post("/v1/keys", json=body, headers=staff) as answer:
        assert answer.status == status, await answer.text()
        made: dict[str, Any] = await answer.json()
    return made


async def gets(product: Product, path: str, key: str) -> int:
    async with product.api.get(path, headers={"Authorization": f"Bearer {key}"}) as answer:
        return answer.status


async def test_a_key_opens_what_it_was_given_and_nothing_else(product, cafe) -> None:
    """Check 31: shown once, stored hashed, scoped to no more than its maker."""
    made = await makes(product, cafe.staff)
    key = made["key"]
    assert key.startswith("wf_live_")
    assert await gets(product, "/v1/conversations", key) == 200
    assert await gets(product, "/v1/documents", key) == 200
    for path in ("/v1/usage", "/v1/channels", "/v1/clients/me", "/v1/keys"):
        assert await gets(product, path, key) == 403, path
    async with product.api.get("/v1/auth/me", headers={"Authorization": f"Bearer {key}"}) as me:
        assert (await me.json())["scopes"] == sorted(READ)
    async with product.api.get("/v1/keys", headers=cafe.staff) as listed:
        assert key not in await listed.text()
        [kept] = await listed.json()
    assert kept["id"] == made["id"]
    assert kept["last_used_at"]
    async with product.services.db.tenant(cafe.ref.id) as tx:
        rows = str([dict(row) for row in await tx.all("SELECT * FROM api_keys")])
    assert key not in rows
    assert key[-43:] not in rows


async def test_nobody_gives_a_right_that_they_dont_have(product, cafe) -> None:
    """Check 31."""
    for role, wanted, status in (
        (Role.VIEWER, ["conversations:read"], 201),
        (Role.VIEWER, ["conversations:write"], 403),
        (Role.AGENT, ["conversations:write"], 201),
        (Role.AGENT, ["knowledge:write"], 403),
        (Role.AGENT, ["admin"], 403),
        (Role.OWNER, ["admin", "knowledge:write"], 201),
        (Role.OWNER, ["platform"], 403),
        (Role.PLATFORM, ["platform"], 403),
    ):
        staff = await colleague(product, cafe, role)
        await makes(product, staff, status, rights=wanted)
    for wish in ({"rights": []}, {"rights": ["everything"]}, {"mode": "prod"}, {"staff_id": "x"}):
        await makes(product, cafe.staff, 422, **wish)
    await makes(product, cafe.staff, 422, mode="test", rights=["knowledge:write"])
    tried = (await makes(product, cafe.staff, mode="test"))["key"]
    assert tried.startswith("wf_test_")
    assert await gets(product, "/v1/documents", tried) == 200


async def test_a_key_cant_make_keys(product, cafe) -> None:
    everything = ["admin", "client:write", "knowledge:write", "conversations:write"]
    made = await makes(product, cafe.staff, rights=everything)
    await makes(product, {"Authorization": f"Bearer {made['key']}"}, 403)


async def test_a_key_ends_when_it_is_revoked_expires_or_its_maker_goes(product, cafe) -> None:
    agent = await colleague(product, cafe, Role.AGENT)
    revoked, expired = (await makes(product, agent))["key"], await makes(product, agent)
    gone, suspended = (await makes(product, agent))["key"], (await makes(product, cafe.staff))[
        "key"
    ]
    for key in (revoked, expired["key"], gone, suspended):
        assert await gets(product, "/v1/conversations", key) == 200

    async def refused(key: str) -> None:
        async def none() -> bool:
            return await gets(product, "/v1/conversations", key) == 401

        await until(none, 30)

    async with product.api.get("/v1/keys", headers=cafe.staff) as listed:
        first = min(await listed.json(), key=lambda k: k["created_at"])
    path = f"/v1/keys/{first['id']}"
    async with product.api.delete(path, headers=agent) as answer:
        assert answer.status == 204
    await refused(revoked)
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await tx.run(
            "UPDATE api_keys SET expires_at = now() WHERE client_id = $1 AND id = $2",
            cafe.ref.id,
            UUID(expired["id"]),
        )
    await refused(expired["key"])
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await tx.run(
            "UPDATE staff SET is_active = false WHERE client_id = $1 AND role = 'agent'",
            cafe.ref.id,
        )
    await refused(gone)
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await Client.suspend(tx, "unpaid")
    await refused(suspended)


async def test_a_colleague_who_is_demoted_takes_the_keys_along(product, cafe) -> None:
    agent = await colleague(product, cafe, Role.AGENT)
    key = (await makes(product, agent, rights=["conversations:write", "conversations:read"]))["key"]
    headers = {"Authorization": f"Bearer {key}"}
    path = f"/v1/conversations/{uuid4()}/takeover"
    async with product.api.post(path, headers=headers) as answer:
        assert answer.status == 404
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await tx.run("UPDATE staff SET role = 'viewer' WHERE client_id = $1", cafe.ref.id)

    async def forbidden() -> bool:
        async with product.api.post(path, headers=headers) as answer:
            return answer.status == 403

    await until(forbidden, 30)


async def test_colleagues_see_and_end_only_their_own_keys_and_owners_all(product, cafe) -> None:
    first, second = [await colleague(product, cafe, Role.AGENT) for _ in range(2)]
    made = await makes(product, first)
    other = await product.business("clinic")
    for staff, seen, status in ((second, 0, 404), (other.staff, 0, 404), (cafe.staff, 1, 204)):
        async with product.api.get("/v1/keys", headers=staff) as listed:
            assert len(await listed.json()) == seen
        async with product.api.delete(f"/v1/keys/{made['id']}", headers=staff) as answer:
            assert answer.status == status


async def test_a_key_that_is_none_is_refused_whatever_it_looks_like(product, cafe) -> None:
    key = (await makes(product, cafe.staff))["key"]
    body, last = key[:-1], key[-1]
    tricks = [
        "wf_live_", "wf_", body, key + "0", body + ("0" if last != "0" else "1"), key.swapcase(), key.upper(),
        key.replace("wf_live_", "wf_test_"), key.replace("wf_live_", "sk_live_"), "wf_live_" + "z" * 65,
        "wf_live_" + "0" * 65, key[:30] + "0" * 43, "wf_live_" + "0" * 22 + key[30:], f"{key}\u00a0", f"{key}.x.y",
        "wf_live_' OR 1=1 --" + "0" * 47,
    ]  # fmt: skip
    for trick in tricks:
        assert await gets(product, "/v1/conversations", trick) == 401, trick
    async with product.api.get(f"/v1/conversations?key={key}") as answer:
        assert answer.status == 401
    async with product.api.get("/v1/conversations", headers={"X-Api-Key": key}) as answer:
        assert answer.status == 401
    body_ = {"client_message_id": str(uuid4()), "text": "Hello"}
    path = f"/web/v1/conversations/{uuid4()}/messages"
    async with product.api.post(
        path, json=body_, headers={"Authorization": f"Bearer {key}"}
    ) as answer:
        assert answer.status == 401, "it opens nothing of visitors'"


async def test_use_is_written_down_at_most_once_a_minute(product, cafe) -> None:
    made = await makes(product, cafe.staff)
    await asyncio.gather(*(gets(product, "/v1/documents", made["key"]) for _ in range(20)))
    async with product.services.db.tenant(cafe.ref.id) as tx:
        first = await tx.value("SELECT xmin::text FROM api_keys WHERE client_id = $1", cafe.ref.id)
    await asyncio.sleep(2.5)  # What is known of the key is looked up again.
    await gets(product, "/v1/documents", made["key"])
    async with product.services.db.tenant(cafe.ref.id) as tx:
        again = await tx.value("SELECT xmin::text FROM api_keys WHERE client_id = $1", cafe.ref.id)
    assert first == again


async def test_an_address_that_makes_keys_up_waits_and_those_beside_it_dont(product, cafe) -> None:
    key = (await makes(product, cafe.staff))["key"]
    assert await gets(product, "/v1/conversations", key) == 200
    alphabet = base62.encode(bytes(32), 43)[:1] * 22

    async def guesses_a_key(number: int) -> int:
        return await gets(product, "/v1/conversations", f"wf_live_{alphabet}{number:043d}")

    answers = await _until_refused(guesses_a_key)
    assert answers[:300] == [401] * 300
    assert answers[-1] == 429
    assert await gets(product, "/v1/conversations", key) == 200
    assert (await _until_refused(partial(_guesses_a_session, product)))[-1] == 429
    async with product.api.get("/v1/conversations", headers=cafe.staff) as signed:
        assert signed.status == 200


async def _until_refused(guess: Callable[[int], Awaitable[int]]) -> list[int]:
    """One guess after the other; some grow back while a slow machine asks."""
    answers: list[int] = []
    while 429 not in answers and len(answers) < 3_000:
        answers.append(await guess(len(answers)))
    return answers


async def _guesses_a_session(product: Product, number: int) -> int:
    cookie = {"Cookie": f"wafaa_session={number:043d}; __Host-wafaa_session={number:043d}"}
    async with product.api.get("/v1/conversations", headers=cookie) as guessed:
        assert guessed.status == 401 or int(guessed.headers["Retry-After"]) >= 1
        return guessed.status

"""A request that is sent again is done once, and its answer is the first one's."""

import asyncio
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from app.core.once import KeyInUse
from app.models.idempotency import FoundingKey, IdempotencyKey, Keys
from app.models.staff import Staff
from tests.fixtures.shop import LAYLA, Shop
from tests.stories.test_client_standing import platform


@pytest.fixture
async def talk(shop: Shop) -> str:
    """A conversation that the owner has taken: where its messages are posted."""
    await shop.hears("Hello")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    assert await shop.post(f"{path}/takeover") == 204
    return f"{path}/messages"


async def send(
    shop: Shop, path: str, text: str, key: str | None, **headers: str
) -> tuple[int, Any, bool]:
    """Status, body, and whether it is an earlier answer."""
    given = {**shop.business.staff, **headers} | ({"Idempotency-Key": key} if key else {})
    async with shop.product.api.post(path, json={"text": text}, headers=given) as answer:
        return answer.status, await answer.json(), "Idempotency-Replayed" in answer.headers


async def test_the_same_again_gets_the_same_answer_and_does_nothing(shop: Shop, talk: str) -> None:
    key = str(uuid4())
    first = await send(shop, talk, "Come by at noon.", key)
    assert (first[0], first[2]) == (202, False)
    for spelled in (key, f'"{key}"'):
        assert await send(shop, talk, "Come by at noon.", spelled) == (202, first[1], True)
    await shop.product.drain()
    assert shop.replies()[1:] == ["Come by at noon."]
    await send(shop, talk, "Come by at noon.", str(uuid4()))
    await send(shop, talk, "Come by at noon.", None)
    await shop.product.drain()
    assert shop.replies()[1:] == ["Come by at noon."] * 3


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Key already used"), ("ar", "المفتاح مستخدم من قبل")]
)
async def test_another_request_under_the_same_key_is_refused(
    shop: Shop, talk: str, language: str, title: str
) -> None:
    key = str(uuid4())
    await send(shop, talk, "Come by at noon.", key)
    status, problem, _ = await send(
        shop, talk, "Come at one.", key, **{"Accept-Language": language}
    )
    assert (status, problem["code"], problem["title"]) == (422, "idempotency_key_reused", title)
    await shop.product.drain()
    assert shop.replies()[1:] == ["Come by at noon."]


async def test_of_many_at_once_one_is_done_and_all_hear_of_it(shop: Shop, talk: str) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(send(shop, talk, "Yes.", key) for _ in range(12)))
    assert {status for status, _, _ in answers} == {202}
    assert len({body["message_id"] for _, body, _ in answers}) == 1
    assert sum(not replayed for _, _, replayed in answers) == 1
    await shop.product.drain()
    assert shop.replies()[1:] == ["Yes."]


@pytest.mark.parametrize("keys", [IdempotencyKey, FoundingKey])
async def test_who_comes_while_the_first_doesnt_end_is_told_so(shop: Shop, keys: Keys) -> None:
    db, client_id = shop.product.services.db, shop.business.ref.id
    async with db.tenant(client_id) as first:
        assert await keys.claim(first, b"name", b"asked") is None
        async with db.tenant(client_id) as twin:
            await twin.run("SET LOCAL lock_timeout = 100")
            with pytest.raises(KeyInUse):
                await keys.claim(twin, b"name", b"asked")
        await keys.keep(first, b"name", 202, b"answer")
    async with db.tenant(client_id) as later:
        kept = await keys.claim(later, b"name", b"asked")
    assert kept
    assert (kept.status, kept.answer) == (202, b"answer")


async def test_a_request_that_failed_leaves_its_key_free(shop: Shop) -> None:
    await shop.hears("Hello")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    key = str(uuid4())
    status, _, _ = await send(shop, f"{path}/messages", "Not mine yet.", key)
    assert status == 409
    await shop.post(f"{path}/takeover")
    assert (await send(shop, f"{path}/messages", "Not mine yet.", key))[0] == 202


async def test_a_key_is_its_callers_own(shop: Shop, talk: str) -> None:
    other = await shop.product.business("bakery")
    key = str(uuid4())
    await send(shop, talk, "Come by at noon.", key)
    headers = {**other.staff, "Idempotency-Key": key}
    async with shop.product.api.post(talk, json={"text": "Come by at noon."}, headers=headers) as a:
        assert a.status == 404


async def test_a_file_is_taken_once_whatever_its_forms_boundary(shop: Shop) -> None:
    key, ids = str(uuid4()), set()
    for content in ("We close at ten.", "We close at ten."):
        form = aiohttp.FormData()
        form.add_field("file", content.encode(), filename="hours.md", content_type="text/markdown")
        headers = {**shop.business.staff, "Idempotency-Key": key}
        async with shop.product.api.post("/v1/documents", data=form, headers=headers) as answer:
            assert answer.status == 202, await answer.text()
            ids.add((await answer.json())["id"])
    assert len(ids) == 1


async def test_what_is_kept_holds_no_words_and_goes_after_a_day(shop: Shop, talk: str) -> None:
    key = str(uuid4())
    await send(shop, talk, "A private word.", key)
    kept = await shop.rows(
        "SELECT t::text AS row, encode(answer, 'escape') AS answer FROM idempotency_keys t"
    )
    assert len(kept) == 1
    assert key not in kept[0]["row"]
    assert "message_id" not in kept[0]["answer"]
    aged = "UPDATE idempotency_keys SET created_at = created_at - interval '{} hours' RETURNING 1"
    await shop.value(aged.format(23))
    assert (await send(shop, talk, "A private word.", key))[::2] == (202, True)
    await shop.value(aged.format(2))
    assert (await send(shop, talk, "Another one.", key))[::2] == (202, False)
    assert await shop.value("SELECT count(*) FROM idempotency_keys") == 1


async def test_a_copy_is_begun_and_somebody_is_let_in_once(shop: Shop) -> None:
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        await Staff.add(tx, "noor@cafe.example", "Noor", "platform", "")
    grant = {"email": "noor@cafe.example", "reason": "A menu isn't found.", "hours": 1}
    for path, body, status in (("/v1/exports", {}, 202), ("/v1/access-grants", grant, 201)):
        headers, ids = {**shop.business.staff, "Idempotency-Key": str(uuid4())}, set()
        for replayed in (False, True):
            async with shop.product.api.post(path, json=body, headers=headers) as answer:
                assert (answer.status, "Idempotency-Replayed" in answer.headers) == (
                    status,
                    replayed,
                )
                ids.add((await answer.json())["id"])
        assert len(ids) == 1
    assert await shop.value("SELECT count(*) FROM exports") == 1
    assert await shop.value("SELECT count(*) FROM access_grants") == 1


async def test_a_visitor_asks_for_a_human_once(shop: Shop) -> None:
    async with shop.product.api.post(
        "/web/v1/sessions", json={"channel_key": shop.business.channel_key}
    ) as answer:
        session = await answer.json()
    headers = {
        "Authorization": f"Bearer {session['session_token']}",
        "Idempotency-Key": str(uuid4()),
    }
    path = f"/web/v1/conversations/{session['conversation_id']}/handover"
    for replayed in (False, True):
        async with shop.product.api.post(path, json={}, headers=headers) as answer:
            assert (answer.status, "Idempotency-Replayed" in answer.headers) == (202, replayed)
    assert shop.meta.inbox(LAYLA) == []


async def make(shop: Shop, slug: str, **headers: str) -> tuple[int, Any, bool]:
    """What making a client comes to, for whoever runs the installation."""
    huda = {"email": "huda@inn.example", "name": "Huda", "password": "a long password"}
    body = {"name": "The Inn", "slug": slug, "owner": huda}
    async with shop.product.api.post("/v1/clients", json=body, headers=headers) as answer:
        return answer.status, await answer.json(), "Idempotency-Replayed" in answer.headers


async def slugs(shop: Shop) -> list[str]:
    """Which clients there are."""
    async with shop.product.api.get("/v1/clients", headers=platform(shop)) as answer:
        return [one["slug"] for one in await answer.json()]


async def test_a_client_is_made_once(shop: Shop) -> None:
    keyed = platform(shop) | {"Idempotency-Key": str(uuid4())}
    first, *others = await asyncio.gather(*(make(shop, "inn", **keyed) for _ in range(3)))
    assert {status for status, _, _ in (first, *others)} == {201}
    assert all(body == first[1] for _, body, _ in others)
    assert sorted(replayed for _, _, replayed in (first, *others)) == [False, True, True]
    assert await make(shop, "inn", **keyed) == (201, first[1], True)
    assert await slugs(shop) == ["cafe", "inn"]


async def test_a_key_that_made_a_client_makes_no_other(shop: Shop) -> None:
    keyed = platform(shop) | {"Idempotency-Key": str(uuid4())}
    assert (await make(shop, "inn", **keyed))[0] == 201
    status, problem, _ = await make(shop, "lodge", **keyed)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert await slugs(shop) == ["cafe", "inn"]


async def test_a_slug_that_is_taken_is_refused_and_leaves_the_key_free(shop: Shop) -> None:
    keyed = platform(shop) | {"Idempotency-Key": str(uuid4())}
    for headers in (platform(shop), keyed):
        status, problem, _ = await make(shop, "cafe", **headers)
        assert (status, problem["code"]) == (409, "conflict")
    assert (await make(shop, "inn", **keyed))[::2] == (201, False)


async def test_each_who_runs_the_installation_has_keys_of_their_own(shop: Shop) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    assert (await make(shop, "inn", **platform(shop), **key))[::2] == (201, False)
    assert (await make(shop, "inn", **platform(shop), **key))[0] == 409
    assert (await make(shop, "lodge", **platform(shop), **key))[::2] == (201, False)


async def test_what_is_kept_of_a_client_that_was_made_holds_no_words_and_goes_after_a_day(
    shop: Shop,
    owner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    keyed = platform(shop) | {"Idempotency-Key": str(uuid4())}
    await make(shop, "inn", **keyed)
    [row] = await owner.fetch(
        "SELECT k::text AS row, encode(answer, 'escape') AS answer FROM vault.founding_keys k"
    )
    assert keyed["Idempotency-Key"] not in row["row"]
    assert '"slug"' not in row["answer"]
    aged = "UPDATE vault.founding_keys SET created_at = created_at - interval '{} hours'"
    await owner.execute(aged.format(23))
    assert (await make(shop, "inn", **keyed))[::2] == (201, True)
    await owner.execute(aged.format(2))
    assert (await make(shop, "lodge", **keyed))[::2] == (201, False)
    assert await owner.fetchval("SELECT count(*) FROM vault.founding_keys") == 1

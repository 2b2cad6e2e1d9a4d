"""A client's configuration is drafted, published, compared and rolled back; the assistant uses what is published."""

from typing import Any

import asyncpg
import pytest

from app.bootstrap import app_url
from tests.fixtures.shop import Shop

GREETINGS = {"en": "Welcome to our bright new cafe!", "ar": "أهلًا بكم في مقهانا الجديد!"}
HELLO = {"en": "Hello", "ar": "مرحبا"}


async def send(
    shop: Shop, method: str, path: str, body: Any = None, seen: str | None = None
) -> tuple[int, Any, str]:
    """Status, answer and ETag of what its owner does."""
    headers = shop.business.staff | ({"If-Match": seen} if seen else {})
    async with shop.product.api.request(method, path, json=body, headers=headers) as answer:
        told = await answer.json() if answer.status != 204 else None
        return answer.status, told, answer.headers.get("ETag", "")


async def settings_of(shop: Shop, **changed: Any) -> dict[str, Any]:
    """What a form would send."""
    _, published, _ = await send(shop, "GET", "/v1/assistant")
    return {"name": published["name"], "settings": published["settings"] | changed}


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_assistant_uses_a_draft_only_when_it_is_published(opened, language) -> None:
    shop = await opened(language)
    _, _, seen = await send(shop, "GET", "/v1/assistant")
    body = await settings_of(shop, greeting=GREETINGS)
    status, draft, drafted = await send(shop, "PUT", "/v1/assistant/draft", body, seen)
    assert status == 200
    assert {c["path"] for c in draft["changes"]} == {"settings.greeting.ar", "settings.greeting.en"}
    await shop.hears(HELLO[language])
    assert GREETINGS[language] not in shop.replies()[0]

    status, version, _ = await send(
        shop, "POST", "/v1/assistant/publish", {"note": "New paint"}, drafted
    )
    assert (status, version["version"], version["note"]) == (200, 2, "New paint")
    await shop.hears(HELLO[language])
    assert shop.replies()[1] == GREETINGS[language]
    assert (await send(shop, "GET", "/v1/assistant/draft"))[0] == 404


async def test_who_changes_something_says_what_they_have_seen(shop) -> None:
    body = await settings_of(shop, tone="formal")
    _, _, seen = await send(shop, "GET", "/v1/assistant")
    for method, path in (
        ("PUT", "/v1/clients/me"), ("PUT", "/v1/assistant/draft"), ("DELETE", "/v1/assistant/draft"),
        ("POST", "/v1/assistant/publish"), ("POST", "/v1/assistant/versions/1/restore"),
    ):  # fmt: skip
        given = body if method == "PUT" else {}
        status, problem, _ = await send(shop, method, path, given)
        assert (status, problem["code"]) == (428, "precondition_required")
        status, problem, _ = await send(shop, method, path, given, '"v77"')
        assert (status, problem["code"]) == (412, "precondition_failed")

    assert (await send(shop, "PUT", "/v1/clients/me", body, seen))[0] == 200
    status, problem, _ = await send(shop, "PUT", "/v1/clients/me", body, seen)
    assert status == 412  # Seen before the change: whose change it was is in the history.


async def test_a_draft_that_was_overtaken_is_compared_before_it_is_published(shop) -> None:
    _, _, seen = await send(shop, "GET", "/v1/assistant")
    draft = await settings_of(shop, tone="formal")
    _, _, drafted = await send(shop, "PUT", "/v1/assistant/draft", draft, seen)
    other = await settings_of(shop, color="#112233")
    assert (await send(shop, "PUT", "/v1/clients/me", other, seen))[0] == 200

    assert (await send(shop, "POST", "/v1/assistant/publish", {}, drafted))[0] == 412
    assert (await send(shop, "PUT", "/v1/assistant/draft", draft, '"d1.7"'))[0] == 412
    _, again, drafted = await send(shop, "PUT", "/v1/assistant/draft", draft, drafted)
    assert {c["path"] for c in again["changes"]} == {"settings.tone", "settings.color"}
    assert (await send(shop, "POST", "/v1/assistant/publish", {}, drafted))[0] == 200


async def test_an_earlier_version_comes_back_under_a_new_number(shop) -> None:
    for tone in ("formal", "poetic"):
        _, _, seen = await send(shop, "GET", "/v1/assistant")
        body = await settings_of(shop, tone=tone)
        assert (await send(shop, "PUT", "/v1/clients/me", body, seen))[0] == 200
    _, now, seen = await send(shop, "GET", "/v1/assistant")
    assert now["settings"]["tone"] == "poetic"
    status, back, _ = await send(shop, "POST", "/v1/assistant/versions/2/restore", {}, seen)
    assert (status, back["version"], back["settings"]["tone"]) == (200, 4, "formal")

    versions = await shop.get("/v1/assistant/versions")
    assert [v["version"] for v in versions] == [4, 3, 2, 1]
    assert all(v["author"] and v["created_at"] for v in versions)
    changes = await shop.get("/v1/assistant/diff?before=2&after=3")
    assert changes == [{"path": "settings.tone", "before": "formal", "after": "poetic"}]
    assert await shop.get("/v1/assistant/diff?before=2&after=4") == []


async def test_what_was_published_cant_be_changed_by_the_application(shop) -> None:
    url = app_url(shop.product.services.settings).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        for statement in (
            "UPDATE client_versions SET author = 'x'",
            "DELETE FROM client_versions",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_evidence_is_sealed_anew_for_a_new_key_and_not_changed_otherwise(shop) -> None:
    """Published configurations, words of consents: neither under the same key, nor under one that there isn't."""
    await shop.hears("STOP")
    for column in ("client_versions SET configuration", "consents SET wording"):
        for head in ("x", r"\x0200000001", r"\x0200000002", r"\x02ffffffff"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
                    await tx.run(f"UPDATE {column} = $1::text::bytea", head)

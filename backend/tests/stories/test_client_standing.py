"""What whoever runs an installation decides about a client: suspension, resumption, quota; and what its use cost."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import FormData

from app.core.security import Principal, Role
from app.models.message import Message
from app.models.usage import UsageRecord
from app.services.orchestrator.phrases import PHRASES
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR
from tests.fixtures.wired import until
from tests.stories.test_pipeline_people import smtp  # noqa: F401 # Fixture.

WAITS_FOR_A_LOCK = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
AND query LIKE '%record%'
"""
SECOND = 1.1
"""Look-ups are remembered for a second."""


def platform(shop: Any) -> dict[str, str]:
    """Headers of somebody who runs the installation: of no client with contacts."""
    principal = Principal(str(uuid4()), uuid4(), Role.PLATFORM)
    return {"Authorization": f"Bearer {shop.product.services.tokens.issue(principal)}"}


async def call(
    shop: Any, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """What an endpoint answers to whoever runs the installation, or to whose headers these are."""
    sent = headers or platform(shop)
    async with shop.product.api.request(method, path, json=body, headers=sent) as answer:
        return answer.status, await answer.json() if answer.content_length != 0 else None


async def suspend(shop: Any, reason: str = "The invoice of May is open.") -> None:
    status, state = await call(shop, "POST", "/v1/clients/cafe/suspend", {"reason": reason})
    assert (status, state["is_active"], state["suspended_for"]) == (200, False, reason)
    await asyncio.sleep(SECOND)


async def test_what_a_suspended_client_is_sent_is_kept_and_answered_after_it_resumes(shop) -> None:
    await suspend(shop)
    await shop.hears(ASKED["en"])
    assert shop.replies() == []
    conversation = await shop.conversation()
    assert conversation["handover_reason"] == "suspended"
    assert [m["text"] for m in await shop.messages()] == [ASKED["en"]]
    assert (await shop.get("/v1/clients/me"))["suspended_for"] == "The invoice of May is open."

    assert (await call(shop, "POST", "/v1/clients/cafe/resume", {}))[0] == 200
    await asyncio.sleep(SECOND)
    await shop.hears("Are you there?")
    assert "18 SAR" in shop.replies()[0]


async def test_what_a_suspended_client_was_asked_yesterday_is_left_to_people(shop) -> None:
    await suspend(shop)
    await shop.hears(ASKED["en"])
    await shop.rows("UPDATE messages SET created_at = created_at - interval '1 day' RETURNING 1")
    assert (await call(shop, "POST", "/v1/clients/cafe/resume", {}))[0] == 200
    await asyncio.sleep(SECOND)
    await shop.hears("When do you open?")
    assert len(shop.replies()) == 1
    assert (await shop.trace())["question"] == "When do you open?"
    assert (await shop.conversation())["waiting_since"]


async def test_staff_of_a_suspended_client_read_and_nothing_more(shop) -> None:
    await shop.hears("Hello")
    conversation = (await shop.conversation())["id"]
    await suspend(shop)
    assert (await shop.conversation())["id"] == conversation
    path = f"/v1/conversations/{conversation}/takeover"
    status, problem = await call(shop, "POST", path, headers=shop.business.staff)
    assert (status, problem["code"]) == (403, "suspended")
    status, problem = await call(
        shop, "POST", "/v1/answers", {"question": ASKED["en"]}, headers=shop.business.staff
    )
    assert (status, problem["code"]) == (403, "suspended")


async def test_a_reply_that_waits_when_its_client_is_suspended_stays_with_its_reason(shop) -> None:
    await shop.hears("Hello")
    conversation = (await shop.conversation())["id"]
    path = f"/v1/conversations/{conversation}"
    await shop.post(f"{path}/takeover")
    assert await shop.post(f"{path}/messages", {"text": "One moment"}) == 202
    await suspend(shop)
    await shop.product.drain()
    assert len(shop.replies()) == 1
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        [row] = await tx.all("SELECT * FROM messages WHERE author = 'agent'")
        message = Message.opened(tx, row)
    error = (message.delivery_error or "").partition(":")[0]
    assert (message.delivery_state, error) == ("parked", "suspended")


async def test_a_reply_recorded_just_before_its_client_is_suspended_does_not_go_out(shop) -> None:
    await shop.hears("Hello")
    db, client_id = shop.product.services.db, shop.business.ref.id
    await shop.meta.deliver(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    async with db.tenant(client_id) as tx:
        await tx.run("SELECT FROM conversations WHERE client_id = $1 FOR UPDATE", client_id)
        turn = asyncio.create_task(shop.product.drain())
        await until(lambda: shop.value(WAITS_FOR_A_LOCK))
        await suspend(shop)  # The reply is thought of, and about to be recorded.
    await turn
    assert len(shop.replies()) == 1
    last = (await shop.messages())[-1]
    assert (last["author"], last["delivery_state"]) == ("assistant", "parked")


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_visitor_of_a_suspended_client_is_told_in_their_language(shop, language) -> None:
    body = {"channel_key": shop.business.channel_key}
    async with shop.product.api.post("/web/v1/sessions", json=body) as answer:
        session = await answer.json()
    await suspend(shop)
    headers = {
        "Authorization": f"Bearer {session['session_token']}", "Accept-Language": language
    }  # fmt: skip
    path = f"/web/v1/conversations/{session['conversation_id']}/messages"
    message = {"client_message_id": str(uuid4()), "text": ASKED[language]}
    said = await call(shop, "POST", path, message, headers=headers)
    opened = await call(
        shop, "POST", "/web/v1/sessions", body, headers={"Accept-Language": language}
    )
    titles = {"en": "Paused", "ar": "الخدمة متوقفة مؤقتًا"}
    for status, problem in (said, opened):
        assert (status, problem["code"], problem["title"]) == (403, "suspended", titles[language])


async def test_only_who_runs_the_installation_decides_about_clients(shop) -> None:
    for path in ("/v1/clients/cafe", "/v1/clients/cafe/usage"):
        assert (await call(shop, "GET", path, headers=shop.business.staff))[0] == 403
    body = {"reason": "Because"}
    path = "/v1/clients/cafe/suspend"
    assert (await call(shop, "POST", path, body, headers=shop.business.staff))[0] == 403
    assert (await call(shop, "POST", "/v1/clients/nobody/suspend", body))[0] == 404
    status, state = await call(shop, "GET", "/v1/clients/cafe")
    assert (status, state["is_active"]) == (200, True)


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_over_quota_every_question_goes_to_people_and_is_told_once(
    opened,
    smtp,  # noqa: F811
    language,
) -> None:
    sink, url = smtp
    shop = await opened(language, SMTP_URL=url, WAFAA_PLATFORM_EMAIL="ops@wafaa.example")
    await call(shop, "PUT", "/v1/clients/cafe/quota", {"messages": 1})
    await asyncio.sleep(SECOND)
    await shop.hears(ASKED[language])
    assert "18" in shop.replies()[0]
    await asyncio.sleep(5.1)  # A month's use is counted every five seconds.
    await shop.hears(ASKED[language])
    await shop.hears(ASKED[language], sender=OMAR)
    assert shop.replies()[1] == PHRASES["over_quota"][language]
    assert shop.replies(OMAR)[0].endswith(PHRASES["over_quota"][language])
    assert len(await shop.messages()) > 0
    assert {c["handover_reason"] for c in (await shop.get("/v1/conversations?waiting=true"))["data"]} == {
        "quota_messages"
    }  # fmt: skip
    subject = PHRASES["quota_subject"][language].format(client="Cafe")
    [told] = [mail for mail in sink.mails if mail["Subject"] == subject]
    assert {a.strip() for a in told["To"].split(",")} == {shop.business.email, "ops@wafaa.example"}
    assert [e["action"] for e in await shop.get("/v1/audit")].count("quota.used_up") == 1


async def test_more_knowledge_than_the_quota_has_room_for_is_refused(shop) -> None:
    await call(shop, "PUT", "/v1/clients/cafe/quota", {"knowledge_bytes": 500})
    form = FormData()
    form.add_field("file", b"x" * 480, filename="note.md")
    async with shop.product.api.post(
        "/v1/documents", data=form, headers=shop.business.staff
    ) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "quota_exceeded")
    quota = await shop.get("/v1/quota")
    assert quota["allowed"]["knowledge_bytes"] == 500
    assert 0 < quota["used"]["knowledge_bytes"] <= 500


async def test_usage_is_told_by_day_model_and_channel_with_its_cost(shop) -> None:
    await shop.hears(ASKED["en"])
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        await UsageRecord.add(tx, UUID(int=1), "gpt-4o-2024", (1_000_000, 100_000), 5, "web")
    status, rows = await call(shop, "GET", "/v1/clients/cafe/usage")
    assert status == 200
    by_model = {(row["model"], row["channel"]): row for row in rows}
    assert by_model["gpt-4o-2024", "web"]["cost_usd"] == 3.5
    assert by_model["extractive", "whatsapp"]["answers"] == 1
    assert await shop.get("/v1/usage") == rows


async def test_each_decision_is_in_the_clients_own_audit_log(shop) -> None:
    await suspend(shop)
    await call(shop, "POST", "/v1/clients/cafe/resume", {})
    await call(shop, "PUT", "/v1/clients/cafe/quota", {"tokens": 5})
    acts = [e["action"] for e in await shop.get("/v1/audit")]
    assert acts[:3] == ["client.quota_set", "client.resumed", "client.suspended"]
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "Hello"))

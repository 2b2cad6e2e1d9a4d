"""A human is wanted, comes, answers and leaves again."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from app.services.orchestrator.phrases import PHRASES
from simulators import _meta_payloads as payloads
from tests.fixtures.shop import ASKED, LAYLA, NUMBER
from tests.fixtures.wired import until

WISHES = {
    "en": "I want to talk to a human, my card number is 4111",
    "ar": "أريد التحدث مع موظف، رقم بطاقتي 4111",
}


class Sink:
    """A mail server that keeps what it gets; it refuses as often as it is told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals = 0

    async def handle_DATA(  # noqa: N802 - a given name.
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.refusals:
            self.refusals -= 1
            return "451 Come again later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@pytest.fixture
async def smtp() -> AsyncIterator[tuple[Sink, str]]:
    """A mail server on loopback, and its URL."""
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield sink, f"smtp://127.0.0.1:{port}?from=wafaa@example.org"
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_who_asks_for_a_human_is_put_on_the_waiting_list_and_people_are_told(
    opened, smtp, language
) -> None:
    sink, url = smtp
    shop = await opened(language, SMTP_URL=url)
    await shop.hears(WISHES[language])
    assert shop.replies()[0].endswith(PHRASES["human"][language])
    [waiting] = (await shop.get("/v1/conversations?waiting=true"))["data"]
    assert waiting["handover_reason"] == "asked_for_human"
    [mail] = sink.mails
    assert mail["Subject"] == PHRASES["mail_subject"][language].format(client="Cafe")
    assert mail["To"] == shop.business.email
    body = mail.get_content()
    assert waiting["id"] in body
    assert "4111" not in mail.as_string()
    assert "4111" not in body

    await shop.hears(WISHES[language])
    assert shop.replies()[1] == PHRASES["human_waiting"][language]
    assert len(sink.mails) == 1


async def test_a_mail_server_that_refuses_is_asked_again_and_holds_nobody_up(opened, smtp) -> None:
    sink, url = smtp
    sink.refusals = 1
    shop = await opened(SMTP_URL=url)
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    await shop.gets(shop.meta.says(NUMBER, LAYLA, WISHES["en"]))
    await until(lambda: _got_mail(sink), 10)
    shop.product.services.worker.stop()
    await worker
    assert len(sink.mails) == 1
    assert len(shop.replies()) == 1


async def _got_mail(sink: Sink) -> bool:
    return bool(sink.mails)


async def test_while_an_agent_has_the_conversation_the_assistant_is_silent(shop) -> None:
    await shop.hears(WISHES["en"])
    conversation = (await shop.conversation())["id"]
    path = f"/v1/conversations/{conversation}"
    assert await shop.post(f"{path}/messages", {"text": "Not mine yet"}) == 409
    assert await shop.post(f"{path}/takeover") == 204
    assert (await shop.get("/v1/conversations?waiting=true"))["data"] == []

    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == 1
    assert await shop.post(f"{path}/messages", {"text": "It is on the house."}) == 202
    await shop.product.drain()
    assert shop.replies()[-1] == "It is on the house."
    assert (await shop.messages())[-1]["author"] == "agent"

    assert await shop.post(f"{path}/handback") == 204
    await shop.product.drain()
    assert len(shop.replies()) == 2  # What the agent answered isn't answered again.
    await shop.hears(ASKED["en"])
    assert "18 SAR" in shop.replies()[-1]
    assert PHRASES["disclosure"]["en"].format(client="Cafe") in shop.replies()[-1]


async def test_an_agent_who_takes_over_while_the_model_thinks_makes_the_draft_worthless(
    opened, thinker
) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    work = asyncio.ensure_future(shop.product.drain())
    await asyncio.wait_for(thinker.asked.wait(), 10)
    conversation = (await shop.conversation())["id"]
    await shop.post(f"/v1/conversations/{conversation}/takeover")
    thinker.may_speak.set()
    await work
    assert shop.replies() == []


async def test_a_colleague_who_answers_from_the_business_phone_has_the_conversation(shop) -> None:
    await shop.hears("Hello")
    await shop.gets(_echo(shop, "سأتابع معك من هنا"))
    conversation = await shop.conversation()
    assert conversation["owner"] == "agent"
    assert [m["author"] for m in await shop.messages()] == ["contact", "assistant", "agent"]
    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == 1
    assert await shop.post(f"/v1/conversations/{conversation['id']}/handback") == 204
    await shop.hears(ASKED["en"])
    assert "18 SAR" in shop.replies()[-1]


async def test_an_echo_that_comes_before_the_assistant_answered_keeps_it_silent(shop) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await shop.gets(_echo(shop, "One moment"))
    await shop.product.drain()
    assert shop.replies() == []


def _echo(shop, words: str) -> dict:
    who = payloads.person(LAYLA)
    said = {
        "from": shop.number.display, "to": who.phone, "to_user_id": who.user_id, "id": payloads.new_wamid(),
        "timestamp": str(int(shop.meta.now())), "type": "text", "text": {"body": words},
    }  # fmt: skip
    made: dict = payloads.envelope(shop.number, field="smb_message_echoes", message_echoes=[said])
    return made


async def test_a_resolved_conversation_is_followed_by_a_new_one_that_introduces_itself(
    shop,
) -> None:
    await shop.hears("Hello")
    first = (await shop.conversation())["id"]
    assert await shop.post(f"/v1/conversations/{first}/resolve") == 204
    await shop.hears("Hello")
    assert (await shop.conversation())["id"] != first
    assert all(
        PHRASES["disclosure"]["en"].format(client="Cafe") in reply for reply in shop.replies()
    )

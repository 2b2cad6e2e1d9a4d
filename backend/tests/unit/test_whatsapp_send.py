"""One answer is one message, worded within the platform's limits; and what the platform's answers mean."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.core.errors import (
    AccountBlocked,
    Indeterminate,
    RateLimited,
    Unreachable,
    UpstreamRefused,
    UpstreamUnavailable,
    WafaaError,
    WindowClosed,
)
from app.core.tools import Tools
from app.services.channels import _graph, _whatsapp_send
from app.services.channels._graph import Fault
from app.services.channels._whatsapp_errors import explain
from app.services.channels.base import Address, Outgoing, shorten
from app.services.channels.whatsapp import Config, WhatsApp
from simulators.meta import Behaviour, MetaSimulator, Number

NUMBER = Number("900200", access_token="EAA-simulated")
LAILA = "966505550101"
REPLY = Outgoing(
    id="0192f0c1-0000-7000-8000-000000000001",
    to=(Address("phone", LAILA),),
    text="نفتح يوم الجمعة من الساعة 4 مساءً.",
    language="ar",
    reply_to="wamid.IN001=",
)


def test_a_text_is_worded_as_the_platform_wants_it() -> None:
    assert _whatsapp_send.message(REPLY) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": LAILA,
        "biz_opaque_callback_data": REPLY.id,
        "type": "text",
        "text": {"body": REPLY.text, "preview_url": False},
        "context": {"message_id": "wamid.IN001="},
    }


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([("bsuid", "SA.1"), ("phone", "966")], {"recipient": "SA.1"}),
        ([("phone", "966"), ("bsuid", "SA.1")], {"to": "966"}),
        ([("visitor", "v"), ("parent_bsuid", "SA.ENT.1")], {"recipient": "SA.ENT.1"}),
    ],
)
def test_the_best_address_is_written_to(
    addresses: list[tuple[str, str]], expected: dict[str, str]
) -> None:
    assert _whatsapp_send.recipient(tuple(Address(*a) for a in addresses)) == expected


def test_someone_without_an_address_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        _whatsapp_send.message(replace(REPLY, to=(Address("visitor", "v"),)))


def with_buttons(*buttons: tuple[str, str], text: str = "Shall I book it?") -> Outgoing:
    return replace(REPLY, text=text, buttons=buttons)


def test_up_to_three_quick_replies_are_real_buttons() -> None:
    body = _whatsapp_send.message(with_buttons(("yes", "نعم"), ("no", "No")))
    assert body["type"] == "interactive"
    assert body["interactive"]["action"]["buttons"][0] == {
        "type": "reply",
        "reply": {"id": "yes", "title": "نعم"},
    }


@pytest.mark.parametrize(
    "outgoing",
    [
        with_buttons(("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")),
        with_buttons(("1", "a title that is far too long")),
        with_buttons(("1", "same"), ("2", "same")),
        with_buttons(("1", "one"), ("1", "two")),
        with_buttons((" 1", "one")),
        with_buttons(("1", "")),
        with_buttons(("1", "one"), text="x" * 1025),
    ],
)
def test_buttons_that_do_not_fit_become_lines(outgoing: Outgoing) -> None:
    body = _whatsapp_send.message(outgoing)
    assert body["type"] == "text"
    assert body["text"]["body"].splitlines()[1].startswith("1. ")


@pytest.mark.parametrize(
    "sentence", ["نقدم القهوة المقطرة بسعر 19.50 ريال. ", "It costs 19.50 🙂. "]
)
def test_a_long_answer_stays_one_message_and_ends_with_a_sentence(sentence: str) -> None:
    body = _whatsapp_send.message(replace(REPLY, text=sentence * 300))["text"]["body"]
    assert len(body) > 3_800
    assert len(body.encode("utf-16-le")) // 2 <= 4_096
    assert body.endswith(".…")
    assert body.removesuffix("…").endswith(sentence.strip())


def test_of_a_long_answer_with_choices_the_choices_stay() -> None:
    outgoing = with_buttons(*((str(n), f"Choice {n}") for n in range(5)), text="Words here. " * 900)
    body = _whatsapp_send.message(outgoing)["text"]["body"]
    assert len(body) <= 4_096
    assert body.endswith(".…\n" + "\n".join(f"{n + 1}. Choice {n}" for n in range(5)))


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 10, "short"),
        ("One sentence. Another one.", 20, "One sentence.…"),
        ("It costs 19.50 riyals", 13, "It costs…"),
        ("سؤال أول؟ جواب طويل هنا", 14, "سؤال أول؟…"),
        ("unbreakable-word", 8, "unbreak…"),
    ],
)
def test_shortening_never_cuts_a_price_or_a_word(text: str, limit: int, expected: str) -> None:
    assert shorten(text, limit) == expected
    assert len(shorten(text, limit)) <= limit


BLOCKED = [0, 190, 3, 10, 200, 299, 131005, 131042, 131044, 131031, 368, 130497]
BLOCKED += [131048, 131064, 131037, 131045, 133010]
REFUSED = [33, 100, 131008, 131009, 131021, 131049, 130472, 131050, 131051, 131052, 131053]
REFUSED += [131062, 131063, 132000, 132001, 132015, 132068, 137000, 147001, 999_999]
LATER = [1, 2, 131000, 131016, 131057, 132069, 133016, 135000]
TABLE: dict[type[WafaaError], list[int]] = {
    AccountBlocked: BLOCKED,
    UpstreamRefused: REFUSED,
    UpstreamUnavailable: LATER,
    RateLimited: [4, 80007, 130429, 131056],
    WindowClosed: [131047],
    Unreachable: [131026, 131030],
}


@pytest.mark.parametrize(
    ("code", "expected"), [(code, error) for error, codes in TABLE.items() for code in codes]
)
def test_each_code_has_its_consequence(code: int, expected: type[WafaaError]) -> None:
    assert type(explain(Fault(400, code))) is expected


def test_the_platforms_own_word_on_trying_again_counts_more_than_the_code() -> None:
    assert explain(Fault(400, 100, transient=True)).retryable
    assert explain(Fault(503, 999_999)).retryable
    assert not explain(Fault(500, 190)).retryable


def test_the_same_person_is_left_alone_for_six_seconds() -> None:
    error = explain(Fault(400, 131056))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 6.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "٣"}, None),
        (
            {
                "x-business-use-case-usage": '{"9":[{"type":"whatsapp","estimated_time_to_regain_access":2}]}'
            },
            120.0,
        ),
        ({"x-business-use-case-usage": "{"}, None),
        ({"x-business-use-case-usage": "[1]"}, None),
    ],
)
def test_the_headers_tell_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert _graph._retry_after(headers) == seconds


# Against the simulated platform.


@pytest_asyncio.fixture
async def meta() -> AsyncIterator[MetaSimulator]:
    async with MetaSimulator(app_secret="s") as simulator:
        simulator.connect(NUMBER)
        yield simulator


@pytest_asyncio.fixture
async def tools() -> AsyncIterator[Tools]:
    async with aiohttp.ClientSession() as http:
        yield Tools(http, lambda: datetime.now(UTC))


def account(url: str, tools: Tools, token: str = NUMBER.access_token) -> WhatsApp:
    config = Config(
        phone_number_id=NUMBER.phone_number_id,
        access_token=SecretStr(token),
        verify_token=SecretStr("v"),
        graph_url=url,
    )
    return WhatsApp(config, tools)


@pytest.fixture
def whatsapp(meta: MetaSimulator, tools: Tools) -> WhatsApp:
    meta.says(NUMBER.phone_number_id, LAILA, "متى تفتحون؟")
    return account(meta.url, tools)


async def test_a_message_arrives_with_our_id(meta: MetaSimulator, whatsapp: WhatsApp) -> None:
    sent = await whatsapp.send(REPLY)
    (got,) = meta.inbox(LAILA)
    assert (got.wamid, got.our_id, got.text) == (sent.platform_message_id, REPLY.id, REPLY.text)


async def test_someone_without_a_phone_gets_theirs_too(meta: MetaSimulator, tools: Tools) -> None:
    meta.says(NUMBER.phone_number_id, "SA.username1", "Hi")
    await account(meta.url, tools).send(replace(REPLY, to=(Address("bsuid", "SA.username1"),)))
    assert len(meta.inbox("SA.username1")) == 1


@pytest.mark.parametrize(
    ("behaviour", "expected", "accepted"),
    [
        (Behaviour.RATE_LIMITED, RateLimited, 0),
        (Behaviour.PAIR_RATE, RateLimited, 0),
        (Behaviour.BROKEN, UpstreamUnavailable, 0),
        (Behaviour.DOWN, Indeterminate, 0),
        (Behaviour.DROP, Indeterminate, 0),
        (Behaviour.ACCEPT_THEN_DROP, Indeterminate, 1),
        (Behaviour.ACCEPT_THEN_BREAK, Indeterminate, 1),
        (190, AccountBlocked, 0),
        (131026, Unreachable, 0),
        (131047, WindowClosed, 0),
        (100, UpstreamRefused, 0),
    ],
)
async def test_what_goes_wrong_is_told_apart(
    meta: MetaSimulator,
    whatsapp: WhatsApp,
    behaviour: Behaviour | int,
    expected: type[WafaaError],
    accepted: int,
) -> None:
    meta.behave(behaviour)
    with pytest.raises(expected) as caught:
        await whatsapp.send(REPLY)
    assert type(caught.value) is expected
    assert len(meta.inbox(LAILA)) == accepted


async def test_an_answer_that_never_comes_leaves_it_open(
    meta: MetaSimulator, whatsapp: WhatsApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta.behave(Behaviour.ACCEPT_THEN_HANG)
    monkeypatch.setattr(_graph, "TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    with pytest.raises(Indeterminate):
        await whatsapp.send(REPLY)
    assert len(meta.inbox(LAILA)) == 1


async def test_without_a_connection_nothing_was_sent(tools: Tools) -> None:
    async with MetaSimulator(app_secret="s") as gone:
        url = gone.url
    with pytest.raises(UpstreamUnavailable):
        await account(url, tools).send(REPLY)


async def test_a_status_may_come_before_the_answer(meta: MetaSimulator, whatsapp: WhatsApp) -> None:
    meta.behave(Behaviour.STATUS_FIRST)
    sent = await whatsapp.send(REPLY)
    first = whatsapp.parse(meta.signed(meta.undelivered[0])[0])[0].status
    assert first is not None
    assert (first.platform_message_id, first.our_id) == (sent.platform_message_id, REPLY.id)


async def test_outside_the_service_window_nothing_can_be_sent(
    meta: MetaSimulator, tools: Tools
) -> None:
    meta.says(NUMBER.phone_number_id, LAILA, "متى تفتحون؟", at=time.time() - 24 * 3600)
    with pytest.raises(WindowClosed):
        await account(meta.url, tools).send(REPLY)


async def test_no_log_and_no_error_holds_token_address_or_words(
    meta: MetaSimulator, tools: Tools
) -> None:
    with capture_logs() as logs, pytest.raises(AccountBlocked) as caught:
        await account(meta.url, tools, token="EAA-wrong-token").send(REPLY)
    told = f"{logs} {caught.value.message}"
    assert logs
    assert not any(secret in told for secret in ("EAA-wrong-token", LAILA, REPLY.text))


async def raw_server(answer: bytes) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", Indeterminate),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", Indeterminate),
        (OK % (2, b"{}"), Indeterminate),
        (OK % (9, b"not json!"), Indeterminate),
        (OK % (24, b'{"messages": [{"id": 1}]}'[:24]), Indeterminate),
        (b"HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n", Indeterminate),
        (b"HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", Indeterminate),
        (b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", RateLimited),
        (b"HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n", UpstreamRefused),
        (
            b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            UpstreamRefused,
        ),
    ],
)
async def test_answers_that_are_not_the_graph_apis(
    tools: Tools, answer: bytes, expected: type[WafaaError]
) -> None:
    server = await raw_server(answer)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(expected) as caught:
        await account(f"http://127.0.0.1:{port}", tools).send(REPLY)
    assert type(caught.value) is expected
    server.close()
    await server.wait_closed()


async def test_another_version_than_the_pinned_one_is_noticed(tools: Tools) -> None:
    answer = b'HTTP/1.1 200 OK\r\nfacebook-api-version: v19.0\r\nContent-Length: 26\r\n\r\n{"messages":[{"id":"w.1"}]}'
    server = await raw_server(answer.replace(b"26", b"27"))
    port = server.sockets[0].getsockname()[1]
    with capture_logs() as logs:
        sent = await account(f"http://127.0.0.1:{port}", tools).send(REPLY)
    assert sent.platform_message_id == "w.1"
    assert logs[0]["event"] == "graph_version_differs"
    server.close()
    await server.wait_closed()

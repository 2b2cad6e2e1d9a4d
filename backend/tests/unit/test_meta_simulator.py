"""The simulated platform keeps its promises, and breaks them only where it's told to."""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import SecretStr

from app.core.errors import InvalidInput, InvalidSignature, RateLimited, WindowClosed
from app.core.tools import Tools
from app.services.channels.base import Address, EventKind, InboundEvent, Outgoing, WebhookRequest
from app.services.channels.whatsapp import Config, WhatsApp
from simulators._meta_chaos import FORGED, disturb
from simulators.meta import Behaviour, Chaos, MetaSimulator, Number

SECRET = "app-secret"
CAFE = Number("900200", access_token="cafe-token")
CLINIC = Number("900300", access_token="clinic-token", waba_id="900101", app_secret="clinic-secret")
LAILA, OMAR = "966505550101", "966505550102"


class Product:
    """The other side: a callback that verifies, parses and keeps, as a real one does."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.events: list[InboundEvent] = []
        self.answers: list[int] = []
        self.url = ""
        self._tools = Tools(http, lambda: datetime.now(UTC))
        self.unwell = 0

    def account(self, number: Number, graph_url: str = "https://graph.facebook.com") -> WhatsApp:
        return WhatsApp(
            Config(
                phone_number_id=number.phone_number_id,
                access_token=SecretStr(number.access_token),
                app_secret=SecretStr(number.app_secret or SECRET),
                verify_token=SecretStr("verify"),
                graph_url=graph_url,
            ),
            self._tools,
        )

    async def take(self, request: web.Request) -> web.Response:
        status = self._admit(WebhookRequest(_headers(request), {}, await request.read()), request)
        self.answers.append(status)
        return web.Response(status=status)

    def _admit(self, told: WebhookRequest, request: web.Request) -> int:
        account = self.account(CLINIC if request.path.endswith("clinic") else CAFE)
        try:
            account.verify(told)
        except InvalidSignature:
            return 403
        if self.unwell:
            self.unwell -= 1
            return 503
        self.events.extend(account.parse(told.body))
        return 200

    async def handshake(self, request: web.Request) -> web.Response:
        try:
            word = self.account(CAFE).challenge(WebhookRequest({}, dict(request.query), b""))
        except (InvalidSignature, InvalidInput) as error:
            return web.Response(status=error.status)
        return web.Response(text=word)


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


@pytest_asyncio.fixture
async def product() -> AsyncIterator[Product]:
    async with aiohttp.ClientSession() as http:
        made = Product(http)
        app = web.Application()
        app.add_routes(
            [
                web.post("/webhook/{slug}", made.take),
                web.get("/webhook/{slug}", made.handshake),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook/cafe"
        yield made
        await runner.cleanup()


@pytest_asyncio.fixture
async def meta(product: Product) -> AsyncIterator[MetaSimulator]:
    async with MetaSimulator(app_secret=SECRET, callback_url=product.url) as simulator:
        simulator.connect(CAFE)
        yield simulator


def reply(to: str = LAILA, text: str = "نفتح الساعة 9.") -> Outgoing:
    return Outgoing(id="our-1", to=(Address("phone", to),), text=text, language="ar")


async def test_what_a_contact_says_arrives_signed(meta: MetaSimulator, product: Product) -> None:
    assert (
        await meta.deliver(meta.says("900200", LAILA, "متى تفتحون؟ https://a.example/ 🙂")) == 200
    )
    (event,) = product.events
    assert (event.text, event.account) == ("متى تفتحون؟ https://a.example/ 🙂", "900200")
    assert [a.kind for a in event.addresses] == ["bsuid", "phone"]


async def test_a_number_may_have_its_own_secret_and_callback(
    meta: MetaSimulator, product: Product
) -> None:
    meta.connect(
        Number("900300", "t", "900101", product.url.replace("cafe", "clinic"), "clinic-secret")
    )
    assert await meta.deliver(meta.says("900300", OMAR, "Hello")) == 200


async def test_the_handshake_succeeds_only_with_the_right_token(
    meta: MetaSimulator, product: Product
) -> None:
    assert await meta.subscribe() == (200, "1158201444")
    assert (await meta.subscribe("<script>"))[0] == 422
    async with MetaSimulator(
        app_secret=SECRET, verify_token="wrong", callback_url=product.url
    ) as other:
        assert (await other.subscribe())[0] == 403


async def test_a_forged_webhook_is_refused(meta: MetaSimulator, product: Product) -> None:
    assert await meta.deliver(meta.says("900200", LAILA, "Pay me"), forged=True) == 403
    assert not product.events


async def test_it_posts_again_until_it_is_heard(meta: MetaSimulator, product: Product) -> None:
    product.unwell = 2
    assert await meta.deliver(meta.says("900200", LAILA, "Hi"), retry=True) == 200
    assert product.answers == [503, 503, 200]
    assert len(product.events) == 1


async def test_nobody_there_is_told_as_no_answer() -> None:
    async with MetaSimulator(app_secret=SECRET, callback_url="http://127.0.0.1:9/x") as meta:
        assert await meta.deliver(meta.says("900200", LAILA, "Hi")) == 0


async def test_statuses_follow_an_accepted_send(meta: MetaSimulator, product: Product) -> None:
    meta.says("900200", LAILA, "Hi")
    sent = await product.account(CAFE, meta.url).send(reply())
    await meta.settle()
    told = [event.status for event in product.events if event.status]
    assert [status.state for status in told] == ["sent", "delivered", "read"]
    assert {status.our_id for status in told} == {"our-1"}
    assert {status.platform_message_id for status in told} == {sent.platform_message_id}
    assert told[0].pricing is not None


async def test_a_failure_may_come_late(meta: MetaSimulator, product: Product) -> None:
    meta.statuses = ("sent", "failed:131047")
    meta.says("900200", LAILA, "Hi")
    await product.account(CAFE, meta.url).send(reply())
    await meta.settle()
    assert product.events[-1].status is not None
    assert product.events[-1].status.error_code == "131047"


async def test_an_accepted_send_may_stay_without_a_status(
    meta: MetaSimulator, product: Product
) -> None:
    meta.says("900200", LAILA, "Hi")
    meta.behave(Behaviour.ACCEPT_IN_SILENCE)
    await product.account(CAFE, meta.url).send(reply())
    await meta.settle()
    assert (len(meta.inbox(LAILA)), product.events) == (1, [])


async def test_window_and_pair_rate_are_kept(meta: MetaSimulator, product: Product) -> None:
    cafe = product.account(CAFE, meta.url)
    with pytest.raises(WindowClosed):
        await cafe.send(reply())
    meta.says("900200", LAILA, "Hi")
    meta.says("900200", OMAR, "Hi")
    meta.pair_seconds = 6.0
    await cafe.send(reply())
    with pytest.raises(RateLimited):
        await cafe.send(reply())
    await cafe.send(reply(OMAR))
    await meta.settle()


async def test_a_storm_loses_nothing_and_smuggles_nothing_in(
    meta: MetaSimulator, product: Product
) -> None:
    meta.connect(Number("900300", "clinic-token", "900101"))
    meta.chaos = Chaos(duplicate=0.5, forge=0.5, batch=4, reorder=True)
    said = [meta.says(("900200", "900300")[n % 2], LAILA, f"message {n}") for n in range(30)]
    answers = await meta.storm(said)
    texts = [event.text for event in product.events]
    assert set(answers) == {200, 403}
    assert set(texts) == {f"message {n}" for n in range(30)}
    assert len(texts) > 30
    assert texts != sorted(texts, key=lambda text: int((text or "").split()[1]))
    assert {event.account for event in product.events} == {"900200", "900300"}
    assert all(FORGED not in event.event_key for event in product.events)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - chance, not secrecy


def test_the_same_seed_makes_the_same_storm() -> None:
    wave = [{"object": "w", "entry": [{"id": str(n), "changes": []}]} for n in range(20)]
    chaos = Chaos(duplicate=0.3, forge=0.3, batch=3, reorder=True)
    plans = [disturb(wave, chaos, seeded(seed)) for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_calm_weather_changes_nothing() -> None:
    wave = [{"object": "w", "entry": [{"id": str(n), "changes": []}]} for n in range(5)]
    assert [d.payload for d in disturb(wave, Chaos(), seeded(0))] == wave


def test_sends_are_disturbed_as_often_as_told() -> None:
    chaos = Chaos(sends={Behaviour.DOWN: 0.2, Behaviour.ACCEPT_THEN_DROP: 0.1})
    rng = seeded(7)
    drawn = Counter(chaos.behaviour(rng) for _ in range(2_000))
    assert 320 < drawn[Behaviour.DOWN] < 480
    assert 140 < drawn[Behaviour.ACCEPT_THEN_DROP] < 260
    assert 1_300 < drawn[Behaviour.ACCEPT] < 1_500


async def test_the_history_tells_every_webhook_and_every_send(
    meta: MetaSimulator, product: Product
) -> None:
    await meta.deliver(meta.says("900200", LAILA, "Hi"))
    meta.behave(Behaviour.ACCEPT_THEN_DROP)
    with pytest.raises(Exception, match="accepted"):
        await product.account(CAFE, meta.url).send(reply())
    await meta.settle()
    records = [json.loads(line) for line in meta.history.lines()]
    assert [r["record"] for r in records] == ["WebhookPosted", "SendReceived"] + 3 * [
        "WebhookPosted"
    ]
    assert (records[0]["status"], records[0]["attempt"]) == (200, 1)
    assert (records[1]["accepted"], records[1]["status"], records[1]["our_id"]) == (
        True,
        0,
        "our-1",
    )


async def graph(
    meta: MetaSimulator, method: str, path: str, token: str = "cafe-token", **more: object
) -> tuple[int, object]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(meta.url, headers=headers) as http,
        http.request(method, path, **more) as answer,  # type: ignore[arg-type]
    ):
        return answer.status, await answer.json(content_type=None)


SEND = {"messaging_product": "whatsapp", "to": LAILA, "type": "text", "text": {"body": "x"}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**SEND, "text": {"body": "x" * 4097}}, 100),
        ({**SEND, "text": {"body": " "}}, 131008),
        ({**SEND, "messaging_product": "sms"}, 100),
        ({k: v for k, v in SEND.items() if k != "to"}, 131008),
        ({**SEND, "biz_opaque_callback_data": "x" * 513}, 100),
        ({**SEND, "type": "hologram"}, 131009),
        ({**SEND, "type": "image"}, 131008),
        (
            {
                **SEND,
                "type": "interactive",
                "interactive": {"type": "button", "body": {"text": "x"}},
            },
            131009,
        ),
        ([], 100),
    ],
)
async def test_bodies_beyond_the_limits_are_refused(
    meta: MetaSimulator, body: object, code: int
) -> None:
    status, answer = await graph(meta, "POST", "/v25.0/900200/messages", json=body)
    assert isinstance(answer, dict)
    assert (status, answer["error"]["code"]) == (400, code)


async def test_tokens_and_numbers_are_checked(meta: MetaSimulator) -> None:
    wrong = await graph(meta, "POST", "/v25.0/900200/messages", "another-token", json=SEND)
    unknown = await graph(meta, "POST", "/v25.0/1/messages", json=SEND)
    assert (wrong[0], unknown[0]) == (401, 400)


async def test_a_message_can_be_marked_as_read(meta: MetaSimulator) -> None:
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"}
    assert await graph(meta, "POST", "/v25.0/900200/messages", json=body) == (
        200,
        {"success": True},
    )


async def test_media_come_back_as_they_went_in(meta: MetaSimulator) -> None:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": "image/png"})
    form.add_field("file", b"bytes", filename="a.png", content_type="image/png")
    _, stored = await graph(meta, "POST", "/v25.0/900200/media", data=form)
    assert isinstance(stored, dict)
    _, told = await graph(meta, "GET", f"/v25.0/{stored['id']}")
    assert isinstance(told, dict)
    assert (told["mime_type"], told["file_size"]) == ("image/png", 5)
    headers = {"Authorization": "Bearer cafe-token"}
    async with aiohttp.ClientSession() as http:
        async with http.get(told["url"], headers=headers) as answer:
            assert await answer.read() == b"bytes"
        async with http.get(told["url"]) as refused:
            assert refused.status == 404


async def test_another_process_can_drive_it(meta: MetaSimulator, product: Product) -> None:
    wish = {"phone_number_id": "900200", "sender": LAILA, "text": "مرحبًا"}
    assert await graph(meta, "POST", "/simulator/says", json=wish) == (200, {"status": 200})
    await graph(meta, "POST", "/simulator/behave", json={"behaviours": ["down", 131026]})
    for expected in (502, 400, 200):
        async with aiohttp.ClientSession() as http:
            headers = {"Authorization": "Bearer cafe-token"}
            url = f"{meta.url}/v25.0/900200/messages"
            async with http.post(url, json=SEND, headers=headers) as answer:
                assert answer.status == expected
    _, inbox = await graph(meta, "GET", f"/simulator/inbox/{LAILA}")
    assert isinstance(inbox, list)
    assert [got["text"] for got in inbox] == ["x"]
    await meta.settle()
    assert EventKind.MESSAGE in {event.kind for event in product.events}

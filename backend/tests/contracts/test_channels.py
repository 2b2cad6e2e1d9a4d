"""What every channel must do, whichever platform is behind it."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from app.core import effects, plugins
from app.core.errors import InvalidInput, InvalidSignature
from app.core.tools import Tools
from app.models.lane import LeaseLost
from app.services import channels
from app.services.channels.base import (
    Address,
    Capabilities,
    Channel,
    InboundEvent,
    Outgoing,
    WebhookRequest,
)
from simulators.meta import MetaSimulator, Number

NAMES = plugins.names(channels.__name__)
CONFIGS: dict[str, dict[str, Any]] = {
    "web": {"allowed_origins": ["https://shop.example"]},
    "whatsapp": {
        "phone_number_id": "900200",
        "access_token": "EAA-secret-token",
        "app_secret": "app-secret-value",
        "verify_token": "verify-secret-value",
    },
}
"""A valid configuration of each channel; a new channel adds its own."""

ADDRESSES = {"web": Address("visitor", "v-1"), "whatsapp": Address("phone", "966505550101")}


def config_of(name: str, **changes: Any) -> BaseModel:
    module = plugins.load(channels.__name__, name)
    config: BaseModel = module.Config.model_validate(CONFIGS[name] | changes)
    return config


@pytest_asyncio.fixture
async def tools() -> AsyncIterator[Tools]:
    async with aiohttp.ClientSession(trace_configs=[effects.tracing()]) as http:
        yield Tools(http, lambda: datetime.now(UTC))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def channel(name: str, tools: Tools) -> Channel:
    made: Channel = plugins.load(channels.__name__, name).adapter(config_of(name), tools)
    return made


def test_every_channel_is_tested_here() -> None:
    assert set(NAMES) == set(CONFIGS)


def fields_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [schema, *schema.get("$defs", {}).values()]
    return [field for group in groups for field in group.get("properties", {}).values()]


def test_the_connect_form_is_drawn_in_both_languages(name: str) -> None:
    fields = fields_of(plugins.load(channels.__name__, name).Config.model_json_schema())
    assert fields
    for field in fields:
        assert field["title"]
        assert field["description"]
        assert field["x-ar"]["title"]
        assert field["x-ar"]["description"]


def test_unknown_fields_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        config_of(name, no_such_field=1)


def secrets_of(config: BaseModel) -> list[str]:
    return [v.get_secret_value() for _, v in config if isinstance(v, SecretStr)]


def test_secrets_show_nowhere_and_must_not_be_empty(name: str) -> None:
    config = config_of(name)
    for secret in secrets_of(config):
        assert secret not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    for field in (f for f, v in config if isinstance(v, SecretStr)):
        for wrong in ("", " ", "with space", "line\nbreak", "سر"):
            with pytest.raises(ValidationError) as caught:
                config_of(name, **{field: wrong})
            assert wrong == "" or repr(wrong) not in str(caught.value)


def test_says_what_it_can_do(channel: Channel) -> None:
    can = channel.capabilities
    assert isinstance(can, Capabilities)
    assert can.text_limit >= 500
    assert can.service_window_hours is None or can.service_window_hours > 0


@pytest.mark.parametrize(
    "header", ["x-hub-signature-256", "authorization", "tiktok-signature", "x"]
)
@pytest.mark.parametrize("value", ["", "sha256=", "sha256=" + "0" * 64, "é", "Bearer x", "t=1,s=2"])
def test_nothing_unsigned_is_let_in(channel: Channel, header: str, value: str) -> None:
    for body in (b"", b"{}", b"\xff"):
        with pytest.raises(InvalidSignature):
            channel.verify(WebhookRequest({header: value}, {}, body))


def test_the_handshake_is_refused_without_the_token(channel: Channel) -> None:
    queries: list[dict[str, str]] = [{}, {"hub.mode": "subscribe", "hub.challenge": "1"}]
    for query in queries:
        with pytest.raises((InvalidSignature, InvalidInput)):
            channel.challenge(WebhookRequest({}, query, b""))


@given(body=st.binary(max_size=300))
@pytest.mark.parametrize("kind", NAMES)
async def test_parsing_never_raises(kind: str, body: bytes) -> None:
    async with aiohttp.ClientSession() as http:
        tools = Tools(http, lambda: datetime.now(UTC))
        made = plugins.load(channels.__name__, kind).adapter(config_of(kind), tools)
        assert all(isinstance(event, InboundEvent) for event in made.parse(body))


@pytest_asyncio.fixture
async def platform() -> AsyncIterator[MetaSimulator]:
    async with MetaSimulator(app_secret="app-secret-value", enforce_window=False) as meta:
        meta.connect(Number("900200", access_token="EAA-secret-token"))
        yield meta


@pytest.mark.parametrize("text", ["نفتح الساعة 9 صباحًا.", "We open at 9.", "كلمة " * 5_000])
@pytest.mark.parametrize(
    "buttons", [(), (("yes", "نعم"),), tuple((str(n), "x" * 30) for n in range(9))]
)
async def test_sends_whatever_the_orchestrator_says(
    name: str,
    tools: Tools,
    platform: MetaSimulator,
    text: str,
    buttons: tuple[tuple[str, str], ...],
) -> None:
    """A channel degrades what it can't show; it never refuses our own words."""
    local = {"graph_url": platform.url} if name == "whatsapp" else {}
    made = plugins.load(channels.__name__, name).adapter(config_of(name, **local), tools)
    sent = await made.send(Outgoing("m-1", (ADDRESSES[name],), text, "ar", buttons=buttons))
    assert sent.platform_message_id


async def test_nothing_is_written_to_a_platform_once_the_time_for_it_is_over(
    name: str, tools: Tools, platform: MetaSimulator
) -> None:
    """Asked in the last moment, however a channel calls: one that goes past that would send twice after a pause."""
    local = {"graph_url": platform.url} if name == "whatsapp" else {}
    made = plugins.load(channels.__name__, name).adapter(config_of(name, **local), tools)
    asked: list[bool] = []

    def is_mine() -> None:
        asked.append(True)
        if len(asked) > 1:  # The worker was paused after it had looked.
            raise LeaseLost

    outgoing = Outgoing("m-1", (ADDRESSES[name],), "We open at 9.", "en")
    if made.capabilities.streams:  # It writes to nobody.
        with effects.checked(is_mine):
            assert (await made.send(outgoing)).platform_message_id == "m-1"
        assert len(asked) == 1
        return
    with pytest.raises(LeaseLost), effects.checked(is_mine):
        await made.send(outgoing)
    assert len(asked) == 2
    assert platform.history.sends() == []


async def test_the_web_chat_has_delivered_when_the_reply_is_stored(tools: Tools) -> None:
    web = plugins.load(channels.__name__, "web").adapter(config_of("web"), tools)
    sent = await web.send(Outgoing("m-1", (ADDRESSES["web"],), "مرحبًا", "ar"))
    assert sent.platform_message_id == "m-1"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Shop.example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(given: str, kept: str) -> None:
    assert config_of("web", allowed_origins=[given]).model_dump()["allowed_origins"] == (kept,)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "shop.example",
        "http://shop.example",
        "https://*.example",
        "https://a.b/c",
        "https://u:p@a.b",
        "https://a.b?x",
        "javascript:alert(1)",
        "https://",
        "https://[::1",
    ],
)
def test_anything_but_an_exact_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError):
        config_of("web", allowed_origins=[origin])


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.facebook.com",
        "https://evil.example",
        "https://graph.facebook.com.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1/admin",
        "http://10.0.0.1:80",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "",
        "http://[",
    ],
)
def test_the_access_token_goes_to_meta_or_to_this_machine_only(url: str) -> None:
    with pytest.raises(ValidationError):
        config_of("whatsapp", graph_url=url)


async def test_an_account_without_a_secret_lets_nothing_in(tools: Tools) -> None:
    """The installation's shared secret is filled in before; where there is none, nobody can sign."""
    bare = config_of("whatsapp", app_secret=None)
    made: Channel = plugins.load(channels.__name__, "whatsapp").adapter(bare, tools)
    digest = hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(InvalidSignature):
        made.verify(WebhookRequest({"x-hub-signature-256": f"sha256={digest}"}, {}, b"{}"))

"""Whether a client's text may leave the installation is the client's to say, and nothing leaves against it."""

import asyncio
import base64
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from app.core.permits import Permit
from app.models.client import ClientSettings, permit_of
from tests.fixtures.product import Business
from tests.fixtures.shop import ASKED, TAUGHT, Shop

DIMENSIONS = 64
HEARD = {"en": "flat white", "ar": "الفلات وايت"}


@dataclass
class Abroad:
    """A provider in another country, of language models and of embeddings; it keeps every text it is shown."""

    texts: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    async def embed(self, request: web.Request) -> web.Response:
        """Vectors of length one, all the same."""
        texts = (await request.json())["input"]
        self.texts += texts
        vector = base64.b64encode(array("f", [1.0] + [0.0] * (DIMENSIONS - 1)).tobytes()).decode()
        data = [{"index": n, "embedding": vector} for n in range(len(texts))]
        return web.json_response({"data": data})

    async def complete(self, request: web.Request) -> web.Response:
        """Refuses: what it was shown is what counts."""
        self.questions += [m["content"] for m in (await request.json())["messages"]]
        return web.Response(status=400)

    def saw(self, words: str) -> bool:
        """Whether these words came here."""
        return any(words in text for text in (*self.texts, *self.questions))


@pytest.fixture
async def abroad(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Abroad]:
    """The provider, for ``opened(LLM_PROVIDERS="openai", EMBEDDER="openai")``."""
    spy = Abroad()
    app = web.Application()
    app.add_routes(
        [web.post("/embeddings", spy.embed), web.post("/chat/completions", spy.complete)]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abroad")
    monkeypatch.setenv("OPENAI_EMBEDDING_DIMENSIONS", str(DIMENSIONS))
    yield spy
    await runner.cleanup()


async def _taught(shop: Shop, slug: str, language: str, **settings: object) -> Business:
    business = await shop.product.business(
        slug, language=language, documents={"taught.md": TAUGHT[language]}, **settings
    )
    await shop.product.drain()
    return business


async def test_the_record_of_processing_tells_what_is_configured(opened, abroad: Abroad) -> None:
    """Who gets texts, and who would if the business let them go; for how long; how much there is."""
    shop = await opened(
        "en", LLM_PROVIDERS="openai", EMBEDDER="openai", WAFAA_PLATFORM_EMAIL="us@wafaa.example"
    )
    quiet = await _taught(
        shop, "quiet", "en", data_transfer=False, retention={"messages": 30, "traces": 7}
    )
    api = shop.product.api
    told = {}
    for business in (shop.business, quiet):
        async with api.get("/v1/clients/me/record", headers=business.staff) as answer:
            assert answer.status == 200
            told[business.ref.slug] = await answer.json()
    free, kept = told[shop.business.ref.slug], told["quiet"]
    used = {(one["kind"], one["name"]): one["used"] for one in free["recipients"]}
    assert used[("model", "openai")]
    assert used[("channel", "whatsapp")]
    assert {one["kind"]: one["used"] for one in kept["recipients"]} == {
        "model": False,
        "embedder": False,
    }
    assert {one["region"] for one in kept["recipients"]} == {"us"}
    assert (free["transfers"]["allowed"], kept["transfers"]["allowed"]) == (True, False)
    assert kept["retention"] == {
        "messages": 30,
        "attachments": None,
        "traces": 7,
        "raw_events": None,
    }
    assert (kept["held"]["documents"], kept["held"]["messages"]) == (1, 0)
    assert (kept["operator"], kept["controller_contacts"]) == (
        "us@wafaa.example",
        ["owner@quiet.example"],
    )
    assert "phone_number" in free["people"][0]["data"]
    assert "phone_number" not in kept["people"][0]["data"]


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_nothing_leaves_when_transfer_is_off(opened, abroad: Abroad, language: str) -> None:
    """Neither what is taught nor what is asked; people are answered by what stays here."""
    shop = await opened(language, LLM_PROVIDERS="openai", EMBEDDER="openai")
    abroad.texts.clear()
    quiet = await _taught(shop, "quiet", language, data_transfer=False)
    answer = await shop.product.services.answers.ask(quiet.ref.id, ASKED[language])
    assert (abroad.texts, abroad.questions) == ([], [])
    assert "18" in answer.text

    open_one = await _taught(shop, "open", language)
    await shop.product.services.answers.ask(open_one.ref.id, ASKED[language])
    assert abroad.saw(HEARD[language])
    assert abroad.questions


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_texts_go_only_where_the_client_allows(opened, abroad: Abroad, language) -> None:
    shop = await opened(language, LLM_PROVIDERS="openai", EMBEDDER="openai")
    abroad.texts.clear()
    near = await _taught(shop, "near", language, transfer_regions=["sa"])
    await shop.product.services.answers.ask(near.ref.id, ASKED[language])
    assert (abroad.texts, abroad.questions) == ([], [])


async def test_the_switch_counts_within_a_second(opened, abroad: Abroad) -> None:
    shop = await opened("en", LLM_PROVIDERS="openai", EMBEDDER="openai")
    await shop.hears(ASKED["en"])
    assert abroad.questions
    path, headers = "/v1/clients/me", shop.business.staff | {"If-Match": "*"}
    body = {"name": "Cafe", "settings": {"language": "en", "data_transfer": False}}
    async with shop.product.api.put(path, json=body, headers=headers) as answer:
        assert answer.status == 200
    await asyncio.sleep(1.1)
    abroad.texts.clear()
    abroad.questions.clear()
    await shop.hears("When do you open?")
    assert (abroad.texts, abroad.questions) == ([], [])


@pytest.mark.parametrize(
    ("settings", "region", "may"),
    [
        ({}, "us", True), ({"data_transfer": False}, "us", False), ({"data_transfer": False}, "local", True),
        ({"transfer_regions": ["sa", "eu"]}, "eu", True), ({"transfer_regions": ["sa", "eu"]}, "us", False),
        ({"transfer_regions": ["sa"]}, "local", True),
        ({"data_transfer": False, "transfer_regions": ["us"]}, "us", False),
    ],
)  # fmt: skip
def test_a_permit_is_what_the_settings_say(
    settings: dict[str, object], region: str, may: bool
) -> None:
    permit: Permit = permit_of(ClientSettings.model_validate(settings))
    assert permit.admits(region) is may

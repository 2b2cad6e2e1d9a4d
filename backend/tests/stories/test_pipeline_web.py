"""A visitor writes on a web page and watches the answer being written."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import pytest

from app.models.channel_config import ChannelConfig
from app.services.orchestrator.followers import MOST_OF_ONE
from tests.fixtures.product import Business, Product
from tests.fixtures.shop import ASKED, TAUGHT
from tests.fixtures.wired import free_port, until

PAGE = "https://cafe.example"


@dataclass
class Page:
    """A browser's open chat."""

    http: aiohttp.ClientSession
    conversation_id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def path(self) -> str:
        return f"/web/v1/conversations/{self.conversation_id}"

    async def says(self, text: str, message_id: str | None = None) -> tuple[int, Any]:
        body = {"client_message_id": message_id or str(uuid4()), "text": text}
        async with self.http.post(
            f"{self.path}/messages", json=body, headers=self.headers
        ) as answer:
            return answer.status, await answer.json()

    async def reads(self, after: int = 0) -> list[dict[str, Any]]:
        """Every event that is there now."""
        query = f"{self.path}/events?wait=false"
        headers = {**self.headers, "Last-Event-ID": str(after)}
        async with self.http.get(query, headers=headers) as answer:
            assert answer.status == 200
            return _events(await answer.text())


def _events(stream: str) -> list[dict[str, Any]]:
    frames = [
        dict(line.split(": ", 1) for line in frame.splitlines() if ": " in line)
        for frame in stream.split("\n\n")
    ]
    return [
        {"id": int(f["id"]), "event": f["event"], **orjson.loads(f["data"])}
        for f in frames
        if "id" in f
    ]


async def opens(http: aiohttp.ClientSession, business: Business, **headers: str) -> Page:
    body = {"channel_key": business.channel_key}
    async with http.post("/web/v1/sessions", json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        session = await answer.json()
    return Page(http, session["conversation_id"], session["session_token"])


@pytest.fixture
async def cafe(product: Product) -> Business:
    business = await product.business("cafe", documents={"taught.md": "\n".join(TAUGHT.values())})
    await product.drain()
    return business


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_visitor_sees_the_answer_with_its_source_as_it_is_written(
    product, cafe, language
) -> None:
    page = await opens(product.api, cafe)
    assert (await page.says(ASKED[language]))[0] == 202
    await product.drain()
    events = await page.reads()
    assert [e["id"] for e in events] == list(range(1, len(events) + 1))
    names = [e["event"] for e in events]
    assert names[:3] == ["message.created", "turn.started", "turn.delta"]
    assert names[-1] == "turn.completed"
    said = events[-1]["message"]
    assert "18" in said["text"]
    assert said["citations"]
    written = "".join(e["text"] for e in events if e["event"] == "turn.delta")
    assert said["text"].startswith(written.strip()[:40])


async def test_the_same_client_message_id_is_the_same_message(product, cafe) -> None:
    page = await opens(product.api, cafe)
    mine = str(uuid4())
    said = await asyncio.gather(*(page.says(ASKED["en"], mine) for _ in range(20)))
    assert {status for status, _ in said} == {202}
    assert len({body["message_id"] for _, body in said}) == 1
    assert (await page.says("Other words", mine))[0] == 409
    await product.drain()
    assert [e["event"] for e in await page.reads()].count("turn.completed") == 1


async def test_another_visitors_conversation_does_not_exist(product, cafe) -> None:
    mine, theirs = await opens(product.api, cafe), await opens(product.api, cafe)
    intruder = Page(product.api, theirs.conversation_id, mine.token)
    assert (await intruder.says("Hello"))[0] == 404
    for path in ("events?wait=false", "messages"):
        async with product.api.get(f"{intruder.path}/{path}", headers=intruder.headers) as answer:
            assert answer.status == 404
    assert await theirs.reads() == []


async def test_another_clients_conversation_does_not_exist_for_staff(product, cafe) -> None:
    page = await opens(product.api, cafe)
    rival = await product.business("rival")
    for path in ("events?wait=false", "messages"):
        url = f"/v1/conversations/{page.conversation_id}/{path}"
        async with product.api.get(url, headers=rival.staff) as answer:
            assert answer.status == 404
        async with product.api.get(url, headers=cafe.staff) as answer:
            assert answer.status == 200


async def test_a_page_that_is_not_listed_may_not_show_the_chat(product, cafe) -> None:
    async with product.services.db.tenant(cafe.ref.id) as tx:
        [account] = await ChannelConfig.of_kind(tx, "web")
        await ChannelConfig.allow_origins(tx, account.id, [PAGE])
    body = {"channel_key": cafe.channel_key}
    for origin, status in (
        (PAGE, 200),
        ("https://evil.example", 403),
        (f"{PAGE}.evil.example", 403),
        ("null", 403),
        ("http://cafe.example", 403),
    ):
        async with product.api.post(
            "/web/v1/sessions", json=body, headers={"Origin": origin}
        ) as answer:
            assert answer.status == status, origin
            assert answer.headers.get("Access-Control-Allow-Origin") == (
                PAGE if status == 200 else None
            )


async def test_a_token_opens_only_the_door_it_was_made_for(product, cafe) -> None:
    page = await opens(product.api, cafe)
    for path, token in ((f"{page.path}/messages", cafe.token), ("/v1/conversations", page.token)):
        async with product.api.get(path, headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == 401, path
        async with product.api.get(path) as answer:
            assert answer.status == 401, path


async def test_fifty_open_streams_leave_a_small_pool_free_for_others(opened) -> None:
    shop = await opened(WAFAA_POOL_SIZE=5, WAFAA_POOL_OVERFLOW=0)
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(shop.product.url, connector=connector)
        )
        pages = [await opens(http, shop.business) for _ in range(50)]
        streams = [
            await stack.enter_async_context(http.get(f"{p.path}/events", headers=p.headers))
            for p in pages
        ]
        assert {stream.status for stream in streams} == {200}
        said = await asyncio.wait_for(asyncio.gather(*(p.says("Hello") for p in pages)), 20)
        assert {status for status, _ in said} == {202}
        await shop.product.drain()
        ended = await asyncio.wait_for(asyncio.gather(*map(_completed, streams)), 20)
        assert all(ended)


async def test_so_many_pages_follow_one_conversation_and_no_more(product, cafe) -> None:
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(product.url, connector=connector)
        )
        page, other = await opens(http, cafe), await opens(http, cafe)
        follows = partial(http.get, f"{page.path}/events", headers=page.headers)
        streams = [await stack.enter_async_context(follows()) for _ in range(MOST_OF_ONE)]
        assert {stream.status for stream in streams} == {200}
        async with follows() as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            assert (await refused.json())["code"] == "overloaded"
        async with http.get(f"{other.path}/events", headers=other.headers) as another:
            assert another.status == 200
        streams[0].close()
        await until(partial(_is_open, follows))


async def _is_open(follows: Callable[[], Any]) -> bool:
    async with follows() as answer:
        return bool(answer.status == 200)


async def _completed(stream: aiohttp.ClientResponse) -> bool:
    async for line in stream.content:
        if line.startswith(b"event: turn.completed"):
            return True
    return False


@pytest.mark.timeout(60)
async def test_a_stream_goes_on_where_it_was_after_the_api_was_killed(theatre) -> None:
    port = free_port()
    api = await theatre.open(port)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        page = await opens(http, theatre.business)
        assert (await page.says("Hello"))[0] == 202
        seen: list[int] = []
        async with http.get(f"{page.path}/events", headers=page.headers) as stream:
            seen.append(await _next_id(stream))
            api.kill()
            with pytest.raises((aiohttp.ClientError, EOFError)):
                await _next_id(stream)
        await theatre.product.drain()  # The turn runs in the worker: it needs no API.
        await theatre.open(port)
        missed = await page.reads(after=seen[-1])
        assert [e["id"] for e in missed] == list(range(seen[-1] + 1, seen[-1] + 1 + len(missed)))
        assert missed[-1]["event"] == "turn.completed"
        assert (await page.says("Thanks"))[0] == 202


async def _next_id(stream: aiohttp.ClientResponse) -> int:
    async for line in stream.content:
        if line.startswith(b"id: "):
            return int(line[4:])
    raise EOFError


async def test_an_agents_reply_appears_in_the_visitors_stream(product, cafe) -> None:
    page = await opens(product.api, cafe)
    await page.says("I want to talk to a human")
    await product.drain()
    path = f"/v1/conversations/{page.conversation_id}"
    async with product.api.post(f"{path}/takeover", headers=cafe.staff) as answer:
        assert answer.status == 204
    async with product.api.get(f"{page.path}/events?after=0", headers=page.headers) as stream:
        async with product.api.post(
            f"{path}/messages", json={"text": "Here I am"}, headers=cafe.staff
        ) as answer:
            assert answer.status == 202

        async def shown() -> bool:
            return b"Here I am" in await stream.content.readany()

        await until(shown, 5)
    names = [e["event"] for e in await page.reads()]
    assert names[-2:] == ["handover.accepted", "message.created"]

"""What every embedder must do, and how each fails."""

import asyncio
import base64
import json
import math
import subprocess
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from app.core import plugins
from app.core.errors import (
    RateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
    WafaaError,
)
from app.core.tools import Tools
from app.services.knowledge.base import Embedder, Purpose, model_of
from app.services.knowledge.embedders import local, openai

SEAM = "app.services.knowledge.embedders"


class Service:
    """OpenAI's embeddings over HTTP on loopback; a text's vector depends on its letters."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], web.Response] = self._embed

    async def handle(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sk-test"
        self.asked.append(await request.json())
        return self.answer(self.asked[-1])

    def _embed(self, body: dict[str, Any]) -> web.Response:
        found = [
            {"index": at, "embedding": encoded(text, body["dimensions"])}
            for at, text in enumerate(body["input"])
        ]
        return web.json_response({"data": found[::-1]})


def encoded(text: str, dimensions: int) -> str:
    numbers = array("f", [1.0] * dimensions)
    for at, letter in enumerate(text.encode()):
        numbers[(at + letter) % dimensions] += 1.0
    return base64.b64encode(numbers.tobytes()).decode()


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    async with aiohttp.ClientSession() as http:
        yield Tools(http, lambda: datetime.now(UTC))


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/embeddings", service.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


def openai_at(url: str, tools: Tools, **more: Any) -> Embedder:
    return openai.adapter(openai.Config(api_key="sk-test", base_url=url, **more), tools)


@asynccontextmanager
async def real_local(socket: Path, tools: Tools) -> AsyncIterator[Embedder]:
    embedder = local.LocalEmbedder(local.Config(socket=socket), tools)
    yield embedder
    await embedder.close()


@asynccontextmanager
async def simulated_openai(_: Path, tools: Tools) -> AsyncIterator[Embedder]:
    async with serving(Service()) as url:
        yield openai_at(url, tools)


MADE: dict[str, Callable[[Path, Tools], AbstractAsyncContextManager[Embedder]]] = {
    "local": real_local,
    "openai": simulated_openai,
}


@pytest.fixture(params=plugins.names(SEAM))
async def embedder(
    request: pytest.FixtureRequest, embedding_socket: Path, tools: Tools
) -> AsyncIterator[Embedder]:
    """Each adapter found; a new file needs its line in MADE."""
    async with MADE[request.param](embedding_socket, tools) as made:
        yield made


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_each_text_has_a_vector_of_length_one_in_order(
    embedder: Embedder, purpose: Purpose
) -> None:
    texts = [
        "When do you open?",
        "متى تفتحون؟",
        "",
        "x" * 20_000,
        "\ud800\0ﷺ",
        *(f"text {n}" for n in range(70)),
    ]
    vectors = await embedder.embed(texts, purpose)
    assert [len(v) for v in vectors] == [embedder.dimensions] * len(texts)
    assert [math.hypot(*v) for v in vectors] == pytest.approx([1.0] * len(texts), abs=1e-4)
    assert (await embedder.embed(texts[1:2], purpose))[0] == pytest.approx(vectors[1], abs=1e-5)
    assert vectors[0] != vectors[1]


async def test_nothing_is_embedded_as_nothing(embedder: Embedder) -> None:
    assert await embedder.embed([], Purpose.QUERY) == []


async def test_many_may_ask_at_once(embedder: Embedder) -> None:
    texts = [f"question {n}" for n in range(20)]
    together = await asyncio.gather(*(embedder.embed([text], Purpose.QUERY) for text in texts))
    for found, expected in zip(together, await embedder.embed(texts, Purpose.QUERY), strict=True):
        assert found[0] == pytest.approx(expected, abs=1e-5)


async def test_vectors_are_marked_with_model_and_length(embedder: Embedder) -> None:
    assert model_of(embedder) == f"{embedder.name}/{embedder.dimensions}"


async def test_a_local_server_that_is_not_there_is_waited_for_and_then_reported(
    tmp_path: Path, tools: Tools
) -> None:
    embedder = local.LocalEmbedder(local.Config(socket=tmp_path / "none", wait_seconds=0.2), tools)
    with pytest.raises(UpstreamUnavailable):
        await embedder.embed(["hello"], Purpose.QUERY)


async def test_a_local_server_that_restarts_is_found_again(tmp_path: Path, tools: Tools) -> None:
    socket = tmp_path / "s"
    embedder = local.LocalEmbedder(local.Config(socket=socket, wait_seconds=2.0), tools)
    for _ in range(2):
        async with await asyncio.start_unix_server(answer_once, socket):
            assert len((await embedder.embed(["hello"], Purpose.QUERY))[0]) == 384
        await asyncio.sleep(0.05)
    await embedder.close()


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(int.from_bytes(await reader.readexactly(4), "little"))
    payload = b"\0" + array("f", [1.0] + [0.0] * 383).tobytes()
    writer.write(len(payload).to_bytes(4, "little") + payload)
    await writer.drain()
    writer.close()


async def test_a_local_server_that_hangs_is_not_waited_for_long(
    tmp_path: Path, tools: Tools
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(hang, tmp_path / "s"):
        embedder = local.LocalEmbedder(
            local.Config(socket=tmp_path / "s", answer_seconds=0.2), tools
        )
        with pytest.raises(UpstreamUnavailable):
            await embedder.embed(["hello"], Purpose.QUERY)


async def test_a_refused_text_is_not_tried_again(tmp_path: Path, tools: Tools) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x05\0\0\0\1oops")
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(refuse, tmp_path / "s"):
        embedder = local.LocalEmbedder(local.Config(socket=tmp_path / "s"), tools)
        with pytest.raises(UpstreamRefused, match="oops"):
            await embedder.embed(["hello"], Purpose.QUERY)
        await embedder.close()


async def test_the_local_server_stays_small(
    embedding_socket: Path, embedding_server: "subprocess.Popen[str]", tools: Tools
) -> None:
    async with real_local(embedding_socket, tools) as embedder:
        await embedder.embed(["A long passage about coffee. " * 200] * 8, Purpose.PASSAGE)
    assert peak_kilobytes(embedding_server.pid) <= 260 * 1024


def peak_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, UpstreamRefused),
        (400, UpstreamRefused),
        (429, RateLimited),
        (500, UpstreamUnavailable),
        (408, UpstreamUnavailable),
    ],
)
async def test_what_openai_answers_becomes_our_error(
    tools: Tools, status: int, error: type[WafaaError]
) -> None:
    service = Service()
    service.answer = lambda _: web.Response(status=status, headers={"Retry-After": "7"})
    async with serving(service) as url:
        with pytest.raises(error) as caught:
            await openai_at(url, tools).embed(["hello"], Purpose.QUERY)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "{}",
        json.dumps({"data": []}),
        json.dumps({"data": [{"index": 0, "embedding": "AAAAAA=="}]}),
    ],
)
async def test_what_openai_garbles_is_tried_again(tools: Tools, body: str) -> None:
    service = Service()
    service.answer = lambda _: web.Response(text=body, content_type="application/json")
    async with serving(service) as url:
        with pytest.raises(UpstreamUnavailable):
            await openai_at(url, tools).embed(["hello"], Purpose.QUERY)


async def test_openai_is_asked_for_its_best_model_in_small_requests(
    tools: Tools,
) -> None:
    service = Service()
    async with serving(service) as url:
        await openai_at(url, tools).embed(["hello", " "] * 50, Purpose.PASSAGE)
    assert [len(body["input"]) for body in service.asked] == [64, 36]
    assert service.asked[0]["model"] == "text-embedding-3-large"
    assert service.asked[0]["input"][:2] == ["hello", "-"]


async def test_openai_that_is_not_there_is_reported(tools: Tools) -> None:
    with pytest.raises(UpstreamUnavailable):
        await openai_at("http://127.0.0.1:1/v1", tools).embed(["hello"], Purpose.QUERY)

"""What every cache must do, on each server it may meet; and what a shared one does when its server doesn't answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from app.core import plugins
from app.core.errors import UpstreamUnavailable
from app.core.tools import Tools
from app.embedded.valkey import EmbeddedValkey
from app.services.cache import memory, redis
from app.services.cache.base import Cache

SEAM = "app.services.cache"
SERVERS = {"memory": ["none"], "redis": ["valkey", "redis7"]}
"""Which servers each adapter is tried on. A new adapter is added here, or its contract isn't tested."""

ADAPTERS = [(name, server) for name in plugins.names(SEAM) for server in SERVERS[name]]


def utc_now() -> datetime:
    return datetime.now(UTC)


PATIENT = 20.0
"""Seconds for one operation where its time isn't what is tested: a machine under load must not look like an absence."""


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    async with aiohttp.ClientSession() as http:
        yield Tools(http, utc_now)


@pytest.fixture(params=ADAPTERS, ids=lambda pair: "-".join(pair))
async def cache(request: pytest.FixtureRequest, tools: Tools) -> AsyncIterator[Cache]:
    name, server = request.param
    module = plugins.load(SEAM, name)
    config = (
        {"url": request.getfixturevalue(server).url, "seconds": PATIENT} if server != "none" else {}
    )
    cache: Cache = module.adapter(module.Config(**config), tools)
    for key in ("key", "other"):
        await cache.delete(key)
    yield cache
    if isinstance(cache, redis.RedisCache):
        await cache.close()


async def test_gives_back_what_was_put(cache: Cache) -> None:
    await cache.put("key", b"\x00\xff\r\n", 60)
    assert await cache.get("key") == b"\x00\xff\r\n"
    assert await cache.get("other") is None


async def test_an_empty_value_is_a_value(cache: Cache) -> None:
    await cache.put("key", b"", 60)
    assert await cache.get("key") == b""


async def test_keys_may_be_arabic(cache: Cache) -> None:
    await cache.put("جلسة:١", "قهوة".encode(), 1)
    assert await cache.get("جلسة:١") == "قهوة".encode()


async def test_the_last_put_counts(cache: Cache) -> None:
    await cache.put("key", b"old", 0.02)
    await cache.put("key", b"new", 60)
    await asyncio.sleep(0.05)
    assert await cache.get("key") == b"new"


async def test_forgets_after_its_time(cache: Cache) -> None:
    await cache.put("key", b"value", 0.02)
    await cache.add("other", b"value", 0.02)
    await asyncio.sleep(0.05)
    assert await cache.get("key") is None
    assert await cache.add("other", b"again", 60)


async def test_forgets_when_told(cache: Cache) -> None:
    await cache.put("key", b"value", 60)
    await cache.delete("key")
    await cache.delete("key")
    assert await cache.get("key") is None


async def test_of_many_who_add_at_once_one_succeeds(cache: Cache) -> None:
    added = await asyncio.gather(*(cache.add("key", str(n).encode(), 60) for n in range(40)))
    assert sum(added) == 1
    assert await cache.get("key") == str(added.index(True)).encode()


async def test_memory_is_bounded_and_keeps_what_was_used_last(tools: Tools) -> None:
    cache = memory.MemoryCache(memory.Config(entries=2), tools)
    await cache.put("a", b"1", 60)
    await cache.put("b", b"2", 60)
    await cache.get("a")
    await cache.put("c", b"3", 60)
    assert [await cache.get(key) for key in "abc"] == [b"1", None, b"3"]


async def test_memory_follows_the_clock_it_is_given(tools: Tools) -> None:
    now = utc_now()
    cache = memory.MemoryCache(memory.Config(), Tools(tools.http, lambda: now))
    await cache.put("key", b"value", 3600)
    now += timedelta(minutes=59, seconds=59)
    assert await cache.get("key") == b"value"
    now += timedelta(seconds=1)
    assert await cache.get("key") is None


HOURS = 10_000.0
"""Seconds that nobody waits for."""


@dataclass
class Proxy:
    """Stands between cache and server, and can hold back the server's replies."""

    server: EmbeddedValkey
    delay: float = 0.0
    port: int = 0
    connections: int = 0
    asked: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Proxy"]:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listener.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await listener.wait_closed()

    async def _serve(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far, back = await asyncio.open_unix_connection(str(self.server.socket))
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(
                self._copy(near, back, late=False), self._copy(far, out, late=True)
            )
        for writer in (out, back):
            writer.close()

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, late: bool
    ) -> None:
        while chunk := await source.read(1 << 16):
            if late:
                await asyncio.sleep(self.delay)
            else:
                self.asked += 1
            target.write(chunk)
        target.close()


@pytest.fixture
async def proxy(valkey: EmbeddedValkey) -> AsyncIterator[Proxy]:
    async with Proxy(valkey).listening() as proxy:
        yield proxy


Connect = Callable[..., redis.RedisCache]


@pytest.fixture
async def connect(tools: Tools) -> AsyncIterator[Connect]:
    opened: list[redis.RedisCache] = []

    def connect(port: int, **more: float) -> redis.RedisCache:
        config = redis.Config.model_validate({"url": f"redis://127.0.0.1:{port}/0", **more})
        opened.append(redis.RedisCache(config, tools))
        return opened[-1]

    yield connect
    for cache in opened:
        await cache.close()


async def test_a_cancelled_question_leaves_no_reply_for_the_next(
    proxy: Proxy, connect: Connect
) -> None:
    cache = connect(proxy.port, connections=1, seconds=5)
    await cache.put("first", b"first", 60)
    await cache.put("second", b"second", 60)
    for delay in (0.05, 0.01, 0.001, 0.0):
        for _ in range(10):
            proxy.delay = delay
            question = asyncio.create_task(cache.get("first"))
            await asyncio.sleep(delay / 2)
            question.cancel()
            with suppress(asyncio.CancelledError):
                await question
            proxy.delay = 0
            assert await cache.get("second") == b"second"
    assert cache.unreached == 0


async def test_a_late_reply_reaches_nobody(proxy: Proxy, connect: Connect) -> None:
    cache = connect(proxy.port, connections=1, seconds=0.1, pause=0)
    await cache.put("first", b"first", 60)
    await cache.put("second", b"second", 60)
    proxy.delay = 0.2
    assert await cache.get("first") is None
    proxy.delay = 0
    assert await cache.get("second") == b"second"
    assert cache.unreached == 1


async def test_a_server_that_hangs_is_an_empty_cache_and_left_alone(
    proxy: Proxy, connect: Connect
) -> None:
    cache = connect(proxy.port, seconds=0.5, pause=2.0)
    await cache.put("key", b"value", 60)
    proxy.delay = HOURS
    assert await cache.get("key") is None
    asked = proxy.asked
    assert await cache.get("key") is None
    assert await cache.add("key", b"other", 60)
    await cache.put("key", b"other", 60)
    await cache.delete("key")
    assert (cache.unreached, proxy.asked) == (5, asked)
    proxy.delay = 0
    await asyncio.sleep(2.0)
    assert await cache.get("key") == b"value"


async def test_a_server_that_is_gone_is_an_empty_cache_until_it_is_back(
    valkey: EmbeddedValkey, connect: Connect
) -> None:
    proxy = Proxy(valkey)
    async with proxy.listening():
        cache = connect(proxy.port, pause=0.1)
        await asyncio.gather(*(cache.put(f"key{n}", b"value", 60) for n in range(5)))
    assert await cache.get("key1") is None
    with pytest.raises(UpstreamUnavailable, match="doesn't answer"):
        await cache.ping()
    await asyncio.sleep(0.1)
    async with proxy.listening():
        await cache.ping()
        assert await cache.get("key1") == b"value"


async def test_a_restarted_server_costs_no_answer(proxy: Proxy, connect: Connect) -> None:
    cache = connect(proxy.port, connections=1)
    await cache.put("key", b"value", 60)
    for task in list(proxy._tasks):
        task.cancel()
    await asyncio.sleep(0.05)
    assert await cache.get("key") == b"value"
    assert (cache.unreached, proxy.connections) == (0, 2)


async def test_more_questions_than_connections_wait_for_their_turn(
    valkey: EmbeddedValkey, tools: Tools
) -> None:
    cache = redis.RedisCache(
        redis.Config.model_validate({"url": valkey.url, "connections": 4, "seconds": PATIENT}),
        tools,
    )
    await cache.put("key", b"value", 60)
    found = await asyncio.gather(*(cache.get("key") for _ in range(200)))
    await cache.close()
    assert found == [b"value"] * 200

"""Who is cancelled in the middle leaves nothing for the next: no reply in a connection, no tenant, no transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from pydantic import SecretStr

from app.bootstrap import app_url, signer
from app.core.limits import Charge, Limit
from app.core.limits_redis import RedisLimits
from app.core.multi_tenant import Database
from app.core.tools import Tools
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from app.models.client import Client, ClientSettings, new_client_id
from app.services.cache.redis import Config, RedisCache
from tests.fixtures.keys import sealed
from tests.fixtures.product import migrate_now, settings_for
from tests.fixtures.wire import Proxy, Steps

OPERATIONS = 4_000
AT_ONCE = 40
SLOWEST = 0.004
SEED = 20261126

Operation = Callable[[int], Awaitable[object]]


class LateProxy(Proxy):
    """Another socket of a server, whose answers come late, each by a time of its own and in pieces."""

    def __init__(self, server: Path, at: Path) -> None:
        super().__init__(Steps())
        self._upstream, self._at = server, at
        self._chance = random.Random(SEED)  # noqa: S311

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._accept, self._at)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(self._upstream)
        asking = asyncio.create_task(self._ask(reader, questions))
        try:
            while data := await answers.read(1 << 16):
                await asyncio.sleep(self._chance.random() * SLOWEST)
                cut = self._chance.randrange(len(data))
                for piece in (data[:cut], data[cut:]):
                    writer.write(piece)
                    await writer.drain()
        finally:
            asking.cancel()
            questions.close()

    async def _ask(self, reader: asyncio.StreamReader, questions: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            questions.write(data)
            await questions.drain()
        questions.close()


async def half_cancelled(operation: Operation) -> tuple[int, int]:
    """Does it thousands of times, many at once, and cancels every other one after a moment; counts both."""
    chance, places = random.Random(SEED), asyncio.Semaphore(AT_ONCE)  # noqa: S311
    done = cancelled = 0

    async def one(number: int) -> None:
        nonlocal done, cancelled
        async with places:
            task = asyncio.ensure_future(operation(number))
            if number % 2:
                await asyncio.sleep(chance.random() * 2 * SLOWEST)
                task.cancel()
            try:
                await task
                done += 1
            except asyncio.CancelledError:
                cancelled += 1

    await asyncio.gather(*(one(number) for number in range(OPERATIONS)))
    return done, cancelled


def _enough(counts: tuple[int, int]) -> None:
    done, cancelled = counts
    assert done + cancelled == OPERATIONS
    assert cancelled > OPERATIONS // 8, "Too few were caught in the middle."
    assert done >= OPERATIONS // 2


async def test_a_cancelled_question_to_the_database_answers_nobody_else(
    postgres18: EmbeddedPostgres,
    fresh_database: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Every answer is to the question that was asked, and by the tenant who asked."""
    url, home = fresh_database(postgres18, migrate_now), tmp_path_factory.mktemp("late")
    async with LateProxy(postgres18.socket, home / postgres18.socket.name):
        late = url.replace(quote(str(postgres18.socket.parent)), quote(str(home)))
        assert late != url
        settings = settings_for(late, home)
        db = Database.connect(app_url(settings), signer(settings), size=8, overflow=4)
        clients = [new_client_id() for _ in range(3)]
        for number, client_id in enumerate(clients):
            async with sealed(db).tenant(client_id) as tx:
                await Client.add(tx, f"Client {number}", f"client-{number}", ClientSettings())

        async def ask(number: int) -> None:
            mine = clients[number % 3]
            async with db.tenant(mine) as tx:
                assert await tx.value("SELECT $1::int", number) == number
                rows = await tx.all("SELECT id, $1::int AS number FROM clients", number)
            assert [(row["id"], row["number"]) for row in rows] == [(mine, number)]

        async def ask_outside(number: int) -> None:
            [row] = await db.call(
                "SELECT $1::int AS number, app.current_client() AS client", number
            )
            assert (row["number"], row["client"]) == (number, None)

        _enough(await half_cancelled(lambda n: ask(n) if n % 4 < 2 else ask_outside(n)))
        await db.close()


async def test_a_cancelled_question_to_the_cache_answers_nobody_else(
    valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """How one chat's titles came to another's user once (CVE-2023-28858)."""
    home = tmp_path_factory.mktemp("late")
    async with LateProxy(valkey.socket, home / "late.sock"), aiohttp.ClientSession() as http:
        config = Config(url=SecretStr(f"unix://{home}/late.sock?db=0"), seconds=10, connections=8)
        cache = RedisCache(config, Tools(http=http, now=lambda: None))  # type: ignore[arg-type, return-value]

        async def ask(number: int) -> None:
            key, value = f"cancelled:{number}", str(number).encode()
            await cache.put(key, value, 60)
            assert await cache.get(key) == value

        _enough(await half_cancelled(ask))
        assert cache.unreached == 0
        await cache.close()


async def test_a_cancelled_count_is_told_to_nobody_else(
    valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each subject comes once: had one been given another's answer, it would have been refused or had less left."""
    home, limit = tmp_path_factory.mktemp("late"), Limit("tries", 1_000, 3600)
    async with LateProxy(valkey.socket, home / "late.sock"):
        limits = RedisLimits(f"unix://{home}/late.sock?db=0", seconds=10)

        async def ask(number: int) -> None:
            cost = 1 + number % 900
            decision = await limits.take(f"cancelled-{number}", [Charge(limit, "one", cost)])
            assert decision.admitted
            assert decision.standings[0].remaining == 1_000 - cost

        _enough(await half_cancelled(ask))
        await limits.aclose()

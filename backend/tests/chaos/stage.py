"""Everything of an installation, each part a process of its own, and how each of them dies and comes back."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from app.bootstrap import bootstrap
from app.core.config import Settings
from app.embedded.postgres import EmbeddedPostgres
from app.models.client import ClientSettings
from app.services.orchestrator import accounts, clients, library
from simulators.meta import MetaSimulator, Number
from tests.chaos.faults import Fault
from tests.chaos.hosts import THERE, Hosts
from tests.chaos.keeper import servers
from tests.fixtures.nursery import ROOT, Child, Nursery
from tests.fixtures.product import APP_SECRET, CACHE, migrate_async, settings_for
from tests.fixtures.wired import free_port, lives, plain, until

NUMBER = "900200"
LEASE, PAUSE = 2.0, 3.0
MENU = "# Menu\n\nA flat white costs 18 SAR. We open at 7 in the morning.\n"


@dataclass
class Keeper:
    """The process that runs database and cache."""

    process: asyncio.subprocess.Process
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def crash(self, which: str) -> None:
        """Crashes one of them and waits until it is back; one after the other."""
        assert self.process.stdin
        async with self.turn:
            self.process.stdin.write(f"{which}\n".encode())
            await self.hears("back")

    async def hears(self, word: str) -> None:
        assert self.process.stdout
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        assert line.decode().strip() == word

    async def end(self) -> None:
        """Ends both in order."""
        assert self.process.stdin
        self.process.stdin.close()
        await self.process.wait()


async def _keeper(home: Path) -> Keeper:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.keeper", str(home),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    keeper = Keeper(process)
    await keeper.hears("up")
    return keeper


@dataclass
class Stage:
    """An installation whose parts are killed."""

    meta: MetaSimulator
    database: EmbeddedPostgres
    keeper: Keeper
    nursery: Nursery
    settings: dict[str, object]
    workers: list[Child]
    api: Child
    api_restarts: asyncio.Lock = field(default_factory=asyncio.Lock)
    restarted: Counter[str] = field(default_factory=Counter)

    async def suffer(self, fault: Fault, which: int) -> None:
        """One fault, and what a supervisor does about it."""
        match fault:
            case Fault.KILL_WORKER:
                self.workers[which].kill()
                self.workers[which] = self.nursery.start("work", self.settings)
            case Fault.KILL_API:
                await self._kill_api()
            case Fault.PAUSE_WORKER:
                await self._pause(self.workers[which])
            case Fault.CRASH_DATABASE:
                await self.keeper.crash("database")
            case Fault.KILL_CACHE:
                await self.keeper.crash("cache")

    async def supervise(self) -> None:
        """Restarts what ended by itself, as `wafaa up` does; counts how often that was needed."""
        while True:
            await asyncio.sleep(0.5)
            for n, worker in enumerate(self.workers):
                if not worker.alive:
                    self.workers[n] = self.nursery.start("work", self.settings)
                    self.restarted["work"] += 1
            if not self.api.alive:
                self.api = self.nursery.start("serve", self.settings)
                self.restarted["serve"] += 1

    async def _kill_api(self) -> None:
        """Not again before it is back: on a slow machine it would never be."""
        async with self.api_restarts, aiohttp.ClientSession() as http:
            self.api.kill()
            self.api = self.nursery.start("serve", self.settings)
            port = int(str(self.settings["WAFAA_PORT"]))
            await until(lambda: lives(http, port), 120)

    async def _pause(self, worker: Child) -> None:
        """Longer than a lease. Somebody may kill it meanwhile."""
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        worker.signal(signal.SIGCONT)

    async def rest(self, seconds: float) -> bool:
        """Waits until no job is left to do; tells whether that was reached."""
        try:
            await until(self._idle, seconds)
        except TimeoutError:
            return False
        return True

    async def _idle(self) -> bool:
        return self.left("pending") == 0

    def left(self, state: str) -> int:
        """How many jobs there are in a state."""
        return self._count(f"jobs WHERE state = '{state}'")

    def unanswered(self) -> int:
        """How many messages of contacts nobody has answered."""
        return self._count("messages WHERE author = 'contact' AND answered_by IS NULL")

    def _count(self, rows: str) -> int:
        sql = f"SELECT count(*) FROM {rows}"
        return int(str(self.database.execute(sql, database="wafaa")[0][0]))


@asynccontextmanager
async def installation(
    seed: int, lost_send: float, log: Path | None = None, hosts: Hosts | None = None
) -> AsyncIterator[Stage]:
    """Starts all of it in a folder of its own; its parts log to ``log``, and run on another host if there is one."""
    home = Path(tempfile.mkdtemp(prefix="chaos"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        keeper = await _keeper(home)
        stack.push_async_callback(keeper.end)
        database, cache = servers(home)
        prefix = hosts.prefix if hosts else ()
        nursery = stack.enter_context(Nursery(log or home / "parts.log", prefix=prefix))
        address = THERE if hosts else "127.0.0.1"
        settings = settings_for(
            database.url, home, REDIS_URL=cache.url, WAFAA_PORT=free_port(), WAFAA_HOST=address,
            WAFAA_LEASE_SECONDS=LEASE, WAFAA_INDETERMINATE_SECONDS=lost_send, WAFAA_MAX_ATTEMPTS=12,
        )  # fmt: skip
        if (CACHE / "models").exists():  # Built once a machine.
            (home / "models").symlink_to(CACHE / "models")
        await migrate_async(database.url, settings.app_database_password.get_secret_value())
        nursery.start("embed", plain(settings))
        callback = f"http://{address}:{settings.port}/webhook/whatsapp/cafe"
        meta = await stack.enter_async_context(
            MetaSimulator(app_secret=APP_SECRET, callback_url=callback, seed=seed)
        )
        await _open_shop(settings, await hosts.reach_platform(meta.url) if hosts else meta.url)
        ready = plain(settings)
        if hosts:
            ready["DATABASE_URL"] = await hosts.reach_database(database.url)
            hosts.ports["api"] = settings.port
        meta.connect(Number(NUMBER, "token"))
        workers = [nursery.start("work", ready) for _ in range(2)]
        api = nursery.start("serve", ready)
        async with aiohttp.ClientSession() as http:
            await until(lambda: lives(http, settings.port, address), 60)
        stage = Stage(meta, database, keeper, nursery, ready, workers, api)
        assert await stage.rest(60), "The shop's menu isn't learned."
        supervisor = asyncio.create_task(stage.supervise())
        yield stage
        supervisor.cancel()


async def _open_shop(settings: Settings, platform: str) -> None:
    """A business with a number and a menu."""
    services = bootstrap(settings)
    fields = {
        "phone_number_id": NUMBER, "access_token": "token", "verify_token": "verify", "graph_url": platform,
    }  # fmt: skip
    shop = await clients.create(
        services.db, services.channels, name="Cafe", slug="cafe", settings=ClientSettings(language="en"),
        owner=("owner@cafe.example", "Owner", "!"), actor="chaos",
    )  # fmt: skip
    async with services.db.tenant(shop.id) as tx:
        await accounts.connect(tx, services.channels, "whatsapp", "WhatsApp", fields, actor="chaos")
        await library.add(
            tx, MENU.encode(), filename="menu.md", media_type="text/markdown", actor="chaos"
        )
    await services.close()

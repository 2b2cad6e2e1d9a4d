"""Everything of an installation, each part a process of its own, and how each of them dies and comes back."""

import asyncio
import random
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
from app.models.message import INTAKE
from app.services.orchestrator import accounts, clients, library
from simulators.meta import MetaSimulator, Number
from tests.chaos.faults import Fault
from tests.chaos.hosts import THERE, Hosts
from tests.chaos.keeper import servers
from tests.fixtures.kafka import Kafka
from tests.fixtures.nursery import ROOT, Child, Nursery
from tests.fixtures.product import APP_SECRET, CACHE, settings_for
from tests.fixtures.shop_logged import kafka_settings
from tests.fixtures.wired import free_port, lives, plain, until

NUMBER = "900200"
PREFIX = "chaos."
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
    embedder: Child
    workers: list[Child]
    consumers: list[Child]
    api: Child
    kafka: Kafka | None = None
    kills: Counter[str] = field(default_factory=Counter)
    restarted: Counter[str] = field(default_factory=Counter)

    async def suffer(self, fault: Fault, rng: random.Random) -> None:
        """One fault, and what a supervisor does about it."""
        match fault:
            case Fault.KILL_WORKER | Fault.KILL_CONSUMER:
                crew = self._crew(fault)
                which = rng.randrange(len(crew))
                crew[which] = self._reborn(crew[which])
            case Fault.PAUSE_WORKER | Fault.PAUSE_CONSUMER:
                await self._pause(rng.choice(self._crew(fault)))
            case Fault.KILL_WORKERS:
                self.workers[:] = [self._reborn(worker) for worker in self.workers]
            case Fault.KILL_EMBEDDER:
                self.embedder = self._reborn(self.embedder)
            case Fault.KILL_API:
                await self._kill_api()
            case Fault.CRASH_DATABASE | Fault.KILL_CACHE:
                await self._crash("database" if fault is Fault.CRASH_DATABASE else "cache")
            case Fault.KILL_BROKER:
                await self._kill_leader()

    def _crew(self, fault: Fault) -> list[Child]:
        of_workers = fault in (Fault.KILL_WORKER, Fault.PAUSE_WORKER)
        return self.workers if of_workers else self.consumers

    async def supervise(self) -> None:
        """Restarts what ended by itself, as `wafaa up` does; counts how often that was needed."""
        while True:
            await asyncio.sleep(0.5)
            for several in (self.workers, self.consumers):
                for n, child in enumerate(several):
                    several[n] = self._again(child)
            self.api = self._again(self.api)
            self.embedder = self._again(self.embedder)

    def _again(self, child: Child) -> Child:
        if child.alive:
            return child
        self.restarted[child.role] += 1
        return self.nursery.start(child.role, self.settings)

    def _reborn(self, child: Child) -> Child:
        """Kills it; gives the one that takes its place."""
        child.kill()
        self.kills[child.role] += 1
        return self.nursery.start(child.role, self.settings)

    async def _kill_api(self) -> None:
        self.api = self._reborn(self.api)
        port = int(str(self.settings["WAFAA_PORT"]))
        async with aiohttp.ClientSession() as http:
            await until(lambda: lives(http, port), 120)

    async def _crash(self, which: str) -> None:
        await self.keeper.crash(which)
        self.kills[which] += 1

    async def _kill_leader(self) -> None:
        """Of the topic that webhooks go to; what one client asks of a cluster blocks."""
        assert self.kafka
        broker = await asyncio.to_thread(self.kafka.leader, f"{PREFIX}inbound")
        broker.kill()
        self.kills["broker"] += 1
        broker.start()
        await asyncio.to_thread(broker.wait)

    async def _pause(self, child: Child) -> None:
        """Longer than a lease. Somebody may kill it meanwhile."""
        child.signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        child.signal(signal.SIGCONT)

    async def rest(self, seconds: float) -> bool:
        """Waits until no job is left to do; tells whether that was reached."""
        try:
            await until(self._idle, seconds)
        except TimeoutError:
            return False
        return True

    async def _idle(self) -> bool:
        return self.left("pending") == 0

    async def takes_in(self) -> bool:
        """Whether intake is open: an API's, or that of somebody who has read all that the log holds."""
        return self._count(f"pg_stat_activity WHERE application_name = '{INTAKE}'") > 0

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
    seed: int,
    lost_send: float,
    log: Path | None = None,
    hosts: Hosts | None = None,
    brokers: int = 0,
    *,
    timed: bool = False,
) -> AsyncIterator[Stage]:
    """Starts all of it in a folder of its own.

    Args:
        seed: Of chance.
        lost_send: How long a lost send waits for its status.
        log: Where its parts log to.
        hosts: Where they run, if on another host.
        brokers: How many brokers stand in front, if any do.
        timed: Whether parts begin as slowly as in life.
    """
    home = Path(tempfile.mkdtemp(prefix="chaos"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        keeper = await _keeper(home)
        stack.push_async_callback(keeper.end)
        database, cache = servers(home)
        kafka = stack.enter_context(Kafka(home / "kafka", brokers)) if brokers else None
        prefix = hosts.prefix if hosts else ()
        nursery = stack.enter_context(
            Nursery(log or home / "parts.log", prefix=prefix, warm=not timed)
        )
        address = THERE if hosts else "127.0.0.1"
        settings = settings_for(
            database.url, home, REDIS_URL=cache.url, WAFAA_PORT=free_port(), WAFAA_HOST=address,
            WAFAA_LEASE_SECONDS=LEASE, WAFAA_INDETERMINATE_SECONDS=lost_send,
            WAFAA_MAX_ATTEMPTS=12,  # A kill costs an attempt, and here one comes every few seconds.
        )  # fmt: skip
        if (CACHE / "models").exists():  # Built once a machine.
            (home / "models").symlink_to(CACHE / "models")
        ready = plain(settings) | (_behind(kafka) if kafka else {})
        await _migrate(nursery, ready)
        embedder = nursery.start("embed", ready)
        callback = f"http://{address}:{settings.port}/webhook/whatsapp/cafe"
        meta = await stack.enter_async_context(
            MetaSimulator(app_secret=APP_SECRET, callback_url=callback, seed=seed)
        )
        await _open_shop(settings, await hosts.reach_platform(meta.url) if hosts else meta.url)
        if hosts:
            ready["DATABASE_URL"] = await hosts.reach_database(database.url)
            hosts.ports["api"] = settings.port
        meta.connect(Number(NUMBER, "token"))
        workers = [nursery.start("work", ready) for _ in range(2)]
        consumers = [nursery.start("consume", ready) for _ in range(2 if kafka else 0)]
        api = nursery.start("serve", ready)
        async with aiohttp.ClientSession() as http:
            await until(lambda: lives(http, settings.port, address), 60)
        stage = Stage(
            meta, database, keeper, nursery, ready, embedder, workers, consumers, api, kafka
        )
        assert await stage.rest(60), "The shop's menu isn't learned."
        await until(stage.takes_in, 60)
        supervisor = asyncio.create_task(stage.supervise())
        yield stage
        supervisor.cancel()


def _behind(kafka: Kafka) -> dict[str, object]:
    """An installation behind a log, and never past it however long that is away: there is an order to keep."""
    return {
        "QUEUE_BROKER": "kafka",
        **kafka_settings(kafka, PREFIX=PREFIX, SECONDS=4),
    }


async def _migrate(nursery: Nursery, settings: dict[str, object]) -> None:
    migrating = nursery.start("migrate", settings)

    async def ended() -> bool:
        return not migrating.alive

    await until(ended, 120)


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

"""Everything of an installation, each part a process of its own, and how each of them dies and comes back."""

import asyncio
import random
import signal
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from app.core.config import Settings
from app.core.errors import Unavailable
from app.embedded.postgres import EmbeddedPostgres
from app.models.silence import INTAKE
from simulators.meta import MetaSimulator
from tests.chaos.faults import Fault
from tests.chaos.hosts import Hosts
from tests.fixtures.kafka import Broker, Kafka
from tests.fixtures.nursery import ROOT, Child, Nursery
from tests.fixtures.wired import lives, until

NUMBER = "900200"
PREFIX = "chaos."
LEASE, PAUSE, SHORTEST_CUT = 2.0, 3.0, 10.0
MOST_ATTEMPTS = 12
"""A kill costs an attempt, and here one comes every few seconds."""


_POISONED = f"""
WITH lane AS (SELECT client_id, id FROM lanes WHERE queue = 'chat' ORDER BY random() LIMIT 1),
poison AS (INSERT INTO jobs (client_id, id, lane_id, kind, payload, attempts, due_at)
  SELECT client_id, lpad('{{number}}', 32, '0')::uuid, id, 'answer_message', '{{{{"poison": true}}}}',
    {MOST_ATTEMPTS - 1}, now()
  FROM lane ON CONFLICT DO NOTHING)
UPDATE lanes l SET due_at = least(l.due_at, now()) FROM lane WHERE (l.client_id, l.id) = (lane.client_id, lane.id)
RETURNING 1
"""
"""It has one attempt left, and comes before all others of its lane: a later one would stand for those before it."""


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


async def keeper_of(home: Path) -> Keeper:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.keeper", str(home),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    keeper = Keeper(process)
    await keeper.hears("up")
    return keeper


@dataclass
class Stage:
    """An installation whose parts are killed.

    Attributes:
        nursery: Where parts come from.
        cold: Where they come from instead, while it is measured: they begin as slowly as in life.
        door: Where platforms come in: it stays open while no API is there, as where `wafaa up` keeps it. Hosts of
            their own have doors of their own.
        longest_cut: For how long the network is cut, at most.
    """

    meta: MetaSimulator
    own: Settings
    database: EmbeddedPostgres
    keeper: Keeper
    nursery: Nursery
    settings: dict[str, object]
    kafka: Kafka | None = None
    hosts: Hosts | None = None
    cold: Nursery | None = None
    door: socket.socket | None = None
    longest_cut: float = SHORTEST_CUT
    kills: Counter[str] = field(default_factory=Counter)
    restarted: Counter[str] = field(default_factory=Counter)
    poisoned: int = 0
    embedder: Child = field(init=False)
    api: Child = field(init=False)
    workers: list[Child] = field(init=False)
    consumers: list[Child] = field(init=False)

    def begin(self) -> None:
        """Starts every part."""
        self.embedder, self.api = self._start("embed"), self._start("serve")
        self.workers = [self._start("work") for _ in range(2)]
        self.consumers = [self._start("consume") for _ in range(2 if self.kafka else 0)]

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
            case Fault.KILL_CACHE_AND_LOG:
                await asyncio.gather(self._crash("cache"), self._kill_log())
            case Fault.POISON:
                await self._poison()
            case _:
                await self._cut(fault, rng.uniform(SHORTEST_CUT, self.longest_cut))

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
        return self._start(child.role)

    def _reborn(self, child: Child) -> Child:
        """Kills it; gives the one that takes its place."""
        child.kill()
        self.kills[child.role] += 1
        return self._start(child.role)

    def _start(self, role: str) -> Child:
        nursery = self.cold or self.nursery
        network = self.hosts.network(role) if self.hosts else None
        words = ["--socket", str(self.door.fileno())] if self.door and role == "serve" else []
        return nursery.start(role, self.settings, network, words)

    async def _kill_api(self) -> None:
        self.api = self._reborn(self.api)
        async with aiohttp.ClientSession() as http:
            await until(lambda: lives(http, self.own.port, self.own.host), 120)

    async def _crash(self, which: str) -> None:
        await self.keeper.crash(which)
        self.kills[which] += 1

    async def _kill_leader(self) -> None:
        """Of the topic that webhooks go to; what one client asks of a cluster blocks."""
        assert self.kafka
        await self._kill(await asyncio.to_thread(self.kafka.leader, f"{PREFIX}inbound"))

    async def _kill_log(self) -> None:
        assert self.kafka
        await self._kill(*self.kafka.brokers)

    async def _kill(self, *brokers: Broker) -> None:
        for broker in brokers:
            broker.kill()
            self.kills["broker"] += 1
        for broker in brokers:
            broker.start()
        for broker in brokers:
            await asyncio.to_thread(broker.wait)

    async def _pause(self, child: Child) -> None:
        """Longer than a lease. Somebody may kill it meanwhile."""
        child.signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE)
        child.signal(signal.SIGCONT)

    async def _cut(self, fault: Fault, seconds: float) -> None:
        assert self.hosts
        assert fault.between
        await self.hosts.cut(*fault.between, seconds)

    async def _poison(self) -> None:
        """A job on somebody's lane that breaks whoever runs it; a webhook that nobody can read."""
        self.poisoned += 1
        await until(partial(self._has_poison, self.poisoned), 120)
        payload = self.meta.says(NUMBER, "966559999999", "?")
        value = payload["entry"][0]["changes"][0]["value"]
        value["messages"] = [{"id": {"poison": self.poisoned}, "from": 7, "text": []}]
        body, headers = self.meta.signed(payload)
        async with aiohttp.ClientSession() as http:
            await until(lambda: self._takes(http, body, headers), 120)

    async def _has_poison(self, number: int) -> bool:
        await asyncio.sleep(0.2)
        try:
            return bool(self.database.execute(_POISONED.format(number=number), database="wafaa"))
        except (OSError, Unavailable):  # It is away, or going.
            return False

    async def _takes(
        self, http: aiohttp.ClientSession, body: bytes, headers: dict[str, str]
    ) -> bool:
        url = f"http://{self.own.host}:{self.own.port}/webhook/whatsapp/cafe"
        try:
            async with http.post(url, data=body, headers=headers) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

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
        """How many jobs there are in a state, without those that we poisoned."""
        return self._count(f"jobs WHERE state = '{state}' AND NOT payload ? 'poison'")

    def unanswered(self) -> int:
        """How many messages of contacts nobody has answered."""
        return self._count("messages WHERE author = 'contact' AND answered_by IS NULL")

    def _count(self, rows: str) -> int:
        sql = f"SELECT count(*) FROM {rows}"
        return int(str(self.database.execute(sql, database="wafaa")[0][0]))

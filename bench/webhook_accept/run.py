"""P1 webhook-accept: signed WhatsApp webhooks, a tenth of them duplicates, 200 only after COMMIT.

Limit: a loop of 32 connections that insert one row and commit. Peer: the naive app. The load keeps to one processor;
application and database take what is free. Everybody runs twice: on this machine's own disk, and on one that takes as
long as a managed one until something rests, as where the goals were measured.
"""

import argparse
import asyncio
import os
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from bench import product
from bench.disk import Disk
from bench.lib import (
    IDLE_WORKERS,
    Racer,
    environment,
    pin,
    postgres_pids,
    process,
    publish,
    race,
    ratio,
    run,
    servers,
    tree,
    until_answers,
    workplace,
)
from bench.load import post_all, request, uncollected

AT_ONCE = 32
KNOWN = 1000
"""Contacts of the racer whose contacts have all written before."""
GOALS = {
    "ours / insert loop, per second": ">= 0.65",
    "ours / naive, per second": ">= 20",
    "naive / ours, CPU of the app": ">= 30",
}


class Webhooks:
    """Webhooks of many contacts at many clients; a tenth says again what was said.

    Attributes:
        distinct: How many different messages were made.
    """

    def __init__(self, url: str, path: str, numbers: list[str], count: int, contacts: int = 10**7) -> None:
        self._url, self._path, self._numbers, self._count = url, path, numbers, count
        self._contacts = contacts
        self._chance = random.Random(7)  # noqa: S311
        self._made: list[bytes] = []
        self.distinct = 0

    def make(self) -> None:
        """Writes the next round's requests."""
        self._made = []
        for _ in range(self._count):
            again = self._made and self._chance.random() < 0.1
            self._made.append(self._chance.choice(self._made) if again else self._new())

    def _new(self) -> bytes:
        return self._said(self._chance.randrange(self._contacts))

    def _said(self, contact: int) -> bytes:
        """One message; the contact's number says whose contact it is, too."""
        self.distinct += 1
        n = contact % len(self._numbers)
        raw, headers = product.body(
            self._numbers[n], f"96650{contact:07d}", "Do you deliver to Hittin?", int(time.time())
        )
        return request(self._url, self._path.format(n=n), raw, headers)

    async def post(self) -> int:
        """Posts them."""
        return await post_all(self._url, self._made, AT_ONCE)


class Returning(Webhooks):
    """The same of contacts who have all written before, and were answered."""

    def __init__(self, url: str, path: str, numbers: list[str], count: int, database: str) -> None:
        super().__init__(url, path, numbers, count, KNOWN)
        self._database = database
        self._introduced = False

    async def prepare(self) -> None:
        """Lets everybody write once, answers everybody, and writes the next round's requests."""
        if not self._introduced:
            await post_all(self._url, [self._said(contact) for contact in range(KNOWN)], AT_ONCE)
            self._introduced = True
        connection = await asyncpg.connect(self._database)
        for statement in ("DELETE FROM jobs", "UPDATE lanes SET due_at = NULL", "VACUUM jobs", "VACUUM lanes"):
            await connection.execute(statement)
        await connection.close()
        self.make()


class InsertLoop:
    """The limit: 32 connections, one row a transaction, synchronous commit."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", count: int) -> None:
        self._pool, self._count = pool, count
        self._left = 0

    async def insert(self) -> int:
        """Inserts them."""
        self._left = self._count
        with uncollected():
            await asyncio.gather(*(self._one() for _ in range(AT_ONCE)))
        return self._count

    async def _one(self) -> None:
        async with self._pool.acquire() as connection:
            while self._left > 0:
                self._left -= 1
                await connection.execute("INSERT INTO floor_rows (note) VALUES ($1)", "x" * 200)


@dataclass
class Course:
    """A race on one disk.

    Attributes:
        name: What its figures begin with; nothing on this machine's own disk.
        sync_us: Microseconds of one ``fdatasync``, before the race.
        rows: How many messages there were in the end, by racer: every distinct one once.
    """

    name: str
    sync_us: float
    racers: dict[str, Racer] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """The race's figures."""
        us, peer, limit, known = (self.racers[n] for n in ("ours", "naive", "insert loop", "ours, known contacts"))
        told = {
            "ours / insert loop, per second": ratio(us, limit, "per_second"),
            "ours / naive, per second": ratio(us, peer, "per_second"),
            "naive / ours, CPU of the app": ratio(peer, us, "app_cpu_us"),
            "known contacts: ours / insert loop, per second": ratio(known, limit, "per_second"),
            "known contacts: ours / naive, per second": ratio(known, peer, "per_second"),
            "fdatasync, µs": self.sync_us,
        }
        return {f"{self.name}{figure}": value for figure, value in told.items()}


async def course(name: str, disk: Disk, home: Path, given: argparse.Namespace) -> Course:
    """Runs the race on one disk."""
    with servers(home, disk) as (postgres, valkey), ExitStack() as processes:
        ours, theirs, floor = (postgres.createdb(name) for name in ("ours", "naive", "floor"))
        port, naive_port = product.free_port(), product.free_port()
        env = environment(ours, valkey.url, home, port) | IDLE_WORKERS
        numbers = await product.prepare(env, given.clients, "http://127.0.0.1:9")
        api = processes.enter_context(process(product.role("serve"), env, home / "api.log"))
        naive = processes.enter_context(
            process(product.naive(naive_port), product.naive_env(theirs), home / "naive.log")
        )
        our_url, their_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{naive_port}"
        await until_answers(f"{our_url}/health/live", api)
        await until_answers(f"{their_url}/health", naive)
        await product.prepare_naive(theirs, numbers)
        pool = await asyncpg.create_pool(product.plain(floor), min_size=AT_ONCE, max_size=AT_ONCE)
        await pool.execute("CREATE TABLE floor_rows (id bigserial PRIMARY KEY, note text)")
        pin(0)
        path = "/webhook/whatsapp/client-{n}"
        new = Webhooks(our_url, path, numbers, given.count)
        known = Returning(our_url, path, numbers, given.count, product.plain(ours))
        their = Webhooks(their_url, "/webhook", numbers, max(100, given.count // 10))
        groups = {"postgres": postgres_pids(postgres), "load": lambda: [os.getpid()]}
        ran = Course(name, disk.sync_us(home))
        racers = [
            Racer("ours", new.post, {"app": lambda: tree(api.pid), **groups}, new.make),
            Racer("ours, known contacts", known.post, {"app": lambda: tree(api.pid), **groups}, known.prepare),
            Racer("naive", their.post, {"app": lambda: tree(naive.pid), **groups}, their.make),
            Racer("insert loop", InsertLoop(pool, given.count * 2).insert, groups),
        ]
        await race(racers, given.rounds)
        ran.racers = {racer.name: racer for racer in racers}
        ran.rows = {"ours": await product.count(ours, "messages"), "naive": await product.count(theirs, "messages")}
        await pool.close()
    assert ran.rows == {"ours": new.distinct + known.distinct, "naive": their.distinct}, ran.rows
    return ran


async def main() -> None:
    """Runs the race on both disks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--disk", choices=("own", "managed"), help="only on this one")
    given = parser.parse_args()
    courses = []
    for kind in [given.disk] if given.disk else ["own", "managed"]:
        with workplace() as place:
            home = Path(place)
            disk = Disk.managed(home) if kind == "managed" else Disk()
            courses.append(await course("" if kind == "own" else "managed disk: ", disk, home, given))
    publish(
        Path(__file__).parent,
        {
            "race": "P1 webhook-accept",
            "figures": {figure: value for one in courses for figure, value in one.figures().items()},
            "goals": {f"{one.name}{figure}": goal for one in courses for figure, goal in GOALS.items()},
            "rows are the distinct messages": {f"{one.name}{who}": n for one in courses for who, n in one.rows.items()},
            "racers": {f"{one.name}{r.name}": r.summary() for one in courses for r in one.racers.values()},
        },
    )


if __name__ == "__main__":
    run(main())

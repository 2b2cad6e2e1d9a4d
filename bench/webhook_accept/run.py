"""P1 webhook-accept: signed WhatsApp webhooks, a tenth of them duplicates, 200 only after COMMIT.

Limit: a loop of 32 connections that insert one row and commit. Peer: the naive app. The load keeps to one processor;
application and database take what is free.
"""

import argparse
import asyncio
import random
import time
from pathlib import Path

import asyncpg

from bench import product
from bench.lib import (
    Racer,
    environment,
    pin,
    postgres_pids,
    process,
    publish,
    race,
    ratio,
    servers,
    tree,
    until_answers,
    workplace,
)
from bench.load import post_all, request

AT_ONCE = 32
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

    def __init__(self, url: str, path: str, numbers: list[str], count: int) -> None:
        self._url, self._path, self._numbers, self._count = url, path, numbers, count
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
        self.distinct += 1
        n = self._chance.randrange(len(self._numbers))
        sender = f"96650{self._chance.randrange(10**7):07d}"
        raw, headers = product.body(
            self._numbers[n], sender, "Do you deliver to Hittin?", int(time.time())
        )
        return request(self._url, self._path.format(n=n), raw, headers)

    async def post(self) -> int:
        """Posts them."""
        return await post_all(self._url, self._made, AT_ONCE)


async def insert_loop(pool: "asyncpg.Pool[asyncpg.Record]", count: int) -> int:
    """The limit: 32 connections, one row a transaction, synchronous commit."""
    left = count

    async def one() -> None:
        nonlocal left
        async with pool.acquire() as connection:
            while left > 0:
                left -= 1
                await connection.execute("INSERT INTO floor_rows (note) VALUES ($1)", "x" * 200)

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return count


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--clients", type=int, default=200)
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home = Path(place)
        ours, theirs, floor = (postgres.createdb(name) for name in ("ours", "naive", "floor"))
        port, naive_port = product.free_port(), product.free_port()
        env = environment(ours, valkey.url, home, port)
        numbers = await product.prepare(env, given.clients, "http://127.0.0.1:9")
        with (
            process(product.role("serve"), env, home / "api.log") as api,
            process(
                product.naive(naive_port), product.naive_env(theirs), home / "naive.log"
            ) as naive,
        ):
            await until_answers(f"http://127.0.0.1:{port}/health/live", api)
            await until_answers(f"http://127.0.0.1:{naive_port}/health", naive)
            await product.prepare_naive(theirs, numbers)
            database = postgres_pids(postgres)
            pool = await asyncpg.create_pool(
                product.plain(floor), min_size=AT_ONCE, max_size=AT_ONCE
            )
            await pool.execute("CREATE TABLE floor_rows (id bigserial PRIMARY KEY, note text)")
            pin(0)
            our = Webhooks(
                f"http://127.0.0.1:{port}", "/webhook/whatsapp/client-{n}", numbers, given.count
            )
            their = Webhooks(
                f"http://127.0.0.1:{naive_port}", "/webhook", numbers, max(100, given.count // 6)
            )
            us = Racer(
                "ours", our.post, {"app": lambda: tree(api.pid), "postgres": database}, our.make
            )
            peer = Racer(
                "naive",
                their.post,
                {"app": lambda: tree(naive.pid), "postgres": database},
                their.make,
            )
            limit = Racer(
                "insert loop", lambda: insert_loop(pool, given.count * 2), {"postgres": database}
            )
            await race([us, peer, limit], given.rounds)
            rows = {
                who: await product.count(url, "messages")
                for who, url in (("ours", ours), ("naive", theirs))
            }
            await pool.close()
        made = {"ours": our.distinct, "naive": their.distinct}
        assert rows == made, (rows, made)
        publish(
            Path(__file__).parent,
            {
                "race": "P1 webhook-accept",
                "figures": {
                    "ours / insert loop, per second": ratio(us, limit, "per_second"),
                    "ours / naive, per second": ratio(us, peer, "per_second"),
                    "naive / ours, CPU of the app": ratio(peer, us, "app_cpu_us"),
                },
                "goals": GOALS,
                "rows are the distinct messages": rows,
                "racers": {r.name: r.summary() for r in (us, peer, limit)},
            },
        )


if __name__ == "__main__":
    asyncio.run(main())

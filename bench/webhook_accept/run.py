"""P1 webhook-accept: signed WhatsApp webhooks, a tenth of them duplicates, 200 only after COMMIT.

Limit: a loop of 32 connections that insert one row and commit. Peer: the naive app.
"""

import argparse
import asyncio
import random
import time
from pathlib import Path

import aiohttp
import asyncpg

from bench import product
from bench.lib import Racer, environment, postgres_pids, process, publish, race, ratio, servers, tree, until_answers, workplace

AT_ONCE = 32


async def post_all(url: str, calls: list[tuple[str, bytes, dict[str, str]]]) -> int:
    """Posts every call, 32 at once; every answer must be 200."""
    queue = list(reversed(calls))

    async def one(http: aiohttp.ClientSession) -> None:
        while queue:
            path, raw, headers = queue.pop()
            async with http.post(url + path, data=raw, headers=headers) as answer:
                assert answer.status == 200, (answer.status, await answer.text())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
        await asyncio.gather(*(one(http) for _ in range(AT_ONCE)))
    return len(calls)


def calls_for(numbers: list[str], count: int, path: str, chance: random.Random) -> list[tuple[str, bytes, dict[str, str]]]:
    """Webhooks of many contacts at many clients; a tenth says again what was said."""
    calls: list[tuple[str, bytes, dict[str, str]]] = []
    for _ in range(count):
        if calls and chance.random() < 0.1:
            calls.append(chance.choice(calls))
            continue
        n = chance.randrange(len(numbers))
        raw, headers = product.body(numbers[n], f"96650{chance.randrange(10**7):07d}", "Do you deliver to Hittin?", int(time.time()))
        calls.append((path.format(n=n), raw, headers))
    return calls


async def insert_loop(url: str, count: int) -> int:
    """The limit: 32 connections, one row a transaction, synchronous commit."""
    pool = await asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=AT_ONCE, max_size=AT_ONCE)
    left = count

    async def one() -> None:
        nonlocal left
        async with pool.acquire() as connection:
            while left > 0:
                left -= 1
                await connection.execute("INSERT INTO floor_rows (note) VALUES ($1)", "x" * 200)

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    await pool.close()
    return count


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--clients", type=int, default=200)
    given = parser.parse_args()
    chance = random.Random(7)  # noqa: S311
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home = Path(place)
        ours, theirs, floor = (postgres.createdb(name) for name in ("ours", "naive", "floor"))
        port, naive_port = product.free_port(), product.free_port()
        env = environment(ours, valkey.url, home, port)
        numbers = await product.prepare(env, given.clients, "http://127.0.0.1:9")
        bare = await asyncpg.connect(floor.replace("+asyncpg", ""))
        await bare.execute("CREATE TABLE floor_rows (id bigserial PRIMARY KEY, note text)")
        naive_env = {"NAIVE_DATABASE_URL": theirs, "NAIVE_APP_SECRET": product.APP_SECRET}
        naive_argv = ["uvicorn", "bench.naive.app:app", "--port", str(naive_port), "--log-level", "warning"]
        naive_argv = [product.role("x")[0], "-m", *naive_argv]
        with (
            process(product.role("serve"), env, home / "api.log") as api,
            process(naive_argv, naive_env, home / "naive.log") as naive,
        ):
            await until_answers(f"http://127.0.0.1:{port}/health/live", api)
            await until_answers(f"http://127.0.0.1:{naive_port}/health", naive)
            connection = await asyncpg.connect(theirs.replace("+asyncpg", ""))
            await connection.executemany(
                "INSERT INTO clients (id, name, phone_number_id, prompt) VALUES (gen_random_uuid(), $1, $1, 'Answer.')",
                [(n,) for n in numbers],
            )
            sent: dict[str, set[bytes]] = {"ours": set(), "naive": set()}

            def posting(url: str, path: str, count: int, who: str) -> Racer:
                async def run() -> int:
                    calls = calls_for(numbers, count, path, chance)
                    sent[who] |= {raw for _, raw, _ in calls}
                    return await post_all(url, calls)

                pids = api if who == "ours" else naive
                return Racer(who, run, {"app": lambda: tree(pids.pid), "postgres": postgres_pids(postgres)})

            us = posting(f"http://127.0.0.1:{port}", "/webhook/whatsapp/client-{n}", given.count, "ours")
            peer = posting(f"http://127.0.0.1:{naive_port}", "/webhook", max(100, given.count // 8), "naive")

            async def floor_run() -> int:
                return await insert_loop(floor, given.count * 2)

            limit = Racer("insert loop", floor_run, {"postgres": postgres_pids(postgres)})
            await race([us, peer, limit], given.rounds)
            rows = {
                "ours": await _count(postgres.url_of("ours"), "SELECT count(*) FROM messages"),
                "naive": await connection.fetchval("SELECT count(*) FROM messages"),
            }
        assert rows == {who: len(bodies) for who, bodies in sent.items()}, (rows, {w: len(b) for w, b in sent.items()})
        publish(
            Path(__file__).parent,
            {
                "race": "P1 webhook-accept",
                "ours / insert loop, per second": ratio(us, limit, "per_second"),
                "ours / naive, per second": ratio(us, peer, "per_second"),
                "naive / ours, CPU of the app": ratio(peer, us, "app_cpu_us"),
                "goals": {"of the insert loop": 0.65, "of naive": 20, "CPU of naive": 30},
                "rows are the distinct messages": rows,
                "racers": {r.name: r.summary() for r in (us, peer, limit)},
            },
        )


async def _count(url: str, sql: str) -> int:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main())

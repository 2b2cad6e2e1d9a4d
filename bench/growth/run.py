"""P15 growth: a turn's calls of the database where little was ever said, and where five million messages rest.

The young installation has had its ten thousand messages within a day, the grown one its millions within half a year,
of which each month has a partition. Both have a hundred clients. A turn is what a worker asks of the database, by the
product's own models: claim and load with a history of twelve messages, search, record, intent, outcome; each turn in
another conversation, chosen evenly over all that time: most were last touched long ago, which is the worst case.
"""

import argparse
import asyncio
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from bench import product
from bench.growth.turns import Clients, Turns, connect_all, greet
from bench.lib import Racer, environment, postgres_pids, publish, race, ratio, servers, workplace
from bench.tenant_flat.run import crowd

from app.core.multi_tenant import Database

CLIENTS, A_TALK, DAYS = 100, 25, 180
GOALS = {
    "CPU of PostgreSQL, grown / young": "<= 1.25",
    "p50, grown / young": "<= 1.25",
    "planning, grown (ms a turn)": "<= 0.5",
}
FILL = (Path(__file__).parent / "fill.sql").read_text()
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
}
_COSTS = """
SELECT query, calls, total_exec_time AS exec_ms, total_plan_time AS plan_ms FROM pg_stat_statements
JOIN pg_database d ON d.oid = dbid WHERE d.datname = current_database() AND calls > 0
ORDER BY total_exec_time + total_plan_time DESC
"""


@dataclass
class Installation:
    """A database with its clients, and turns in it."""

    db: Database
    owner: str
    turns: Turns
    taken: list[float] = field(default_factory=list)

    async def run(self) -> int:
        """Every turn that is due, one after the other."""
        taken = await self.turns.run()
        self.taken += taken
        return len(taken)

    async def explained(self) -> dict[str, Any]:
        """What each statement costs a turn, planning apart, told by the database in a round of its own."""
        connection = await asyncpg.connect(product.plain(self.owner))
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            await self.turns.arrive()
            await _track(connection, "all")
            await connection.execute("SELECT pg_stat_statements_reset()")
            count = await self.run()
            rows = await connection.fetch(_COSTS)
            await _track(connection, "none")
        finally:
            await connection.close()
        return {
            "planning": sum(row["plan_ms"] for row in rows) / count,
            "statements": {
                " ".join(row["query"].split())[:110]: [
                    round(row["calls"] / count, 2),
                    round(row["exec_ms"] / count * 1000),
                    round(row["plan_ms"] / count * 1000),
                ]
                for row in rows[:40]
            },
        }


async def _track(connection: "asyncpg.Connection[asyncpg.Record]", what: str) -> None:
    await connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'")
    on = "on" if what != "none" else "off"
    await connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track_planning = '{on}'")
    await connection.execute("SELECT pg_reload_conf()")
    await asyncio.sleep(0.5)


async def installation(
    env: dict[str, str], url: str, *, rows: int, days: int, count: int, rounds: int
) -> Installation:
    """An installation in which so much was said in so many days, and that will take so many turns."""
    known = await crowd(env, url, CLIENTS, sample=CLIENTS)
    await known.db.close()
    chosen = product.settings({**env, "DATABASE_URL": url})
    db = product.database(chosen, size=1)
    clients = await connect_all(chosen, db, known.ids[:CLIENTS])
    talks = rows // A_TALK
    raced = min(talks, count * (rounds + 2))
    places = [n * talks // raced // CLIENTS * CLIENTS + n % CLIENTS for n in range(raced)]
    contacts = await greet(db, clients, places)
    await gather(url, clients, contacts, talks=talks, days=days)
    return Installation(db, url, Turns(db, clients, places, known.sought, count))


async def gather(
    url: str, clients: Clients, contacts: dict[int, UUID], *, talks: int, days: int
) -> None:
    """Writes what was said, into its months."""
    connection = await asyncpg.connect(product.plain(url))
    try:
        await _make_months(connection, days)
        await connection.execute(
            "CREATE TEMPORARY TABLE gathered_accounts (place int, client_id uuid, account_id uuid);"
            "CREATE TEMPORARY TABLE gathered_raced (n int, contact_id uuid)"
        )
        await connection.copy_records_to_table(
            "gathered_accounts",
            records=[(n, *one) for n, one in enumerate(zip(clients.ids, clients.accounts, strict=True))],
        )  # fmt: skip
        await connection.copy_records_to_table("gathered_raced", records=[*contacts.items()])
        fill = FILL % {"days": days, "talks": talks, "clients": len(clients.ids)}
        await connection.execute(fill, timeout=3600)
        await _track(connection, "none")
        await connection.execute("VACUUM ANALYZE", timeout=3600)
        await connection.execute("CHECKPOINT", timeout=3600)
    finally:
        await connection.close()


async def _make_months(connection: "asyncpg.Connection[asyncpg.Record]", days: int) -> None:
    """Gives each month that has passed its partition, as the product makes them: the first ends before all of them."""
    months = await connection.fetch(
        "SELECT generate_series(date_trunc('month', now() - make_interval(days => $1)), date_trunc('month', now()), "
        "'1 month') AS month",
        days,
    )
    if len(months) == 1 or days < 31:
        return
    tables = await connection.fetch("SELECT name, key, key_type FROM vault.partitioned ORDER BY place")
    for table in tables:
        name, key, kind = table.values()
        part = f"parts.{name}_before"
        low = await connection.fetchval("SELECT vault.bound($1, $2)", kind, months[0]["month"])
        await connection.execute(
            f"ALTER TABLE {name} DETACH PARTITION {part}; "
            f"ALTER TABLE {name} ATTACH PARTITION {part} FOR VALUES FROM (MINVALUE) TO ({low})"
        )
        for row in months:
            await connection.execute(
                "SELECT vault.make_partition($1, $2, $3, $4)", name, key, kind, row["month"]
            )


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rows", type=int, default=5_000_000, help="Messages of the grown one.")
    parser.add_argument("--young", type=int, default=10_000, help="Messages of the young one.")
    given = parser.parse_args()
    with workplace() as place, servers(Path(place), **SETTINGS) as (postgres, valkey):
        env = environment("", valkey.url, Path(place), 1)
        made = {
            name: await installation(
                env, postgres.createdb(name), rows=rows, days=days, count=given.count, rounds=given.rounds
            )
            for name, rows, days in (("young", given.young, 1), ("grown", given.rows, DAYS))
        }  # fmt: skip
        pids = {"postgres": postgres_pids(postgres)}
        racers = {
            name: Racer(name, one.run, pids, one.turns.arrive) for name, one in made.items()
        }
        await race(list(racers.values()), given.rounds)
        p50 = {
            name: statistics.median(one.taken[given.count :]) * 1000 for name, one in made.items()
        }
        costs = {name: await one.explained() for name, one in made.items()}
        rows = {name: await product.count(one.owner, "messages") for name, one in made.items()}
        for one in made.values():
            await one.db.close()
    publish(
        Path(__file__).parent,
        {
            "race": "P15 growth",
            "figures": {
                "CPU of PostgreSQL, grown / young": ratio(racers["grown"], racers["young"], "postgres_cpu_us"),
                "p50, grown / young": p50["grown"] / p50["young"],
                "planning, grown (ms a turn)": costs["grown"]["planning"],
                "planning, young (ms a turn)": costs["young"]["planning"],
                "p50, grown (ms)": p50["grown"],
                **{f"messages, {name}": count for name, count in rows.items()},
            },
            "goals": GOALS,
            "statements: calls, execution and planning in µs a turn": {
                name: one["statements"] for name, one in costs.items()
            },
            "racers": {racer.name: racer.summary() for racer in racers.values()},
        },
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())

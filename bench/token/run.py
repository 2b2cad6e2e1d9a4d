"""What the tenant token costs: the same query under its policy, under one that believes the setting, under none.

Each policy has a database of its own, copies of one; on PostgreSQL 18, and on 15 where Debian's is there. Queries come
twenty a transaction, by the product's own scope. Least CPU of all rounds: others' work only ever adds.
"""

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from bench import product
from bench.lib import Racer, environment, postgres_pids, publish, race, workplace

from app.bootstrap import app_url, owner_url, signer
from app.core.multi_tenant import Database, TenantTx
from app.embedded.postgres import EmbeddedPostgres
from app.migration import migrate
from app.utils.ids import uuid7

GOALS = {
    "read of 20 rows: token - believed, µs": "<= 46",
    "read of 20 rows: token - believed, µs (15)": "<= 46",
    "write of 50 rows: token / believed": "<= 1.17",
    "write of 50 rows: token / believed (15)": "<= 1.17",
    "the token's plan keeps the index": "1",
}
CLIENTS, CONTACTS, READS = 1000, 60, 20
DEBIAN = Path("/usr/lib/postgresql/15/bin")
_FILL = f"""
INSERT INTO clients (id, name, slug)
  SELECT md5('client' || t)::uuid, 'Client', 'client-' || t FROM generate_series(1, {CLIENTS}) t;
INSERT INTO contacts (client_id, id, name)
  SELECT c.id, md5(c.id::text || n)::uuid, '' FROM clients c, generate_series(1, {CONTACTS}) n ORDER BY n, c.id;
"""
_BELIEVED = (
    "client_id = (SELECT substr(current_setting('app.current_tenant_id', true), 4, 36)::uuid)"
)
POLICIES = {
    "token": "SELECT 1",
    "believed": f"ALTER POLICY tenant_isolation ON contacts USING ({_BELIEVED}) WITH CHECK ({_BELIEVED})",
    "none": "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY",
}
_READ = "SELECT id, name, language FROM contacts WHERE client_id = $1 ORDER BY id DESC LIMIT 20"
_WRITE = "INSERT INTO contacts (client_id, id) SELECT $1, id FROM unnest($2::uuid[]) AS w(id)"
Act = Callable[[TenantTx, UUID], Awaitable[int]]


async def read(tx: TenantTx, client_id: UUID) -> int:
    """A client's newest twenty, twenty times."""
    for _ in range(READS):
        if len(await tx.all(_READ, client_id)) != READS:
            raise RuntimeError("A client doesn't see its own.")
    return READS


async def write(tx: TenantTx, client_id: UUID) -> int:
    """Fifty rows at once."""
    return await tx.run(_WRITE, client_id, [uuid7() for _ in range(50)]) // 50


ACTS: dict[str, Act] = {"read of 20 rows": read, "write of 50 rows": write}


@dataclass
class Crowd:
    """A database of many clients under one policy."""

    db: Database
    clients: list[UUID]
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    async def run(self, act: Act, transactions: int) -> int:
        """Acts for clients, by chance."""
        count = 0
        for client_id in self.chance.choices(self.clients, k=transactions):
            async with self.db.tenant(client_id) as tx:
                count += await act(tx, client_id)
        return count

    async def plan(self) -> list[str]:
        """How the database reads."""
        async with self.db.tenant(self.clients[0]) as tx:
            rows = await tx.all(f"EXPLAIN (COSTS OFF) {_READ}", self.clients[0])
        return [str(row["QUERY PLAN"]) for row in rows]


async def crowds(server: EmbeddedPostgres, home: Path) -> dict[str, Crowd]:
    """A database for each policy."""
    first, *others = POLICIES
    chosen = {
        name: product.settings(environment(server.url_of(name), "", home, 1)) for name in POLICIES
    }
    server.createdb(first)
    one = chosen[first]
    await migrate(owner_url(one), signer(one), one.app_database_password.get_secret_value())
    for statement in filter(str.strip, _FILL.split(";")):
        server.execute(statement, database=first)
    for name in others:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {first}")
    made = {}
    for name, policy in POLICIES.items():
        server.execute(policy, database=name)
        server.execute("VACUUM ANALYZE", database=name)
        ids = [UUID(row[0]) for row in server.execute("SELECT id FROM clients", database=name)]
        made[name] = Crowd(
            Database.connect(app_url(chosen[name]), signer(chosen[name]), size=1), ids
        )
    return made


def _servers(place: Path, stack: ExitStack) -> Iterator[tuple[int, EmbeddedPostgres]]:
    for version, binaries in ((18, None), (15, DEBIAN)):
        if binaries is None or binaries.exists():
            (home := place / str(version)).mkdir()
            yield version, stack.enter_context(
                EmbeddedPostgres(home, max_connections=50, binaries=binaries)
            )


def figures(
    racers: dict[tuple[int, str, str], Racer], plans: dict[str, list[str]]
) -> dict[str, float]:
    """Least CPU of each, and what the token's check adds to it."""
    told: dict[str, float] = {}
    for version in sorted({version for version, _, _ in racers}, reverse=True):
        mark = "" if version == max(v for v, _, _ in racers) else f" ({version})"
        for act in ACTS:
            cpu = {
                policy: min(r["postgres_cpu_us"] for r in racers[version, policy, act].rounds)
                for policy in POLICIES
            }
            told |= {f"{act}: {policy}, µs{mark}": cost for policy, cost in cpu.items()}
            told[f"{act}: token / believed{mark}"] = cpu["token"] / cpu["believed"]
            told[f"{act}: token - believed, µs{mark}"] = cpu["token"] - cpu["believed"]
    kept = all(
        "Index" in "".join(plan) and "Seq Scan" not in "".join(plan) for plan in plans.values()
    )
    return told | {"the token's plan keeps the index": float(kept)}


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--transactions", type=int, default=100)
    given = parser.parse_args()
    racers: dict[tuple[int, str, str], Racer] = {}
    plans: dict[str, list[str]] = {}
    with workplace() as place, ExitStack() as stack:
        made = []
        for version, server in _servers(Path(place), stack):
            for policy, crowd in (await crowds(server, Path(place))).items():
                made.append(crowd)
                for name, act in ACTS.items():
                    racers[version, policy, name] = Racer(
                        f"{name}, {policy}, {version}",
                        lambda crowd=crowd, act=act: crowd.run(act, given.transactions),
                        {"postgres": postgres_pids(server)},
                    )
                if policy == "token":
                    plans[str(version)] = await crowd.plan()
        await race(list(racers.values()), given.rounds)
        for crowd in made:
            await crowd.db.close()
    publish(
        Path(__file__).parent,
        {
            "race": "tenant-token",
            "goals": GOALS,
            "figures": figures(racers, plans),
            "plans": plans,
            "measured": {racer.name: racer.summary() for racer in racers.values()},
        },
    )


if __name__ == "__main__":
    asyncio.run(main())

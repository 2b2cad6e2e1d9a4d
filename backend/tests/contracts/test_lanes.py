"""What claiming lanes must do: clients in turn by weight, queues apart, nothing twice, cheaply however much is due."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from app.bootstrap import app_url, owner_url, signer
from app.core.config import Settings
from app.core.errors import UpstreamUnavailable
from app.core.multi_tenant import Database
from app.models.client import Client, ClientSettings, new_client_id
from app.models.job import Job
from app.models.lane import Lane, Lease, Wanted
from app.services.queue.bench import Bench
from app.services.queue.jobs import Work
from app.services.queue.worker import LONGEST_BACKOFF, Worker
from app.utils.ids import uuid7
from tests.fixtures.keys import sealed
from tests.fixtures.product import migrate_now, settings_for

_DUE = """
WITH made AS (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $3::int) n),
lanes AS (INSERT INTO lanes (client_id, id, queue, due_at)
          SELECT $1, id, $2, clock_timestamp() - make_interval(secs => 60 + n::float8 / 1000) FROM made RETURNING id)
INSERT INTO jobs (client_id, id, lane_id, kind, payload, due_at)
SELECT $1, gen_random_uuid(), id, 'count', '{}', clock_timestamp() FROM lanes
"""
_TOUCHED = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = $1"


@dataclass
class Yard:
    """Clients with due lanes, and what claims them."""

    db: Database
    owner: "asyncpg.Connection[asyncpg.Record]"
    url: str
    clients: dict[str, UUID] = field(default_factory=dict)

    async def client(
        self, slug: str, *, weight: int = 1, due: int = 0, queue: str = "chat"
    ) -> UUID:
        """A client with lanes that have been due for a minute."""
        client_id = self.clients[slug] = new_client_id()
        async with self.db.tenant(client_id) as tx:
            await Client.add(tx, slug.title(), slug, ClientSettings())
        await self.owner.execute("UPDATE clients SET weight = $2 WHERE id = $1", client_id, weight)
        await self.due(slug, due, queue)
        return client_id

    async def due(self, slug: str, count: int, queue: str = "chat") -> None:
        """More of its lanes are due."""
        await self.owner.execute(_DUE, self.clients[slug], queue, count)

    async def claim(self, bench: Bench) -> list[Lease]:
        """Takes what the bench has places for; what is claimed sits on it."""
        wanted = bench.wanted()
        leases = (await Lane.claim(self.db, [wanted], 30)).leases if wanted else []
        for lease in leases:
            bench.sit(lease)
        return leases

    async def settle(self, bench: Bench, lease: Lease) -> None:
        """The job is done."""
        async with self.db.tenant(lease.client_id) as tx:
            await Job.settle(tx, lease)
        bench.stand(lease)

    async def order(self, bench: Bench, most: int) -> list[str]:
        """Whose lanes are claimed, in order: one job is done, the next is claimed."""
        names = {client_id: slug for slug, client_id in self.clients.items()}
        order: list[str] = []
        sitting: list[Lease] = []
        while len(order) < most:
            claimed = await self.claim(bench)
            sitting += claimed
            order += [names[lease.client_id] for lease in claimed]
            if not sitting:
                break
            await self.settle(bench, sitting.pop(0))
        return order


@pytest.fixture(params=["postgres18", "postgres15"])
def settings(
    request: pytest.FixtureRequest, fresh_database: Callable[..., str], tmp_path: Path
) -> Settings:
    return settings_for(
        fresh_database(request.getfixturevalue(request.param), migrate_now), tmp_path
    )


@asynccontextmanager
async def _yard(settings: Settings, size: int) -> AsyncIterator[Yard]:
    db = sealed(Database.connect(app_url(settings), signer(settings), size=size, overflow=0))
    url = owner_url(settings).replace("+asyncpg", "")
    owner = await asyncpg.connect(url)
    yield Yard(db, owner, url)
    await owner.close()
    await db.close()


@pytest.fixture
async def yard(settings: Settings) -> AsyncIterator[Yard]:
    async with _yard(settings, 8) as yard:
        yield yard


@pytest.fixture
async def alone(settings: Settings) -> AsyncIterator[Yard]:
    """One connection does it all, and keeps what it has planned."""
    async with _yard(settings, 1) as yard:
        yield yard


@pytest.mark.parametrize("places", [1, 4, 16])
async def test_a_client_with_fifty_times_as_much_to_do_stands_in_nobodys_way(
    yard: Yard, places: int
) -> None:
    await yard.client("flood", due=500)
    for n in range(9):
        await yard.client(f"calm-{n}", due=10)
    order = await yard.order(Bench("chat", places), 150)
    for n in range(9):
        mine = [place for place, slug in enumerate(order) if slug == f"calm-{n}"]
        # The k-th of its lanes is claimed in the k-th round of ten clients, give or take the places of one claim.
        assert len(mine) == 10
        assert all(place < (k + 1) * 10 + places for k, place in enumerate(mine))


async def test_turns_follow_weights_while_there_is_too_much_to_do(yard: Yard) -> None:
    await yard.client("one", weight=1, due=200)
    await yard.client("three", weight=3, due=200)
    await yard.client("six", weight=6, due=200)
    for places in (1, 16):
        counted = Counter((await yard.order(Bench("chat", places), 100 + places))[places:])
        assert counted["one"] == pytest.approx(10, abs=2)
        assert counted["three"] == pytest.approx(30, abs=3)
        assert counted["six"] == pytest.approx(60, abs=4)


async def test_who_was_away_has_no_turns_saved_up(yard: Yard) -> None:
    await yard.client("steady", due=60)
    await yard.client("away")
    bench = Bench("chat", 1)
    assert set(await yard.order(bench, 20)) == {"steady"}
    await yard.due("away", 20)
    assert Counter(await yard.order(bench, 20))["away"] == pytest.approx(10, abs=1)


async def test_one_client_leaves_places_for_whoever_comes(yard: Yard) -> None:
    await yard.client("flood", due=50)
    bench = Bench("chat", 16)
    assert len(await yard.claim(bench)) == 12
    assert await yard.claim(bench) == []
    await yard.client("late", due=2)
    assert [lease.client_id for lease in await yard.claim(bench)] == [yard.clients["late"]] * 2


async def test_a_queue_takes_no_other_queues_places(yard: Yard) -> None:
    await yard.client("library", due=40, queue="indexing")
    await yard.client("shop", due=40, queue="proactive")
    await yard.client("cafe", due=3)
    benches = [Bench("chat", 4), Bench("indexing", 2), Bench("proactive", 1)]
    claimed = await Lane.claim(yard.db, [w for b in benches if (w := b.wanted())], 30)
    assert Counter(lease.queue for lease in claimed.leases) == {
        "chat": 3,
        "indexing": 2,
        "proactive": 1,
    }


async def test_a_lane_that_somebody_locks_is_passed_by(yard: Yard) -> None:
    busy = await yard.client("busy", due=1)
    free = await yard.client("free", due=2)
    async with yard.owner.transaction():
        await yard.owner.execute("SELECT FROM lanes WHERE client_id = $1 FOR UPDATE", busy)
        assert [lease.client_id for lease in await yard.claim(Bench("chat", 4))] == [free, free]


async def test_workers_beside_each_other_take_everything_and_nothing_twice(yard: Yard) -> None:
    for n in range(8):
        await yard.client(f"client-{n}", due=50)

    async def work() -> list[UUID]:
        bench, taken = Bench("chat", 8), []
        while leases := await yard.claim(bench):
            taken += [lease.lane_id for lease in leases]
            for lease in leases:
                await yard.settle(bench, lease)
        return taken

    taken = [lane for lanes in await asyncio.gather(*(work() for _ in range(4))) for lane in lanes]
    taken += (
        await work()
    )  # What the others held in their hands while one of them asked for the last time.
    assert len(taken) == len(set(taken)) == 400


@pytest.mark.parametrize("clients", [1, 10_000])
async def test_ten_thousand_due_lanes_cost_what_a_hundred_do(yard: Yard, clients: int) -> None:
    few = await _touched(yard, lanes=100)
    await yard.owner.execute("DELETE FROM clients")
    await yard.owner.execute(
        "INSERT INTO clients (id, name, slug) "
        "SELECT gen_random_uuid(), n::text, n::text FROM generate_series(1, $1) n",
        clients,
    )
    for client in await yard.owner.fetch("SELECT id FROM clients ORDER BY id"):
        await yard.owner.execute(_DUE, client["id"], "chat", 10_000 // clients)
    many = await _touched(yard, lanes=0)
    assert many < 4 * few


async def _touched(yard: Yard, *, lanes: int) -> int:
    """How many rows of lanes and jobs one claim of sixteen reads; none of them by reading a table through."""
    if lanes:
        await yard.client(f"some-{uuid4().hex[:6]}", due=lanes)
    await yard.owner.execute("ANALYZE lanes, jobs, clients")
    wanted = Wanted("chat", 16, 16, {}, None, 0)
    async with yard.db.directory() as tx:
        for _ in range(6):  # From the sixth call on the plan is the one that all later calls use.
            before = [await tx.one(_TOUCHED, name) for name in ("lanes", "jobs")]
            claimed = await tx.all(
                "SELECT * FROM app.claim_lanes($1::text::jsonb, 30)",
                orjson.dumps([wanted]).decode(),
            )
        after = [await tx.one(_TOUCHED, name) for name in ("lanes", "jobs")]
    assert len(claimed) == 16
    read = [[(b or (0, 0))[n] for b in before] for n in (0, 1)], [[a[n] for a in after] for n in (0, 1)]  # type: ignore[index]
    assert read[0][0] == read[1][0], "A table was read through."
    return sum(read[1][1]) - sum(read[0][1])


@pytest.mark.parametrize("rested", [False, True])
async def test_what_was_planned_while_nothing_was_due_serves_when_much_is(
    alone: Yard, rested: bool
) -> None:
    """A plan is kept until the server counts rows anew. All ways cost the same while there is none."""
    slugs = [f"client-{n}" for n in range(5)]
    for slug in slugs:
        await alone.client(slug, due=2_000 if rested else 1)
    await alone.owner.execute("DELETE FROM lanes")
    await alone.owner.execute("DELETE FROM jobs")
    await alone.owner.execute("VACUUM (ANALYZE) lanes, jobs")
    for _ in range(6):
        await _work_once(alone)
    few = await _work_once(alone)
    for slug in slugs:
        await alone.due(slug, 2_000)
    await _look(alone)
    assert few == 0
    assert 0 < await _work_once(alone) < 600


async def _look(yard: Yard) -> None:
    """Ten seconds have passed, and somebody looks since when something is due."""
    await yard.owner.execute("UPDATE vault.clock SET looked = looked - interval '11 seconds'")
    await Lane.mind_clock(yard.db, ["chat"])


async def _work_once(yard: Yard) -> int:
    """Claims sixteen, settles one, asks how it stands: how many rows of lanes and jobs are read."""
    before = await _read(yard)
    claimed = await Lane.claim(yard.db, [Wanted("chat", 16, 16, {}, None, 0)], 30)
    for lease in claimed.leases[:1]:
        async with yard.db.tenant(lease.client_id) as tx:
            await Job.settle(tx, lease)
    await Lane.pressure(yard.db, "chat", older=30.0, most=10)
    await Lane.mind_clock(yard.db, ["chat"])
    return await _read(yard) - before


async def _read(yard: Yard) -> int:
    async with yard.db.directory() as tx:
        await tx.run("SELECT pg_stat_force_next_flush()")
    rows = await yard.owner.fetchval(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + (SELECT coalesce(sum(i.idx_tup_read), 0) "
        "FROM pg_stat_user_indexes i WHERE i.relid = t.relid)) FROM pg_stat_user_tables t "
        "WHERE relname IN ('lanes', 'jobs')"
    )
    return int(rows)


async def test_what_is_done_and_cannot_be_cleared_away_yet_is_not_read_again(yard: Yard) -> None:
    """As while somebody makes a backup: before, each claim read all that was done since it began."""
    await yard.client("busy", due=1)
    reader = await asyncpg.connect(yard.url)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetchval("SELECT count(*) FROM clients")
        await _do_much(yard, 3_000)
        await Lane.mind_clock(yard.db, ["chat"])
        assert await _work_once(yard) < 100
    await reader.close()


async def _do_much(yard: Yard, count: int) -> None:
    """So many lanes were due minutes ago, and are done."""
    await yard.due("busy", count)
    await yard.owner.execute("UPDATE lanes SET due_at = due_at - interval '5 minutes'")
    await yard.owner.execute("DELETE FROM jobs")
    await yard.owner.execute("UPDATE lanes SET due_at = NULL")
    await yard.owner.execute("SELECT pg_stat_force_next_flush()")


async def test_what_becomes_due_by_an_old_date_is_found_seconds_later(yard: Yard) -> None:
    await yard.client("busy", due=1)
    bench = Bench("chat", 4)
    await yard.owner.execute("UPDATE lanes SET due_at = clock_timestamp() + interval '1 hour'")
    await Lane.mind_clock(yard.db, ["chat"])
    await yard.owner.execute("UPDATE lanes SET due_at = clock_timestamp() - interval '1 hour'")
    await Lane.mind_clock(yard.db, ["chat"])
    assert await yard.claim(bench) == [], "Somebody looked a moment ago."
    await _look(yard)
    assert len(await yard.claim(bench)) == 1


async def test_what_waited_behind_one_that_was_tried_again_for_minutes_is_next(yard: Yard) -> None:
    """Its date is older than all that others waited for meanwhile."""
    await yard.client("busy", due=1)
    [lane] = await yard.owner.fetch("SELECT id FROM lanes")
    await yard.owner.execute(
        "INSERT INTO jobs (client_id, id, lane_id, kind, payload, due_at) "
        "SELECT client_id, $1, lane_id, kind, payload, due_at FROM jobs",
        uuid7(),
    )
    bench = Bench("chat", 4)
    [first] = await yard.claim(bench)
    await yard.owner.execute("UPDATE jobs SET due_at = due_at - interval '2 minutes'")
    await yard.owner.execute("UPDATE lanes SET due_at = clock_timestamp() + interval '1 minute'")
    await _look(yard)  # As while the first is put off to be tried again.
    await yard.settle(bench, first)
    assert [next_.lane_id for next_ in await yard.claim(bench)] == [lane["id"]]


async def test_a_clock_that_is_set_back_hides_nothing_below_a_floor(yard: Yard) -> None:
    """What was overdue by the wrong clock is overdue by the right one, and by a date that lies below any floor."""
    await yard.client("busy", due=1)
    await Lane.mind_clock(yard.db, ["chat"])
    await yard.owner.execute("UPDATE lanes SET due_at = clock_timestamp() + interval '10 minutes'")
    await yard.owner.execute("UPDATE vault.clock SET seen = seen + interval '1 hour'")
    assert await Lane.mind_clock(yard.db, ["chat"]) == pytest.approx(3600, abs=60)
    assert len(await yard.claim(Bench("chat", 4))) == 1


class Failing:
    """A handler whose neighbour is down, an observer, and a backlog of nothing."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()

    async def handle(self, _: Work) -> None:
        raise UpstreamUnavailable

    def job_failed(self, client_id: UUID, kind: str, code: str, *, parked: bool) -> None:
        del client_id, parked
        self.failed[f"{kind}: {code}"] += 1

    def shed_from(self, queue: str) -> list[UUID]:
        del queue
        return []


@pytest.mark.parametrize("settings", ["postgres18"], indirect=True)
async def test_when_everything_fails_few_are_tried_again_soon_and_the_rest_much_later(
    yard: Yard,
) -> None:
    """A neighbour that is down would get five times the load otherwise, all at once when it comes back."""
    await yard.client("many", due=100)
    failing = Failing()
    worker = Worker(
        yard.db, {"count": failing.handle}, failing, failing, places={"chat": 16}, max_attempts=1_000
    )  # fmt: skip
    while sum(failing.failed.values()) < 100:
        await worker.drain(patience=0.5)
    waits = await yard.owner.fetch(
        "SELECT extract(epoch FROM due_at - clock_timestamp()) AS seconds FROM jobs"
    )
    late = [float(wait["seconds"]) for wait in waits if wait["seconds"] > LONGEST_BACKOFF / 2]
    assert len(late) >= 30
    assert max(late) - min(late) > 10  # Nor do they come at once then.

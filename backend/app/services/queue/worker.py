"""The workers: they claim lanes, run the jobs on them, and see to retry, parking and leases."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from app.core.errors import NotFound, RateLimited, Unavailable, WafaaError
from app.core.hands import Hand, Hands
from app.core.multi_tenant import Database
from app.core.resilience import RetryBudget, full_jitter
from app.models.job import Job
from app.models.lane import Along, Claimed, Lane, Lease, LeaseLost, Wanted
from app.services.queue.bench import Bench
from app.services.queue.jobs import Handler, Work
from app.services.queue.keeping import kept

log = structlog.get_logger(__name__)

CLOCK_SECONDS = 5.0
"""How often a worker looks whether the database's clock was set back."""

LONGEST_BACKOFF = 60.0
LONGEST_ASKED = 300.0
"""Of the pause that somebody asks for, so much is kept at once: all that a conversation says next waits behind it."""

SHORTEST_PAUSE = 0.05
MOST_MET = 32
"""Clients whose turns are brought along with their lanes: those whose lanes were claimed last."""

RELEASE_SECONDS = 1.5
DRAIN_SECONDS = 8.0
"""How long a worker that was asked to stop finishes what runs; giving back the rest takes a moment more."""


class Observer(Protocol):
    """Who is told how jobs end."""

    def job_failed(self, client_id: UUID, kind: str, code: str, *, parked: bool) -> None:
        """A job failed: it will be tried again, or it is parked."""


def backoff(attempts: int) -> float:
    """Seconds before another try: exponential, with full jitter."""
    return max(0.1, full_jitter(attempts + 1, base=0.5, cap=LONGEST_BACKOFF))


class Backlog(Protocol):
    """Who knows how far behind everybody is."""

    def shed_from(self, queue: str) -> Collection[UUID]:
        """The clients whose jobs of a queue wait for now."""


class Worker:
    """Runs jobs until it is stopped. Any number of workers may run beside each other."""

    def __init__(
        self,
        db: Database,
        handlers: Mapping[str, Handler],
        observer: Observer,
        backlog: Backlog,
        *,
        places: Mapping[str, int],
        hands: Mapping[str, Hands] | None = None,
        brings: tuple[int, int] = (0, 0),
        lease_seconds: float = 30.0,
        max_attempts: int = 5,
        poll_seconds: float = 1.0,
    ) -> None:
        """Takes its parts.

        Args:
            db: Where lanes are.
            handlers: Who does the jobs, by kind.
            observer: Who is told how they end.
            backlog: Who knows whose jobs wait for now.
            places: How many jobs of each queue run at once.
            hands: How many of them compute at once, where that is counted.
            brings: How many waiting and how many earlier messages of a turn come along with its lane.
            lease_seconds: For how long a lane is held before that must be renewed.
            max_attempts: How often a job is tried.
            poll_seconds: After how long due lanes are looked for when nobody notified.
        """
        self._db = db
        self._handlers = handlers
        self._observer = observer
        self._backlog = backlog
        self._benches = {
            queue: Bench(queue, most, (hands or {}).get(queue)) for queue, most in places.items()
        }
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._brings = brings
        self._lately: OrderedDict[UUID, None] = OrderedDict()
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._poll_seconds = poll_seconds
        self._asked: set[str] = set()
        self._all_at = 0.0
        self._wake = asyncio.Event()
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Claims and runs until ``stop``; then finishes what runs, within ``drain_seconds``."""
        beside = [asyncio.create_task(self._listen()), asyncio.create_task(self._mind_clock())]
        try:
            while not self._stopping:
                self._wake.clear()
                await self._claim_safely()
                await self._sleep()
        finally:
            for task in beside:
                task.cancel()
            await self._finish(drain_seconds)

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping = True
        self._wake.set()

    async def drain(self, *, patience: float = 30.0) -> None:
        """Runs until no job is due, and none will be within a second: for tests and for the command line."""
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            self._ask(self._benches.values())
            if await self._claim():
                continue
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                continue
            seconds = await Lane.seconds_to_next(self._db, list(self._benches))
            if seconds is None or seconds > 1.0:
                return
            await asyncio.sleep(max(0.005, seconds))

    async def _listen(self) -> None:
        async for told in self._db.listen("wafaa_lanes"):
            queue, _, clients = (told or "").partition(" ")
            whose = [UUID(client) for client in clients.split(",") if client]
            self._ask(bench for bench in self._named(queue) if bench.has_news(whose))

    def _named(self, queue: str) -> Collection[Bench]:
        """The queue that a notification names; all, where it says something else."""
        bench = self._benches.get(queue)
        return [bench] if bench else self._benches.values()

    def _ask(self, benches: Iterable[Bench]) -> None:
        """Claims for these queues, soon."""
        if queues := {bench.queue for bench in benches}:
            self._asked |= queues
            self._wake.set()

    async def _mind_clock(self) -> None:
        while True:
            with suppress(Unavailable):
                if back := await Lane.mind_clock(self._db, self._benches):
                    log.warning("clock_set_back", seconds=round(back))
            await asyncio.sleep(CLOCK_SECONDS)

    async def _sleep(self) -> None:
        """Until something may be due or somebody left room; at most until all queues are looked at again."""
        if not self._asked:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._all_at - time.monotonic())):
                    await self._wake.wait()

    async def _claim_safely(self) -> None:
        try:
            await self._claim()
        except Unavailable:
            log.warning("database_unreachable")
        except Exception:  # Whatever a failing database says, the worker goes on asking.
            log.exception("claim_failed")
        else:
            return
        self._all_at = 0.0
        await asyncio.sleep(0.5)

    async def _claim(self) -> bool:
        """Takes as many lanes as there is room for; tells whether it took any."""
        wanted, claimed_at = self._wanted(), time.monotonic()
        if not wanted:
            return False
        claimed = await Lane.claim(self._db, wanted, self._lease_seconds, self._along())
        for lease in claimed.leases:
            self._meet(lease.client_id)
            self._begin(lease, claimed_at)
        for one in wanted:
            mine = [lease for lease in claimed.leases if lease.queue == one.queue]
            self._benches[one.queue].served(one, mine, left=one.queue in claimed.left)
        self._look_again(claimed)
        return bool(claimed.leases)

    def _begin(self, lease: Lease, claimed_at: float) -> None:
        bench = self._benches[lease.queue]
        bench.sit(lease)
        freed = partial(self._freed, bench, lease.client_id)
        hand = Hand(bench.hands, lease.client_id, freed) if bench.hands else None
        task = asyncio.create_task(self._work(Work(lease, self._lease_seconds, claimed_at), hand))
        self._running.add(task)
        task.add_done_callback(partial(self._done, lease))

    def _freed(self, bench: Bench, client_id: UUID) -> None:
        if bench.may_ask(client_id):
            self._ask([bench])

    def _look_again(self, claimed: Claimed) -> None:
        """When it is time to ask again, even if nothing happens."""
        self._ask(bench for bench in self._benches.values() if bench.is_hungry)
        if claimed.due_in is not None:
            due_at = time.monotonic() + max(claimed.due_in, SHORTEST_PAUSE)
            self._all_at = min(self._all_at, due_at)

    def _along(self) -> Along:
        waiting, earlier = self._brings
        return Along(self._lately if waiting else (), waiting, earlier)

    def _meet(self, client_id: UUID) -> None:
        """Whose lanes were claimed lately may have more soon."""
        self._lately[client_id] = None
        self._lately.move_to_end(client_id)
        if len(self._lately) > MOST_MET:
            self._lately.popitem(last=False)

    def _wanted(self) -> list[Wanted]:
        """What there is room for in the queues that were asked for; in all of them when it is time to look."""
        asked, self._asked = self._asked, set()
        if (now := time.monotonic()) >= self._all_at:
            asked, self._all_at = set(self._benches), now + self._poll_seconds
        benches = [bench for queue, bench in self._benches.items() if queue in asked]
        wanted = (b.wanted(self._backlog.shed_from(b.queue)) for b in benches)
        return [one for one in wanted if one]

    def _done(self, lease: Lease, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        bench = self._benches[lease.queue]
        bench.stand(lease)
        self._freed(bench, lease.client_id)

    async def _finish(self, seconds: float) -> None:
        if self._running:
            _, left = await asyncio.wait(self._running, timeout=seconds)
            for task in left:
                task.cancel()
            if left:  # They give their lanes back.
                await asyncio.wait(left, timeout=RELEASE_SECONDS)

    async def _work(self, work: Work, hand: Hand | None) -> None:
        """Runs a job, and what goes on under the same lease."""
        following: Work | None = work
        with hand.working() if hand else nullcontext():
            while following:
                following = await self._run(following)

    async def _run(self, work: Work) -> Work | None:
        """Runs one job with its lease kept alive; nothing it does can stop the worker. Gives what goes on with it."""
        try:
            with kept(self._db, work):
                return await self._attempt(work)
        except asyncio.CancelledError:
            await self._give_back(work)
            raise
        except LeaseLost:
            log.info("lease_lost", kind=work.lease.kind)
        except Unavailable:
            log.warning(
                "database_unreachable", kind=work.lease.kind
            )  # Its lease runs out and it comes back.
        except Exception:  # Not even the failure could be written down: it comes back as well.
            log.exception("job_unsettled", kind=work.lease.kind)
        return None

    async def _give_back(self, work: Work) -> None:
        """Lets another worker begin at once what this one won't finish."""
        with suppress(Unavailable, LeaseLost, TimeoutError):  # Else its lease runs out.
            async with asyncio.timeout(RELEASE_SECONDS), self._db.tenant(work.client_id) as tx:
                await Job.give_back(tx, work.lease)

    async def _attempt(self, work: Work) -> Work | None:
        if work.lease.attempts > self._max_attempts:
            await self._park(
                work, "attempts_exhausted", "It kept failing, or it killed its worker."
            )
            return None
        if work.lease.attempts == 1:
            self._budgets[work.lease.kind].called()
        try:
            await self._handlers[work.lease.kind](work)
        except (LeaseLost, Unavailable):
            raise
        except WafaaError as error:
            await self._failed(work, error.code, error.message, error)
        except (
            Exception
        ) as error:  # A job must not stop the worker, whatever it raises: it is kept with its error.
            log.exception("job_crashed", kind=work.lease.kind)
            await self._failed(work, "internal_error", f"{type(error).__name__}", None)
        else:
            return work.next
        return None

    async def _failed(self, work: Work, code: str, message: str, error: WafaaError | None) -> None:
        # What isn't there may be back: a token that ran out in mid-transaction hides rows, and says nothing.
        lasting = not (error is None or error.retryable or isinstance(error, NotFound))
        if lasting or work.lease.attempts >= self._max_attempts:
            return await self._park(work, code, message)
        delay = backoff(work.lease.attempts)
        if not self._budgets[work.lease.kind].may_repeat():
            delay = LONGEST_BACKOFF + full_jitter(1, base=LONGEST_BACKOFF, cap=LONGEST_BACKOFF)
            log.warning("retry_budget_spent", kind=work.lease.kind)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            delay += min(error.retry_after, LONGEST_ASKED)
        async with self._db.tenant(work.client_id) as tx:
            await Job.retry(tx, work.lease, delay=delay, error=f"{code}: {message}")
        log.info("job_retried", kind=work.lease.kind, code=code, attempts=work.lease.attempts)
        return self._observer.job_failed(work.client_id, work.lease.kind, code, parked=False)

    async def _park(self, work: Work, code: str, message: str) -> None:
        async with self._db.tenant(work.client_id) as tx:
            await Job.park(tx, work.lease, error=f"{code}: {message}")
        log.warning("job_parked", kind=work.lease.kind, code=code, attempts=work.lease.attempts)
        self._observer.job_failed(work.client_id, work.lease.kind, code, parked=True)

"""How far behind each client's messages are, and what is left undone for it meanwhile."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Protocol
from uuid import UUID

import structlog

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.core.shedding import Overloaded, Shed, Steps
from app.models.lane import Lane
from app.services.queue.jobs import CHAT, INDEXING, PROACTIVE

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 1.0
SHED_QUEUES = {INDEXING: Shed.INDEXING, PROACTIVE: Shed.PROACTIVE}
"""Queues whose jobs wait from a level on."""


class PressureObserver(Protocol):
    """Who is told how much is left undone."""

    def shedding(self, level: int, clients: int) -> None:
        """The highest level of all clients, and how many are at any."""


class Pressure:
    """What one process knows of every client's backlog: read once a second, from an index, whoever asks."""

    def __init__(
        self, db: Database, steps: Steps, observer: PressureObserver, *, most_waiting: int
    ) -> None:
        self._db = db
        self._steps = steps
        self._observer = observer
        self._most_waiting = most_waiting
        self._levels: dict[UUID, Shed] = {}
        self._ages: dict[UUID, float] = {}
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to look."""
        self._task = asyncio.create_task(self._watch())

    def close(self) -> None:
        """Stops looking."""
        if self._task:
            self._task.cancel()

    def level(self, client_id: UUID) -> Shed:
        """What is left undone for a client."""
        return self._levels.get(client_id, Shed.NOTHING)

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is left undone for anybody."""
        return not self._levels

    def require(self, client_id: UUID, what: Shed) -> None:
        """Lets pass what isn't left undone.

        Raises:
            Overloaded: It is.
        """
        if self.level(client_id) >= what:
            raise Overloaded(retry_after=min(60.0, max(5.0, self._ages.get(client_id, 0.0))))

    def shed_from(self, queue: str) -> list[UUID]:
        """The clients whose jobs of a queue wait for now."""
        limit = SHED_QUEUES.get(queue)
        return [c for c, level in self._levels.items() if limit and level >= limit]

    @property
    def summary(self) -> str:
        """What is left undone, in a few words."""
        if not self._levels:
            return "nothing is shed"
        counts = Counter(level.name.lower() for level in sorted(self._levels.values()))
        return ", ".join(f"{name} for {count}" for name, count in counts.items())

    async def refresh(self) -> None:
        """Reads how far behind everybody is."""
        rows = await Lane.pressure(
            self._db, CHAT, older=self._steps.seconds[0] / 2, most=self._most_waiting
        )
        self._ages = {row.client_id: row.age for row in rows}
        full = {row.client_id for row in rows if row.waiting >= self._most_waiting}
        levels = {
            client: Shed.INTAKE if client in full else self._steps.level(self.level(client), age)
            for client, age in self._ages.items()
        }
        self._say(levels)
        self._levels = {client: level for client, level in levels.items() if level}
        self._observer.shedding(max(self._levels.values(), default=0), len(self._levels))

    def _say(self, levels: dict[UUID, Shed]) -> None:
        for client in levels.keys() | self._levels.keys():
            before, now = self.level(client), levels.get(client, Shed.NOTHING)
            if before != now:
                log.warning("shedding_changed", client_id=client, shed=int(now), was=int(before))

    async def _watch(self) -> None:
        while True:
            with suppress(Unavailable):  # Then nothing works; what was last known stays.
                await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

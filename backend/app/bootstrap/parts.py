"""What must be well for the installation to be."""

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.core.observability import Part
from app.core.room import Room
from app.models.lane import Lane
from app.services.cache.base import Cache
from app.services.knowledge.base import Embedder, Purpose
from app.services.queue.base import EventLog
from app.services.queue.pressure import Pressure

LATE_SECONDS = 60.0
"""Work older than this means that nobody works."""


def parts(
    settings: Settings,
    db: Database,
    cache: Cache,
    embedder: Embedder,
    event_log: EventLog | None,
    room: Room,
    pressure: Pressure,
) -> tuple[Part, ...]:
    """What must be well for the installation to be."""

    async def disk() -> str:
        room.require()
        return "has room"

    async def database() -> str:
        await db.ping()
        return "answers"

    async def worker() -> str:
        async with db.directory() as tx:
            backlog = await Lane.backlog(tx)
        oldest = max((age for _, age in backlog.values()), default=0.0)
        if oldest > LATE_SECONDS:
            raise Unavailable(f"The oldest work waits for {oldest:.0f} s.")
        return f"{sum(count for count, _ in backlog.values())} lanes due"

    async def embed() -> str:
        await embedder.embed(["ready?"], Purpose.QUERY)
        return embedder.name

    async def cached() -> str:
        await cache.put("ready", b"1", 10)
        if await cache.get("ready") != b"1":
            raise Unavailable("The cache doesn't keep what it is given.")
        return "keeps"

    async def load() -> str:
        return pressure.summary

    return (
        Part("database", database),
        Part("disk", disk),
        Part("worker", worker, needed=False),  # Whoever still takes messages in is needed the more.
        Part("embedder", embed),
        Part("cache", cached, needed=False),
        *([Part("event log", event_log.ping, needed=False)] if event_log else []),
        Part("load", load, needed=False),
    )

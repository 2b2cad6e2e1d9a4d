"""The role between the event log and the database: takes in what came, and publishes what happened."""

import asyncio
from contextlib import suppress

from app.bootstrap import Services, bootstrap
from app.cli import starting
from app.cli.patience import until_migrated
from app.cli.roles import on_stop
from app.core.config import Settings
from app.core.errors import Misconfigured, Unavailable
from app.models.silence import INTAKE
from app.services.queue.base import INBOUND, EventLog, Progress
from app.services.queue.consumer import Consumer
from app.services.queue.publisher import Publisher

LOOK_SECONDS = 1.0
DRAIN_SECONDS = 8.0
"""How long the batch in hand may take when asked to stop; what isn't in by then is read again by whoever comes next."""


async def consume(settings: Settings, patience: float) -> None:
    """Takes in until asked to stop, then finishes the batch it has.

    Args:
        settings: The installation's.
        patience: Seconds to wait for the database.

    Raises:
        Misconfigured: There is no event log.
    """
    services = bootstrap(settings)
    starting.end()
    consuming = asyncio.current_task()
    if consuming is not None:
        on_stop(consuming.cancel)
    try:
        if not (services.event_log and services.consumer and services.publisher):
            raise Misconfigured("There is no event log to read. Set QUEUE_BROKER=kafka.")
        await until_migrated(services, patience)
        await services.open()
        await _consume(services, services.event_log, services.consumer, services.publisher)
    finally:
        await services.close()


async def _consume(
    services: Services, event_log: EventLog, consumer: Consumer, publisher: Publisher
) -> None:
    both = asyncio.gather(consumer.run(), publisher.run())

    def stop() -> None:
        consumer.stop()
        publisher.stop()
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, both.cancel)

    on_stop(stop)
    beside = asyncio.create_task(count_as_intake(services, event_log))
    try:
        await both
    finally:
        beside.cancel()


async def count_as_intake(services: Services, event_log: EventLog) -> None:
    """Counts as open intake while nothing lies unread: only then does a status that is missing mean anything.

    Nobody in the group may have anything unread, for who is dead or paused can't say so.
    """
    open_intake: asyncio.Task[None] | None = None
    earlier: Progress | None = None
    try:
        while True:
            progress = await _progress(event_log)
            reads = progress is not None and progress.covers(earlier)
            earlier = progress
            if reads and open_intake is None:
                open_intake = asyncio.create_task(_stay_open(services))
            elif not reads and open_intake is not None:
                open_intake.cancel()
                open_intake = None
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        if open_intake is not None:
            open_intake.cancel()


async def _stay_open(services: Services) -> None:
    async for _ in services.db.listen("wafaa_intake", name=INTAKE):
        pass


async def _progress(event_log: EventLog) -> Progress | None:
    with suppress(Unavailable):
        return await event_log.progress(INBOUND)
    return None

"""The role that does jobs: answers, delivers, tells people, learns."""

import asyncio
from contextlib import suppress

from app.bootstrap import Services, bootstrap
from app.cli import starting
from app.cli.patience import until_embedding, until_migrated
from app.cli.roles import on_stop
from app.core.config import Settings
from app.core.errors import Unavailable, WafaaError
from app.core.observability import get_logger
from app.core.priority import stand_back
from app.models.lane import Lane

GAUGE_SECONDS = 5.0

log = get_logger()


async def work(settings: Settings, patience: float) -> None:
    """Works until asked to stop, then finishes what it has begun.

    Args:
        settings: The installation's.
        patience: Seconds to wait for the database and the embedder.
    """
    stand_back()
    services = bootstrap(settings, background=True)
    starting.end()
    working = asyncio.current_task()
    if working is not None:
        on_stop(working.cancel)
    try:
        await until_migrated(services, patience)
        await until_embedding(services, patience)
        await services.open()
        starting.spare_the_collector()
        await _work(services)
    finally:
        await services.close()


async def _work(services: Services) -> None:
    on_stop(services.worker.stop)
    beside = [
        asyncio.create_task(_warm(services)),
        asyncio.create_task(_measure(services)),
        asyncio.create_task(services.scheduler.run()),
    ]
    try:
        await services.worker.run()
    finally:
        for task in beside:
            task.cancel()


async def _warm(services: Services) -> None:
    """Prepares what the first question would otherwise wait for."""
    try:
        await services.retriever.warm()
    except WafaaError as error:
        log.warning("not_warmed", exc_info=error)


async def _measure(services: Services) -> None:
    """Keeps the gauges of the backlog up to date."""
    while True:
        with suppress(Unavailable):  # Readiness tells that; the gauges keep what was last seen.
            async with services.db.directory() as tx:
                backlog = await Lane.backlog(tx)
            oldest = max((age for _, age in backlog.values()), default=0.0)
            services.metrics.lanes(sum(count for count, _ in backlog.values()), oldest)
        await asyncio.sleep(GAUGE_SECONDS)

"""Leases, renewed for as long as their jobs run."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models.lane import Lane, LeaseLost
from app.services.queue.jobs import Work


@contextmanager
def kept(db: Database, work: Work) -> Iterator[None]:
    """A job's lease is renewed within; what is done soon needs no task for that."""
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        tasks.append(asyncio.create_task(_renew(db, work)))

    timer = asyncio.get_running_loop().call_later(work.lease_seconds / 4, begin)
    try:
        yield
    finally:
        timer.cancel()
        for task in tasks:
            task.cancel()


async def _renew(db: Database, work: Work) -> None:
    while True:
        before = time.monotonic()
        with suppress(Unavailable, LeaseLost):
            async with db.tenant(work.client_id) as tx:
                await Lane.renew(tx, work.lease, work.lease_seconds)
            work.extend(before)
        await asyncio.sleep(work.lease_seconds / 4)

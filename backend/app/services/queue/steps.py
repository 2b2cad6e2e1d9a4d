"""Background steps: what an installation does by itself from time to time, such as sealing and forgetting.

Every worker looks; the database gives each step to one of them. A step may run twice, and runs again after a worker
died with it: it checks first what is already done. ``bootstrap`` lists them all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models import step as due

log = structlog.get_logger(__name__)

LEASE_SECONDS = 600.0
"""After that a step is taken for lost with its worker."""
LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """Something to be done every ``seconds``."""

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]


class Scheduler:
    """Does steps when they are due."""

    def __init__(self, db: Database, steps: Sequence[Step]) -> None:
        self._db = db
        self._steps = {step.name: step for step in steps}

    async def run(self) -> None:
        """Looks for due steps until it is cancelled."""
        while True:
            with suppress(Unavailable):  # The database is away; the steps are late, no more.
                await self.run_due()
            await asyncio.sleep(LOOK_SECONDS)

    async def run_due(self) -> None:
        """Does what is due and nobody else does."""
        for step in self._steps.values():
            if await due.claim(self._db, step.name, LEASE_SECONDS):
                await self._attempt(step)
                await due.settle(self._db, step.name, step.seconds)

    async def run_now(self, name: str) -> None:
        """Does a step at once, due or not; what it raises is the caller's."""
        await self._steps[name].run()

    async def _attempt(self, step: Step) -> None:
        try:
            await step.run()
        except Unavailable:
            raise
        except Exception:  # One step's fault keeps no other from its turn.
            log.exception("step_failed", step=step.name)

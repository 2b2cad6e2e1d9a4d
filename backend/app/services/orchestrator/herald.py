"""Tells listeners what came in once it is durable: nobody's 200 waits for that.

Whoever notifies holds a lock of the whole server until its transaction ends. Within the one that writes, a webhook
would queue for it behind every turn that tells something, and hold it while the disk works.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models.arrival import tell

MOST_AT_ONCE = 200
"""Conversations in one word, and at most so many clients: PostgreSQL takes 8,000 bytes."""

MOST_UNTOLD = 10_000
"""Conversations that wait to be told of while the database takes no word; of more, the latest."""

BREATH_SECONDS = 0.005
"""From one word to the next, at least: the first goes at once, and under load one of them speaks of many."""

_News = tuple[UUID, UUID | None]

log = structlog.get_logger(__name__)


class Herald:
    """Tells of one batch after the other; what comes meanwhile is told together."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._untold: list[_News] = []
        self._task: asyncio.Task[None] | None = None

    def tell(self, news: Iterable[_News]) -> None:
        """Tells soon of what was written; who never hears it looks by itself: workers each second, pages anew.

        Args:
            news: Whose followers have something to read; with each the client for whom workers have something to do.
        """
        self._untold = [*self._untold, *news][-MOST_UNTOLD:]
        if self._untold and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while self._untold:
            news, self._untold = self._untold[:MOST_AT_ONCE], self._untold[MOST_AT_ONCE:]
            try:
                await tell(
                    self._db, {talk for talk, _ in news}, {whose for _, whose in news if whose}
                )
            except Unavailable:
                log.warning("listeners_untold", conversations=len(news))
            if len(self._untold) < MOST_AT_ONCE:
                await asyncio.sleep(BREATH_SECONDS)

"""Who follows which conversation: wakes streams when their conversation has new events.

One listening connection a process. A notification carries conversations' ids and nothing else; what happened is
read from the durable log, under the reader's own client. Losing the connection costs a moment, never an event.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from uuid import UUID

from app.core.multi_tenant import Database
from app.core.shedding import Overloaded
from app.models.silence import DOOR, INTAKE, SHUT

MOST_STREAMS, MOST_OF_ONE = 5_000, 20
"""Streams that one process keeps open, and those of one conversation: a visitor's pages, and colleagues."""

RETRY_SECONDS = 5.0

CALM_SECONDS = 5.0
"""After so long without another refusal what platforms say counts as heard again."""


class Followers:
    """The open streams of one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._open = 0
        self._name = ""
        self._troubles: set[str] = set()
        self._refused_at: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()

    def open(self, name: str) -> None:
        """Begins to listen, under the name by which others see that this process is up."""
        self._name, self._troubles = name, set()
        self._begin(name)

    def shut(self, trouble: str) -> None:
        """Tells others that what platforms say is refused here for now: their silence means nothing then."""
        if self._name in (INTAKE, DOOR) and trouble not in self._troubles:
            if not self._troubles:
                self._begin(SHUT)
            self._troubles.add(trouble)

    def reopen(self, trouble: str) -> None:
        """This trouble is over; where it was the last, others are told that all is taken again, from now on."""
        if trouble in self._troubles:
            self._troubles.remove(trouble)
            if not self._troubles and not self.closing.is_set():
                self._begin(self._name)

    def refused(self, trouble: str) -> None:
        """Shuts for a trouble whose end nobody tells, such as a crowd: until none was refused for ``CALM_SECONDS``."""
        loop = asyncio.get_running_loop()
        if trouble not in self._refused_at:
            self.shut(trouble)
            loop.call_later(CALM_SECONDS, self._look, trouble)
        self._refused_at[trouble] = loop.time()

    def _look(self, trouble: str) -> None:
        loop = asyncio.get_running_loop()
        left = self._refused_at[trouble] + CALM_SECONDS - loop.time()
        if left > 0:
            loop.call_later(left, self._look, trouble)
        else:
            del self._refused_at[trouble]
            self.reopen(trouble)

    def _begin(self, name: str) -> None:
        if self._task:
            self._task.cancel()
        self._task = asyncio.create_task(self._listen(name))

    def close(self) -> None:
        """Ends every stream, and stops listening."""
        self.closing.set()
        self._wake_all()
        if self._task:
            self._task.cancel()

    def require_room(self, conversation_id: UUID) -> None:
        """Lets one more follow a conversation.

        Raises:
            Overloaded: So many do, or follow others here, that whoever comes has to come again.
        """
        of_one = len(self._waiting.get(str(conversation_id), ()))
        if of_one >= MOST_OF_ONE or self._open >= MOST_STREAMS:
            raise Overloaded(retry_after=RETRY_SECONDS)

    @contextmanager
    def follow(self, conversation_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever the conversation may have something new. Clear it before reading."""
        key, event = str(conversation_id), asyncio.Event()
        self._waiting[key].add(event)
        self._open += 1
        try:
            yield event
        finally:
            self._open -= 1
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _listen(self, name: str) -> None:
        async for told in self._db.listen("wafaa_events", name=name):
            if told is None:
                self._wake_all()
            elif self._waiting:
                self._wake(told.split(","))

    def _wake(self, conversation_ids: Iterable[str]) -> None:
        for conversation_id in conversation_ids:
            for event in self._waiting.get(conversation_id, ()):
                event.set()

    def _wake_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()

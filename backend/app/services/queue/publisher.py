"""Behind the lanes: what happened is published for others to follow, at least once, in order for each conversation.

It is a row of the outbox in the transaction of its cause, and is deleted when the log has it. Nothing waits for that:
while the log is away the outbox grows, up to a bound.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

import orjson
import structlog

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models import outbox
from app.models.outbox import Unpublished
from app.services.queue.base import EventLog, Record, Topic
from app.services.queue.contract import VERSION, topic_of
from app.utils import trace_context
from app.utils.ids import uuid7

log = structlog.get_logger(__name__)

MOST = 500
LOOK_SECONDS = 0.5
LEASE_SECONDS = 30.0
MEASURE_SECONDS = 5.0
LONGEST = 1_000_000
"""Events that wait for the log; beyond it the oldest are forgotten, and that is told."""


class PublisherObserver(Protocol):
    """Who is told how far publishing is."""

    def outbox(self, events: int, oldest_seconds: float) -> None:
        """About so many events wait, the oldest for so long."""

    def unpublished(self, events: int) -> None:
        """Events were forgotten before the log had them."""


class Publisher:
    """Publishes. Of several, one at a time does; another takes over when it is gone."""

    def __init__(
        self,
        db: Database,
        event_log: EventLog,
        observer: PublisherObserver,
        *,
        longest: int = LONGEST,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._db = db
        self._log = event_log
        self._observer = observer
        self._longest = longest
        self._lease_seconds = lease_seconds
        self._holder = uuid7()
        self._stopping = asyncio.Event()
        self._measure_at = 0.0

    async def run(self) -> None:
        """Publishes until ``stop``."""
        try:
            while not self._stopping.is_set():
                count = await self._step_safely()
                if count < MOST:
                    await self._pause(LOOK_SECONDS)
        finally:
            await self._leave()

    def stop(self) -> None:
        """Begins nothing more."""
        self._stopping.set()

    async def _step_safely(self) -> int:
        try:
            await self._measure()
            return await self._step()
        except Unavailable:  # The database or the log: both come back.
            log.warning("not_published")
        except Exception:  # Whatever it is, what happened later must not wait for a restart.
            log.exception("publishing_failed")
        await self._pause(1.0)
        return 0

    async def _step(self) -> int:
        """Publishes the oldest events; tells how many."""
        asked = time.monotonic()
        events = await outbox.unpublished(self._db, self._holder, MOST, self._lease_seconds)
        if events and time.monotonic() - asked < self._lease_seconds / 2:
            await self._append(events)
            await outbox.published(self._db, events)
        return len(events)

    async def _append(self, events: Sequence[Unpublished]) -> None:
        records: dict[Topic, list[Record]] = {}
        for event in events:
            records.setdefault(topic_of(event.type), []).append(record_of(event))
        for topic, some in records.items():
            await self._log.append(topic, some)

    async def _measure(self) -> None:
        """Keeps the outbox within its bound, and the gauges up to date."""
        if time.monotonic() < self._measure_at:
            return
        self._measure_at = time.monotonic() + MEASURE_SECONDS
        events, oldest = await outbox.backlog(self._db)
        self._observer.outbox(events, oldest)
        if events > self._longest and (gone := await outbox.trim(self._db, self._longest)):
            log.error("events_forgotten", events=gone)
            self._observer.unpublished(gone)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _leave(self) -> None:
        try:
            await outbox.leave(self._db, self._holder)
        except Unavailable:  # The lease runs out by itself.
            log.info("publisher_lease_kept")


def record_of(event: Unpublished) -> Record:
    """An event as others read it."""
    traceparent = trace_context.of(_cause(event), event.event_id)
    envelope: dict[str, Any] = {
        "id": event.event_id,
        "type": event.type,
        "version": VERSION,
        "time": event.at.isoformat(),
        "client_id": event.client_id,
        "subject": event.subject,
        "traceparent": traceparent,
        "data": event.facts,
    }
    headers = {
        "schema": f"{topic_of(event.type).name}/{VERSION}",
        "type": event.type,
        "client": str(event.client_id),
        "traceparent": traceparent,
    }
    return Record(
        key=str(event.subject).encode(),
        value=orjson.dumps(envelope, default=str),
        headers={name: value.encode() for name, value in headers.items()},
    )


def _cause(event: Unpublished) -> UUID:
    """What began it: the message that is answered, else the message itself, else the conversation."""
    facts = event.facts
    return UUID(str(facts.get("answers") or facts.get("message_id") or event.subject))

"""Intake through the event log: appended at the door, written by whoever reads the log.

The platform hears 200 when the log has an event on as many machines as it demands. The database need not be there.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import orjson
import structlog
from pydantic import TypeAdapter

from app.core.errors import Unavailable
from app.core.logs import log_context
from app.services.channels.base import InboundEvent as Event
from app.services.orchestrator.doors import Doors
from app.services.orchestrator.intake import DirectIntake, Signer
from app.services.orchestrator.receiver import Door
from app.services.queue.producer import Inbound, Producer
from app.utils.trace_context import continued, trace_id

log = structlog.get_logger(__name__)

PROBE_SECONDS = 1.0
"""How often one call tries the log while the others pass it by."""

MOST_AT_ONCE = 16
"""Doors whose events are written at the same time; what they say goes out in common statements."""

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_SIGNER: TypeAdapter[Signer] = TypeAdapter(Signer)


class LoggedIntake:
    """Appends verified events.

    While the log is away, platforms are told to come again: what it holds unread must not be overtaken. To whom being
    answered late is worse than being answered out of turn, that has an end: then events are written directly.
    """

    def __init__(
        self,
        producer: Producer,
        doors: Doors,
        direct: DirectIntake,
        door: Door,
        *,
        patience: float | None,
    ) -> None:
        """Takes where events go.

        Args:
            producer: Appends them.
            doors: Knows whose account they are of.
            direct: Writes them where the log has been away for long.
            door: Tells others while they are refused.
            patience: How many seconds are not yet long; None where nothing is.
        """
        self._producer = producer
        self._doors = doors
        self._direct = direct
        self._door = door
        self._patience = patience
        self._away_since: float | None = None
        self._next_probe = 0.0

    async def take(
        self, kind: str, signer: Signer, events: Sequence[Event], given: str | None
    ) -> None:
        """Appends events. When this returns, the log has them, or the database."""
        if not self._passes_by():
            try:
                items = [await self._item(kind, signer, event, given) for event in events]
                await self._append(items)
            except Unavailable:
                if not self._is_long_away():
                    raise
            else:
                return
        await self._direct.take(kind, signer, events, given)

    async def _append(self, items: Sequence[Inbound]) -> None:
        try:
            await self._producer.append(items)
        except Unavailable:
            if self._away_since is None:
                self._away_since = time.monotonic()
                self._door.shut("log")
                log.warning("event_log_away")
            raise
        if self._away_since is not None:
            self._away_since = None
            self._door.reopen("log")
            log.info("event_log_back")

    def _is_long_away(self) -> bool:
        since, patience = self._away_since, self._patience
        if since is None or patience is None:
            return False
        return time.monotonic() - since >= patience

    def _passes_by(self) -> bool:
        """Whether this call need not try the log; one a second does."""
        now = time.monotonic()
        if not self._is_long_away() or now >= self._next_probe:
            self._next_probe = now + PROBE_SECONDS
            return False
        return True

    async def _item(self, kind: str, signer: Signer, event: Event, given: str | None) -> Inbound:
        """An event as the log has it, sealed for the client whose account it speaks of, where somebody has that."""
        route = await self._doors.route(kind, event.account) if event.account else None
        sender = event.addresses[0].value if event.addresses else event.event_key
        return Inbound(
            client_id=route.client_id if route else signer.client_id,
            order=f"{kind}/{event.account}/{sender}",
            body=orjson.dumps({"kind": kind, "signer": signer, "event": event}, default=str),
            traceparent=continued(given),
        )


class LoggedEvents:
    """Writes what was read from the log, as the door itself would have."""

    def __init__(self, direct: DirectIntake) -> None:
        self._direct = direct
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def take(self, items: Sequence[Inbound]) -> None:
        """Writes what is new; what came in by the same door is written in its order."""
        batches: dict[tuple[str, Signer], list[Inbound]] = defaultdict(list)
        events: dict[UUID, Event] = {}
        for item in items:
            body = orjson.loads(item.body)
            events[item.id] = _EVENT.validate_python(body["event"])
            batches[body["kind"], _SIGNER.validate_python(body["signer"])].append(item)
        ended = await asyncio.gather(
            *(
                self._take(kind, signer, [events[item.id] for item in batch], batch[0].traceparent)
                for (kind, signer), batch in batches.items()
            ),
            return_exceptions=True,
        )
        failed = [one for one in ended if isinstance(one, BaseException)]
        for error in sorted(failed, key=lambda error: not isinstance(error, Unavailable)):
            raise error

    async def _take(
        self, kind: str, signer: Signer, events: Sequence[Event], traceparent: str
    ) -> None:
        async with self._room:
            with log_context(trace_id=trace_id(traceparent)):
                await self._direct.take(kind, signer, events, traceparent)

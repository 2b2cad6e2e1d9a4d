"""Events whose signature is right, on their way to step 1: written at once, or read from the log and written then."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.core.multi_tenant import Database
from app.core.shedding import Shed
from app.core.tools import Tools
from app.models.inbound_event import InboundEvent
from app.services.channels.base import EventKind
from app.services.channels.base import InboundEvent as Event
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.doors import Doors
from app.services.orchestrator.receiver import SAID, Account, Receiver
from app.services.queue.pressure import Pressure


class IntakeObserver(Protocol):
    """Who is told of what came in."""

    def received(self, client_id: UUID, channel: str, messages: int) -> None:
        """New messages were written."""

    def refused(self, client_id: UUID, code: str, events: int) -> None:
        """Events were kept unprocessed: quarantined, unrouted or unparsed."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose secret signed a body.

    Attributes:
        client_id: The client by whose door it came.
        account_id: The account whose secret it was.
        shared: Whether it was the installation's shared secret instead.
    """

    client_id: UUID
    account_id: UUID
    shared: bool


class Intake(Protocol):
    """Takes verified events."""

    async def take(
        self, kind: str, signer: Signer, events: Sequence[Event], given: str | None
    ) -> None:
        """Makes events durable.

        Args:
            kind: The channel's.
            signer: Whose secret signed them.
            events: What one body told, in its order.
            given: The ``traceparent`` that the platform sent along, if any.

        Raises:
            Unavailable: It can't be done now.
        """


class SparingIntake:
    """Asks platforms to come again with what contacts say, while a client has far too much waiting.

    It stands before the database only: a log in front takes everything, that is what it is for. What platforms tell of
    our own messages always comes in, since it ends work.
    """

    def __init__(self, intake: Intake, doors: Doors, pressure: Pressure) -> None:
        self._intake = intake
        self._doors = doors
        self._pressure = pressure

    async def take(
        self, kind: str, signer: Signer, events: Sequence[Event], given: str | None
    ) -> None:
        """Hands on what may come in: all of it, or nothing.

        Raises:
            Overloaded: It has to come again.
        """
        if not self._pressure.is_nothing:
            for external_id in {event.account for event in events if event.kind in SAID}:
                if route := await self._doors.route(kind, external_id):
                    self._pressure.require(route.client_id, Shed.INTAKE)
        await self._intake.take(kind, signer, events, given)


class DirectIntake:
    """Writes events in the database, now."""

    def __init__(
        self,
        db: Database,
        doors: Doors,
        channels: Channels,
        receiver: Receiver,
        tools: Tools,
        observer: IntakeObserver,
    ) -> None:
        self._db = db
        self._doors = doors
        self._channels = channels
        self._receiver = receiver
        self._tools = tools
        self._observer = observer

    async def take(
        self, kind: str, signer: Signer, events: Sequence[Event], given: str | None
    ) -> None:
        """Writes events. When this returns, everything is committed."""
        if len(events) == 1:  # As platforms send them most often.
            return await self._deliver(kind, signer, events[0].account, events)
        by_account: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_account[event.account].append(event)
        # One order for everybody, as within an account: batches that overlap wait for each other, not in a circle.
        for external_id in sorted(by_account):
            await self._deliver(kind, signer, external_id, by_account[external_id])
        return None

    async def _deliver(
        self, kind: str, signer: Signer, external_id: str, events: Sequence[Event]
    ) -> None:
        if not external_id:
            return await self._keep(signer, "unparsed", events)
        route = await self._doors.route(kind, external_id)
        if route is None:
            return await self._keep(signer, "unrouted", events)
        if not signer.shared and route.client_id != signer.client_id:
            return await self._keep(signer, "quarantined", events)
        account = Account(route.account_id, kind, self._channels.capabilities(kind))
        received = await self._receiver.receive(route.client_id, account, events, self._tools.now())
        self._observer.received(route.client_id, kind, len(received) - received.count(None))
        if unparsed := [event for event in events if event.kind is EventKind.UNPARSED]:
            self._observer.refused(route.client_id, "unparsed", len(unparsed))
        return None

    async def _keep(self, signer: Signer, state: str, events: Sequence[Event]) -> None:
        """Keeps events that aren't processed with the client whose secret signed them."""
        async with self._db.tenant(signer.client_id) as tx:
            new = [
                await InboundEvent.keep(tx, signer.account_id, e.event_key, state, dict(e.raw))
                for e in events
            ]
        self._observer.refused(signer.client_id, state, sum(new))

"""Before step 1: whose events these are, and whether they may come in at all.

The URL's slug only picks which secrets a body is checked against. Whose an event is, the verified body says: by the
platform's id of the account it came in on. A body signed with the installation's shared secret may speak of any
client's accounts; one signed with a client's own secret speaks for that client alone, and what it says of others is
quarantined: kept, counted, shown, never processed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.core.errors import InvalidSignature
from app.core.multi_tenant import Database
from app.core.tools import Tools
from app.models.channel_config import ChannelAccount, ChannelConfig, Route
from app.models.client import Client, ClientRef
from app.models.message import InboundEvent
from app.services.channels.base import Channel, EventKind, WebhookRequest
from app.services.channels.base import InboundEvent as Event
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.receiver import Account, Receiver
from app.utils.remembered import Remembered


class IngressObserver(Protocol):
    """Who is told of what came in."""

    def received(self, client_id: UUID, channel: str, messages: int) -> None:
        """New messages were written."""

    def refused(self, client_id: UUID, code: str, events: int) -> None:
        """Events were kept unprocessed: quarantined, unrouted or unparsed."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A body whose signature is right.

    Attributes:
        channel: What can read it.
        shared: Whether the installation's shared secret signed it.
        account: The account whose secret it was.
    """

    channel: Channel
    shared: bool
    account: ChannelAccount


@dataclass(frozen=True, slots=True)
class Door:
    """An account by which calls may come in, opened with each secret that may sign for it."""

    account: ChannelAccount
    channel: Channel
    own: Channel
    shared: Channel | None


class Ingress:
    """Takes webhook calls in. Look-ups are remembered for a moment: a change counts within a second."""

    def __init__(
        self,
        db: Database,
        channels: Channels,
        receiver: Receiver,
        tools: Tools,
        observer: IngressObserver,
    ) -> None:
        self._db = db
        self._channels = channels
        self._receiver = receiver
        self._tools = tools
        self._observer = observer
        self._clients: Remembered[str, ClientRef] = Remembered(seconds=1.0)
        self._doors: Remembered[tuple[UUID, str], list[Door]] = Remembered(seconds=1.0)
        self._routes: Remembered[tuple[str, str], Route | None] = Remembered(seconds=1.0)

    async def challenge(self, kind: str, slug: str, request: WebhookRequest) -> str:
        """Answers a platform's handshake with any of the client's accounts that knows the verify token.

        Raises:
            NotFound: There is no such client or channel.
            InvalidSignature: No account knows the token.
        """
        refusal: InvalidSignature | None = None
        for door in await self._doors_of(kind, slug):
            try:
                return door.channel.challenge(request)
            except InvalidSignature as error:
                refusal = error
        raise refusal or InvalidSignature("This client has no such channel.")

    async def admit(self, kind: str, slug: str, request: WebhookRequest) -> None:
        """Verifies, parses and writes a webhook call. When this returns, everything is committed.

        Raises:
            NotFound: There is no such client or channel.
            InvalidSignature: Nobody we know signed the body.
            Unavailable: It can't be written now; the platform has to come again.
        """
        verified = _verify(await self._doors_of(kind, slug), request)
        events = verified.channel.parse(request.body)
        by_account: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_account[event.account].append(event)
        # One order for everybody, as within an account: batches that overlap wait for each other, not in a circle.
        for external_id in sorted(by_account):
            await self._deliver(kind, verified, external_id, by_account[external_id])

    async def _deliver(
        self, kind: str, verified: Verified, external_id: str, events: list[Event]
    ) -> None:
        if not external_id:
            return await self._keep(verified.account, "unparsed", events)
        route = await self._route(kind, external_id)
        if route is None:
            return await self._keep(verified.account, "unrouted", events)
        if not verified.shared and route.client_id != verified.account.client_id:
            return await self._keep(verified.account, "quarantined", events)
        account = Account(route.account_id, kind, self._channels.capabilities(kind))
        received = await self._receiver.receive(route.client_id, account, events, self._tools.now())
        self._observer.received(route.client_id, kind, sum(one is not None for one in received))
        unparsed = sum(event.kind is EventKind.UNPARSED for event in events)
        return self._observer.refused(route.client_id, "unparsed", unparsed) if unparsed else None

    async def _keep(self, account: ChannelAccount, state: str, events: Sequence[Event]) -> None:
        """Keeps events that aren't processed with the client whose secret signed them."""
        async with self._db.tenant(account.client_id) as tx:
            new = [
                await InboundEvent.keep(tx, account.id, e.event_key, state, dict(e.raw))
                for e in events
            ]
        self._observer.refused(account.client_id, state, sum(new))

    async def _doors_of(self, kind: str, slug: str) -> list[Door]:
        self._channels.capabilities(kind)
        client = await self._clients.get(slug, lambda: self._find_client(slug))
        return await self._doors.get((client.id, kind), lambda: self._find_doors(client.id, kind))

    async def _find_client(self, slug: str) -> ClientRef:
        async with self._db.directory() as tx:
            return await Client.find(tx, slug)

    async def _find_doors(self, client_id: UUID, kind: str) -> list[Door]:
        async with self._db.tenant(client_id) as tx:
            accounts = await ChannelConfig.of_kind(tx, kind)
        return [self._door(account) for account in accounts]

    def _door(self, account: ChannelAccount) -> Door:
        channels = self._channels
        own = channels.open(account, own_secrets_only=True)
        return Door(account, channels.open(account), own, channels.open_shared(account))

    async def _route(self, kind: str, external_id: str) -> Route | None:
        async def find() -> Route | None:
            async with self._db.directory() as tx:
                return await ChannelConfig.route(tx, kind, external_id)

        return await self._routes.get((kind, external_id), find)


def _verify(doors: Sequence[Door], request: WebhookRequest) -> Verified:
    """Finds whose secret signed the body: the shared one first, which is the same at every door, then each own one.

    Raises:
        InvalidSignature: Nobody's did.
    """
    for door in doors[:1]:
        if door.shared and _signed(door.shared, request):
            return Verified(door.shared, True, door.account)
    for door in doors:
        if _signed(door.own, request):
            return Verified(door.own, False, door.account)
    raise InvalidSignature


def _signed(channel: Channel, request: WebhookRequest) -> bool:
    try:
        channel.verify(request)
    except InvalidSignature:
        return False
    return True

"""By which doors platforms may come in, and whose account they speak of: looked up, and remembered for a moment."""

from dataclasses import dataclass
from uuid import UUID

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models.channel_config import ChannelAccount, ChannelConfig, Route
from app.models.client import Client, ClientRef
from app.services.channels.base import Channel
from app.services.orchestrator.channels import Channels
from app.utils.remembered import Remembered

FRESH_SECONDS = 1.0
"""A change counts within a second."""

LONGEST_SECONDS = 24 * 3600.0
"""With a log in front, intake outlives the database for as long, at doors that were used before."""


@dataclass(frozen=True, slots=True)
class Door:
    """An account by which calls may come in, opened with each secret that may sign for it."""

    account: ChannelAccount
    channel: Channel
    own: Channel
    shared: Channel | None


class Doors:
    """Finds doors and routes."""

    def __init__(self, db: Database, channels: Channels, *, outlive: bool = False) -> None:
        """Knows none yet.

        Args:
            db: Where they stand.
            channels: Opens accounts.
            outlive: Whether what was known goes on counting while the database can't be reached.
        """
        self._db = db
        self._channels = channels
        longest = LONGEST_SECONDS if outlive else 0.0
        self._clients: Remembered[str, ClientRef] = Remembered(
            seconds=FRESH_SECONDS, outlives=Unavailable, longest=longest
        )
        self._doors: Remembered[tuple[UUID, str], list[Door]] = Remembered(
            seconds=FRESH_SECONDS, outlives=Unavailable, longest=longest
        )
        self._routes: Remembered[tuple[str, str], Route | None] = Remembered(
            seconds=FRESH_SECONDS, outlives=Unavailable, longest=longest
        )

    async def of(self, kind: str, slug: str) -> list[Door]:
        """The doors of one client and one kind of channel.

        Raises:
            NotFound: There is no such client or channel.
            Unavailable: They aren't known, and can't be found now.
        """
        self._channels.capabilities(kind)
        client = await self._clients.get(slug, lambda: self._find_client(slug))
        return await self._doors.get((client.id, kind), lambda: self._find_doors(client.id, kind))

    async def route(self, kind: str, external_id: str) -> Route | None:
        """Whose account a platform's id is; None when nobody connected it, or its client is suspended."""
        return await self._routes.get(
            (kind, external_id), lambda: self._find_route(kind, external_id)
        )

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

    async def _find_route(self, kind: str, external_id: str) -> Route | None:
        async with self._db.directory() as tx:
            return await ChannelConfig.route(tx, kind, external_id)

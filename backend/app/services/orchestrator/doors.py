"""By which doors platforms may come in, and whose account they speak of: looked up, and remembered for a moment.

Where the database tells of changes (``open``) the moment is longer, and a change counts as soon as it is heard of.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models.channel_config import ChannelAccount, ChannelConfig, Route
from app.models.client import Client, ClientRef
from app.services.channels.base import Channel
from app.services.orchestrator.channels import Channels
from app.utils.remembered import Remembered

FRESH_SECONDS = 1.0
TOLD_SECONDS = 120.0
"""A change counts within a second; where changes are told, at once, and within the latter if a word was lost."""

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

    def __init__(
        self,
        db: Database,
        channels: Channels,
        *,
        outlive: bool = False,
        told: float = TOLD_SECONDS,
    ) -> None:
        """Knows none yet.

        Args:
            db: Where they stand.
            channels: Opens accounts.
            outlive: Whether what was known goes on counting while the database can't be reached.
            told: For how many seconds something is known where changes are told.
        """
        self._db = db
        self._channels = channels
        longest = LONGEST_SECONDS if outlive else 0.0
        self._told = told
        self._task: asyncio.Task[None] | None = None
        self._clients: Remembered[str, ClientRef] = Remembered(
            seconds=FRESH_SECONDS, outlives=Unavailable, longest=longest
        )
        self._doors: Remembered[tuple[UUID, str], list[Door]] = Remembered(
            seconds=FRESH_SECONDS, outlives=Unavailable, longest=longest
        )
        self._routes: Remembered[tuple[str, str], Route | None] = Remembered(
            seconds=FRESH_SECONDS, outlives=Unavailable, longest=longest
        )

    def open(self) -> None:
        """Begins to listen for changes."""
        self._task = asyncio.create_task(self._listen())

    def close(self) -> None:
        """Stops listening."""
        if self._task:
            self._task.cancel()

    async def _listen(self) -> None:
        async for client_id in self._db.listen("wafaa_doors"):
            self._changed(client_id)

    def _changed(self, client_id: str | None) -> None:
        """A client's doors have changed; with None anybody's may have, and from now on changes are told."""

        def concerns(whose: UUID) -> bool:
            return client_id in (None, str(whose))

        self._clients.change(lambda client: concerns(client.id))
        self._doors.change(
            lambda doors: any(concerns(door.account.client_id) for door in doors) or not doors
        )
        self._routes.change(lambda route: route is None or concerns(route.client_id))
        if client_id is None:
            for remembered in (self._clients, self._doors, self._routes):
                remembered.keep_for(self._told)

    def knows(self, kind: str, slug: str) -> bool:
        """Whether these doors were found before: whoever comes to them makes nobody look for new ones."""
        client = self._clients.known(slug)
        return client is not None and self._doors.known((client.id, kind)) is not None

    async def of(self, kind: str, slug: str) -> list[Door]:
        """The doors of one client and one kind of channel.

        Raises:
            NotFound: There is no such client or channel.
            Unavailable: They aren't known, and can't be found now.
        """
        self._channels.capabilities(kind)
        client = self._clients.fresh(slug)
        if client is None:
            client = await self._clients.get(slug, partial(self._find_client, slug))
        key = client.id, kind
        return self._doors.fresh(key) or await self._doors.get(key, partial(self._find_doors, *key))

    async def route(self, kind: str, external_id: str) -> Route | None:
        """Whose account a platform's id is; None when nobody connected it, or its client is suspended."""
        key = kind, external_id
        route = self._routes.fresh(key)
        return route or await self._routes.get(key, partial(self._find_route, *key))

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

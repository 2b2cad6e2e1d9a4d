"""The keyring: clients' keys, unwrapped for as long as they are needed.

A client's own key seals all that rests of it; the key service's key wraps that one. The database keeps the wrapped
keys. A process asks it every few seconds whether a key still stands, and the key service once an hour: while either
can't be reached, clients whose key is here are served on.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.core.errors import Conflict, Erased, Unavailable
from app.core.multi_tenant import Database
from app.core.sealing import Cipher, Secret
from app.models.client_key import ClientKey, WrappedKey
from app.services.keys.base import KeyService, Wrapped
from app.utils.kept import Kept

log = structlog.get_logger(__name__)

FRESH_SECONDS = 15.0
"""After this the database is asked again: a destroyed key is forgotten everywhere, a new one known."""

UNWRAPPED_SECONDS = 3600.0
LONGEST_SECONDS = 24 * 3600.0
"""After the first the key service is asked again; without its answer a key is forgotten after the second."""

LEAD_SECONDS = 2 * FRESH_SECONDS
"""A new key waits so long before it seals: by then every process knows it."""

MOST_OPENED = 2_000
OPENED_SECONDS = 60.0
"""So many opened passages stay in a process, so long after they were last found; none longer than its client's key."""

MOST_CLIENTS = 10_000
_FIRST = 1


@dataclass(slots=True)
class _Held:
    """A client's key in this process; times are monotonic."""

    cipher: Cipher
    secrets: dict[bytes, Secret] = field(repr=False)
    fresh_until: float
    unwrapped_at: float


class Keyring:
    """Knows clients' keys; makes a client's first one when it is first asked for."""

    def __init__(self, db: Database, service: KeyService) -> None:
        """Takes a database that opens scopes without keys, and the key service."""
        self._db = db
        self._service = service
        self._held: OrderedDict[UUID, _Held] = OrderedDict()
        self._opened = Kept(MOST_OPENED, OPENED_SECONDS)
        self._asking: dict[UUID, asyncio.Task[Cipher]] = {}

    async def of(self, client_id: UUID) -> Cipher:
        """A client's cipher. Never call it inside a transaction.

        Raises:
            Erased: The client's key was destroyed.
            Unavailable: The key can't be had now.
        """
        held = self._held.get(client_id)
        if held and held.fresh_until > time.monotonic():
            return held.cipher
        if client_id not in self._asking:
            self._asking[client_id] = asyncio.create_task(self._ask(client_id))
        return await asyncio.shield(
            self._asking[client_id]
        )  # Who leaves doesn't stop it for others.

    async def destroy(self, client_id: UUID) -> None:
        """Destroys a client's key: what was sealed with it is noise from now on, in every copy there is."""
        async with self._db.tenant(client_id) as tx:
            await ClientKey.destroy(tx)
        self.forget(client_id)
        log.info("client_key_destroyed", client_id=str(client_id))

    async def rotate(self, client_id: UUID, *, lead: float = LEAD_SECONDS) -> int:
        """Adds a version, which seals after ``lead`` seconds; tells its number. Older ones go on opening.

        Raises:
            Erased: The client's key was destroyed.
        """
        await self.of(client_id)
        keys = await self._read(client_id)
        newest = keys[-1]
        secret = (await self._unwrapped(client_id, newest, {})).next()
        version = newest.version + 1
        wrapped = await self._service.wrap(secret.raw, _context(client_id, version))
        async with self._db.tenant(client_id) as tx:
            if not await ClientKey.add(tx, version, wrapped.blob, wrapped.under, delay=lead):
                raise Conflict("Another rotation of this client's key began just now.")
        self.forget(client_id)
        return version

    async def rewrap(self, client_id: UUID) -> int:
        """Wraps a client's key anew under the key service's present key; tells how many versions it was.

        What is wrapped so already is left alone: who was stopped goes on.
        """
        now, count = await self._service.current(), 0
        for key in await self._read(client_id):
            if key.wrapped is None or key.under == now:
                continue
            secret = await self._unwrapped(client_id, key, {})
            wrapped = await self._service.wrap(secret.raw, _context(client_id, key.version))
            async with self._db.tenant(client_id) as tx:
                await ClientKey.rewrap(tx, key.version, key.wrapped, wrapped.blob, wrapped.under)
            count += 1
        return count

    async def versions(self, client_id: UUID) -> list[WrappedKey]:
        """A client's versions, oldest first; destroyed ones are empty."""
        return await self._read(client_id)

    async def renew_service(self) -> str:
        """Has the key service make a new key-encryption key, and tells which; clients' keys are to be rewrapped."""
        return await self._service.renew()

    def forget(self, client_id: UUID) -> None:
        """Asks anew for a client's key when it is next needed."""
        self._held.pop(client_id, None)
        self._opened.forget(client_id.bytes)

    async def _ask(self, client_id: UUID) -> Cipher:
        self._opened.tidy()
        held = self._held.get(client_id)
        try:
            held = await self._renewed(client_id, held)
        except Erased:
            self.forget(client_id)
            raise
        except Unavailable:
            if held is None or held.unwrapped_at + LONGEST_SECONDS < time.monotonic():
                raise
            log.warning("client_key_not_renewed", client_id=str(client_id), exc_info=True)
            held.fresh_until = time.monotonic() + FRESH_SECONDS
        finally:
            self._asking.pop(client_id, None)
        self._held[client_id] = held
        self._held.move_to_end(client_id)
        if len(self._held) > MOST_CLIENTS:
            self.forget(next(iter(self._held)))
        return held.cipher

    async def _renewed(self, client_id: UUID, held: _Held | None) -> _Held:
        asked_at = time.monotonic()
        keys = await self._read(client_id)
        if not keys:
            await self._make(client_id)
            keys = await self._read(client_id)
        known, since = (held.secrets, held.unwrapped_at) if held else ({}, asked_at)
        if since + UNWRAPPED_SECONDS < asked_at:
            known, since = {}, asked_at
        secrets = {key.version: await self._unwrapped(client_id, key, known) for key in keys}
        sealing = max(key.version for key in keys if key.seals)
        return _Held(
            Cipher(client_id, secrets, sealing, self._opened),
            {key.wrapped: secrets[key.version] for key in keys if key.wrapped},
            asked_at + FRESH_SECONDS,
            since,
        )

    async def _read(self, client_id: UUID) -> list[WrappedKey]:
        async with self._db.tenant(client_id) as tx:
            return await ClientKey.all(tx)

    async def _make(self, client_id: UUID) -> None:
        """Makes a client's first key; where two do so at once, the first one's stands."""
        wrapped = await self._service.wrap(Secret.new().raw, _context(client_id, _FIRST))
        async with self._db.tenant(client_id) as tx:
            await ClientKey.add(tx, _FIRST, wrapped.blob, wrapped.under)

    async def _unwrapped(
        self, client_id: UUID, key: WrappedKey, known: dict[bytes, Secret]
    ) -> Secret:
        if key.wrapped is None:
            raise Erased
        if key.wrapped in known:
            return known[key.wrapped]
        wrapped = Wrapped(key.wrapped, key.under)
        return Secret.read(await self._service.unwrap(wrapped, _context(client_id, key.version)))


def _context(client_id: UUID, version: int) -> dict[str, str]:
    return {"client": str(client_id), "version": str(version)}

"""Where transactions and tenants begin and end.

``async with db.tenant(client_id) as tx`` is a transaction, a tenant's scope and a log context in one. It commits
when it ends, rolls back on an exception; nobody calls commit. The database learns the tenant from a short token in
``app.current_tenant_id``, signed with a key that the application role can't read and checked by
``app.current_client()``: an injected ``set_config`` can't name another client.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NewType, cast
from uuid import UUID

import asyncpg

from app.core.errors import Conflict, Misconfigured, Unavailable
from app.core.flushes import Flushes
from app.core.listening import PULSE_SECONDS, listen
from app.core.pool import FAILURES, Connection, Pool, as_role, connect, is_local, undivided
from app.core.priority import backend_stands_back, backend_steps_in
from app.core.sealing import Cipher, Ciphers
from app.core.tenant_token import TenantSigner
from app.utils.tenant_context import TenantContext

TENANT_SETTING = "app.current_tenant_id"
APP_ROLE = "wafaa_app"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction. Statements are bound, never assembled from values."""

    raw: Connection
    client_id: UUID | None
    cipher: Cipher | None = None

    async def all(self, sql: str, *args: object) -> list[Row]:
        """Every row of a statement with ``$1`` placeholders."""
        return cast("list[Row]", await self.raw.fetch(sql, *args))

    async def each(self, sql: str, *args: object) -> AsyncIterator[Row]:
        """The rows one after the other; few of them are in memory at a time."""
        async for row in self.raw.cursor(sql, *args, prefetch=200):
            yield cast("Row", row)

    async def one(self, sql: str, *args: object) -> Row | None:
        """The first row, or None."""
        return cast("Row | None", await self.raw.fetchrow(sql, *args))

    async def value(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self.raw.fetchval(sql, *args)

    async def run(self, sql: str, *args: object) -> int:
        """Runs a statement and tells how many rows it touched."""
        status = await self.raw.execute(sql, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


TenantTx = NewType("TenantTx", Tx)
"""A transaction that sees one client's rows and no others."""

DirectoryTx = NewType("DirectoryTx", Tx)
"""A transaction that sees no client's rows: only what belongs to none, and the allow-listed look-ups."""


def client_of(tx: TenantTx) -> UUID:
    """The client whose transaction this is: for the explicit predicate beside row-level security."""
    if tx.client_id is None:
        raise Misconfigured("A tenant's transaction without a tenant.")
    return tx.client_id


def cipher_of(tx: TenantTx) -> Cipher:
    """What seals and opens the values of the client whose transaction this is."""
    if tx.cipher is None:
        raise Misconfigured("A tenant's transaction without the client's key.")
    return tx.cipher


class Database:
    """PostgreSQL, seen through transactions that belong to one client or to none."""

    def __init__(
        self,
        pool: Pool,
        signer: TenantSigner,
        flushes: Flushes,
        *,
        direct: str,
        pooled: bool,
        ciphers: Ciphers | None = None,
    ) -> None:
        """Takes its parts.

        Args:
            pool: Where connections come from.
            signer: Signs tenant tokens.
            flushes: Has the log written to the disk.
            direct: Where a session of one's own is to be had, for listening.
            pooled: Whether another pooler stands between: sessions change from one transaction to the next.
            ciphers: Who knows clients' keys.
        """
        self._direct = direct
        self._pooled = pooled
        self._pool = pool
        self._signer = signer
        self._flushes = flushes
        self._ciphers = ciphers

    def sealed_with(self, ciphers: Ciphers | None) -> "Database":
        """The same pool, with each client's key in its transactions; with None they have none."""
        return Database(
            self._pool, self._signer, self._flushes,
            direct=self._direct, pooled=self._pooled, ciphers=ciphers,
        )  # fmt: skip

    @classmethod
    def connect(
        cls,
        url: str,
        signer: TenantSigner,
        *,
        size: int = 20,
        overflow: int = 10,
        direct: str | None = None,
        background: bool = False,
    ) -> "Database":
        """Prepares a pool; connections open when first used.

        Args:
            url: The database, or a pooler before it that lends sessions for a transaction.
            signer: Signs tenant tokens.
            size: How many connections are kept.
            overflow: How many more there may be.
            direct: The database itself, where ``url`` is a pooler.
            background: Whether what others ask of the server goes first.
        """
        local = is_local(direct or url)
        pooled = direct is not None
        session = _ONLY_NAMES if pooled else _SESSION

        async def open_one() -> Connection:
            connection = await connect(url, cached=0 if pooled else 100, **session)
            try:
                async with undivided(connection, pooled=pooled):
                    signer.clock.hear(await connection.fetchval(_NOW))
            except BaseException:  # Whoever wanted it may have left.
                connection.terminate()
                raise
            if local and not pooled:
                place = backend_stands_back if background else backend_steps_in
                place(connection.get_server_pid())
            return connection

        async def open_direct() -> Connection:
            connection = await connect(direct or url, cached=100, **_SESSION)
            if local:
                backend_steps_in(connection.get_server_pid())
            return connection

        pool = Pool(open_one, size=size, overflow=overflow)
        flushes = Flushes(open_direct)
        return cls(pool, signer, flushes, direct=direct or url, pooled=pooled)

    @staticmethod
    def as_role(url: str, role: str, password: str) -> str:
        """The same database, signed in to as another role."""
        return as_role(url, role, password)

    @asynccontextmanager
    async def tenant(self, client_id: UUID) -> AsyncIterator[TenantTx]:
        """Opens one client's transaction.

        Raises:
            Conflict: A scope of another client is open in this task.
            Erased: The client was erased.
            Unavailable: The database or the client's key can't be reached, or every connection is busy.
        """
        cipher = await self._ciphers.of(client_id) if self._ciphers else None
        if TenantContext.get_tenant() not in (None, client_id):
            raise Conflict("A scope of another client is open.")
        token = TenantContext.set_tenant(client_id)
        try:
            async with self._transaction(client_id, cipher) as tx:
                yield TenantTx(tx)
        finally:
            TenantContext.reset(token)

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[DirectoryTx]:
        """Opens a transaction that belongs to no client."""
        async with self._transaction(None) as tx:
            yield DirectoryTx(tx)

    @asynccontextmanager
    async def _transaction(
        self, client_id: UUID | None, cipher: Cipher | None = None
    ) -> AsyncIterator[Tx]:
        connection = await self._checkout()
        settled = False
        try:
            await self._begin(connection, client_id)
            try:
                yield Tx(connection, client_id, cipher)
            except Exception:
                await connection.execute("ROLLBACK")
                settled = True
                raise
            await connection.execute(_COMMIT)
            settled = True
        except _GONE as error:
            raise Unavailable("The database can't be reached. Try again shortly.") from error
        finally:
            self._pool.give(connection, clean=settled)

    async def _begin(self, raw: Connection, client_id: UUID | None) -> None:
        """Begins a transaction.

        The token is bound, never written into a statement: every session of our role may read the statements of
        every other, and an injected query would find other clients' tokens there.
        """
        await raw.execute(_BEGIN_POOLED if self._pooled else "BEGIN")
        if client_id is not None:
            now = await raw.fetchval(_ENTER, TENANT_SETTING, self._signer.token(client_id))
            if self._signer.clock.differs(now):  # Its clock was set: it may not believe the token.
                self._signer.clock.hear(now)
                await raw.fetchval(_ENTER, TENANT_SETTING, self._signer.token(client_id))

    @property
    def pooled(self) -> bool:
        """Whether another pooler stands between: calls are parts of transactions there, and can end none."""
        return self._pooled

    async def call(self, sql: str, *args: object) -> list[Row]:
        """One statement that is a transaction of its own, in one round trip, in no client's scope."""
        if self._pooled:  # Without a cache a statement takes two steps, which must not be parted.
            async with self.directory() as tx:
                return await tx.all(sql, *args)
        connection = await self._checkout()
        done = False
        try:
            rows = await connection.fetch(sql, *args)
            done = True
        except _GONE as error:
            raise Unavailable("The database can't be reached. Try again shortly.") from error
        finally:
            self._pool.give(connection, clean=done)
        return cast("list[Row]", rows)

    async def ask(self, client_id: UUID, sql: str, *args: object) -> Any:
        """The one value of ``ask_rows``."""
        [row] = await self.ask_rows(client_id, sql, *args)
        [value] = row.values()
        return value

    async def ask_rows(self, client_id: UUID, sql: str, *args: object) -> list[Row]:
        """One statement in a client's scope, in one round trip.

        Args:
            client_id: Whose scope.
            sql: Calls a function of schema ``app`` that enters the scope itself: the tenant's token is ``$1``.
            args: What else is bound, from ``$2`` on.
        """
        try:
            return await self.call(sql, self._signer.token(client_id), *args)
        except asyncpg.InvalidAuthorizationSpecificationError:  # Its clock was set.
            [time] = await self.call(_NOW)
            self._signer.clock.hear(next(iter(time.values())))
            return await self.call(sql, self._signer.token(client_id), *args)

    async def flushing(self) -> Callable[[], Awaitable[None]]:
        """Begins what is committed by a call that doesn't wait for the disk; what is given waits for it, with others.

        Raises:
            Unavailable: See ``Flushes.begin``.
        """
        return await self._flushes.begin()

    def tokens(self, clients: Iterable[UUID]) -> dict[str, str]:
        """Tokens for what enters several clients' scopes, one after the other, in one call."""
        return {str(client_id): self._signer.token(client_id) for client_id in clients}

    async def cipher(self, client_id: UUID) -> Cipher:
        """What seals and opens a client's values.

        Raises:
            Erased: The client was erased.
            Unavailable: Its key can't be reached.
        """
        if self._ciphers is None:
            raise Misconfigured("A database without its clients' keys.")
        return await self._ciphers.of(client_id)

    async def _checkout(self) -> Connection:
        try:
            return await self._pool.take()
        except FAILURES as error:
            raise Unavailable("The database can't be reached. Try again shortly.") from error

    def listen(
        self, channel: str, *, name: str = "wafaa", pulse: float = PULSE_SECONDS
    ) -> AsyncIterator[str | None]:
        """Yields the payloads of a NOTIFY channel, as ``core/listening.py`` says."""
        return listen(self._direct, channel, name=name, pulse=pulse)

    def renew(self) -> None:
        """Lets all that follows have new connections."""
        self._pool.renew()

    async def close(self) -> None:
        """Closes every connection."""
        await self._flushes.close()
        await self._pool.close()

    async def ping(self) -> None:
        """Asks the database for an answer.

        Raises:
            Unavailable: There is none.
        """
        async with self.directory() as tx:
            await tx.value("SELECT 1")

    async def revision(self) -> str | None:
        """The revision that migrations brought the database to; None when there were none yet."""
        async with self.directory() as tx:
            if await tx.value("SELECT to_regclass('public.alembic_version')") is None:
                return None
            found: str | None = await tx.value("SELECT version_num FROM alembic_version")
            return found


_ONLY_NAMES = {"application_name": "wafaa", "timezone": "UTC"}
"""What a pooler keeps apart for each of its clients; other settings would meet whoever has the session next."""
_TIMEOUTS = {
    "statement_timeout": "20000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "30000",
}
_SESSION = _ONLY_NAMES | _TIMEOUTS
_BEGIN_POOLED = "BEGIN" + "".join(f"; SET LOCAL {name} = {ms}" for name, ms in _TIMEOUTS.items())

_COMMIT = f"COMMIT; RESET {TENANT_SETTING}"
"""Leaves a client's scope too: an injected ``set_config`` may have left a token with the session."""

_ENTER = """
WITH entered AS MATERIALIZED (SELECT pg_catalog.set_config($1, $2, true))
SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8 FROM entered
"""
"""Enters a client's scope, and tells the time."""

_NOW = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8"

_GONE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # Its connection was lost in the middle of something: it is thrown away.
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.exceptions.InsufficientResourcesError,
)
"""What is raised when the server went away, is going, or has no room left on its disk or in its memory."""

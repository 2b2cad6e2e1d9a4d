"""Connections to PostgreSQL, kept open between transactions.

Taking one that is kept and giving it back are plain calls, no task and no round trip: the hot path does it for every
webhook and several times a turn.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import orjson

from app.utils.places import Places

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

WAIT_SECONDS = 5.0
GOODBYE_SECONDS = 0.5
"""How long a server may take to hang up: one that can't be reached never does."""

FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a connection that can't be had, or fails at what it is asked, raises."""

LIFE_SECONDS = 1800.0
"""A connection is used no longer: the server's memory for it only grows, and an address may have moved."""


class Pool:
    """At most ``size + overflow`` connections at once, of which ``size`` are kept; they open when first used."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], *, size: int, overflow: int = 0
    ) -> None:
        self._connect = connect
        self._size = size
        self._places = Places(size + overflow, seconds=WAIT_SECONDS)
        self._kept: list[Connection] = []
        self._ends: dict[Connection, float] = {}
        self._closed = False

    async def take(self) -> Connection:
        """A connection of one's own until ``give``; the one used last first.

        Raises:
            TimeoutError: Every place was taken for ``WAIT_SECONDS``.
        """
        if not await self._places.enter():
            raise TimeoutError
        try:
            return self._living() or await self._open()
        except BaseException:
            self._places.leave()
            raise

    def give(self, connection: Connection, *, clean: bool) -> None:
        """Takes a connection back; one whose transaction didn't end by our word is thrown away, not reused."""
        reusable = clean and not self._closed and not connection.is_closed()
        if reusable and len(self._kept) < self._size:
            self._kept.append(connection)
        else:
            self._drop(connection)
        self._places.leave()

    def renew(self) -> None:
        """Uses no connection that is open now another time: it may not know what was installed since."""
        self._ends = dict.fromkeys(self._ends, 0.0)

    async def close(self) -> None:
        """Closes every connection: those that are kept in good manners, whatever doesn't take them at once."""
        self._closed = True  # What is still being opened, or in use, isn't kept.
        kept, self._kept = self._kept, []
        leaving = (connection.close(timeout=GOODBYE_SECONDS) for connection in kept)
        await asyncio.gather(*leaving, return_exceptions=True)
        for connection in self._ends:
            if not connection.is_closed():
                connection.terminate()
        self._ends.clear()

    def _living(self) -> "Connection | None":
        while self._kept:
            connection = self._kept.pop()
            if not connection.is_closed() and time.monotonic() < self._ends[connection]:
                return connection
            self._drop(connection)
        return None

    async def _open(self) -> Connection:
        connection = await self._connect()
        self._ends[connection] = time.monotonic() + LIFE_SECONDS
        return connection

    def _drop(self, connection: Connection) -> None:
        self._ends.pop(connection, None)
        connection.terminate()


async def connect(url: str, *, cached: int = 100, **settings: str) -> Connection:
    """Opens a connection that speaks jsonb as plain Python values, and pgvector's vectors as their bytes.

    Args:
        url: Where to, ``postgresql+asyncpg://…``.
        cached: How many statements stay prepared. None behind a pooler, where the next transaction has another session.
        settings: The session's settings.
    """
    connection = await asyncpg.connect(
        driver_url(url),
        timeout=10,
        command_timeout=30,
        server_settings=settings,
        statement_cache_size=cached,
    )
    try:
        async with undivided(connection, pooled=not cached):
            await connection.set_type_codec(
                "jsonb", schema="pg_catalog", encoder=_write_json, decoder=orjson.loads
            )
            with suppress(ValueError):  # There is none where pgvector isn't.
                await connection.set_type_codec(
                    "vector", schema="public", encoder=bytes, decoder=bytes, format="binary"
                )
    except BaseException:  # Whoever wanted it may have left.
        connection.terminate()
        raise
    return connection


def undivided(connection: Connection, *, pooled: bool) -> AbstractAsyncContextManager[Any]:
    """Keeps the two steps of a statement, preparing and running it, in one session where a pooler might part them."""
    return connection.transaction() if pooled else nullcontext()


def driver_url(url: str) -> str:
    """The URL as the driver reads it: its scheme has no ``+asyncpg``, and ``ssl`` is called ``sslmode``."""
    parts = urlsplit(url)
    known = [
        ("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)
    ]
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(known)))


def is_local(url: str) -> bool:
    """Whether the server is reached by a Unix socket, so it runs on this machine."""
    return dict(parse_qsl(urlsplit(url).query)).get("host", "").startswith("/")


def as_role(url: str, role: str, password: str) -> str:
    """The same database, signed in to as another role."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    who = f"{quote(role, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{who}@{server}"))


def _write_json(value: Any) -> str:
    return orjson.dumps(value, default=_id).decode()


def _id(value: object) -> str:
    """An id of the driver's own kind, which is a UUID like any other."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError

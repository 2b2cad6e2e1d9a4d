"""Sealing what an older database kept in clear: a part of bringing it to the present revision."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import Misconfigured
from app.core.sealing import Cipher, Secret
from app.services.keys.base import KeyService, Wrapped

_BATCH = 500
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table to be rewritten.

    Attributes:
        key: The columns that, after ``client_id``, tell its rows apart.
        read: What of a row is needed, as SQL.
        client: The column that says whose it is.
    """

    name: str
    key: Sequence[str]
    read: Sequence[str]
    client: str = "client_id"


class Conversion:
    """One migration's rewriting of rows, in its own transaction."""

    def __init__(self, connection: Connection, keys: KeyService | None) -> None:
        """Takes the migration's connection, and who wraps the keys that are made."""
        driver: Any = connection.connection.dbapi_connection
        self._driver = driver
        self._keys = keys
        self._ciphers: dict[UUID, Cipher] = {}

    def run(self, *steps: tuple[Table, Callable[[Cipher, Any], Values]]) -> None:
        """Rewrites every client's rows: each step names a table and what a row becomes."""
        self._driver.run_async(lambda raw: self._run(raw, steps))

    async def _run(
        self, raw: Any, steps: Sequence[tuple[Table, Callable[[Cipher, Any], Values]]]
    ) -> None:
        for table, new in steps:
            async for rows in _batches(raw, table):
                values = [
                    (row, new(await self._cipher(raw, row["client_id"]), row)) for row in rows
                ]
                await _write(raw, table, values)

    async def _cipher(self, raw: Any, client_id: UUID) -> Cipher:
        """A client's cipher: its newest key seals, each opens; a client without a key gets one."""
        if client_id not in self._ciphers:
            rows = await raw.fetch(
                "SELECT version, wrapped, under FROM client_keys WHERE client_id = $1 AND seals_from <= now() "
                "ORDER BY version",
                client_id,
            )  # fmt: skip
            secrets = {row["version"]: await self._unwrapped(client_id, row) for row in rows}
            if not secrets:
                secrets = {1: await self._first(raw, client_id)}
            self._ciphers[client_id] = Cipher(client_id, secrets, max(secrets))
        return self._ciphers[client_id]

    async def _unwrapped(self, client_id: UUID, row: Any) -> Secret:
        if row["wrapped"] is None:
            return Secret.new()  # It is being erased: nobody shall read it.
        wrapped = Wrapped(row["wrapped"], row["under"])
        return Secret.read(await self._service.unwrap(wrapped, _context(client_id, row["version"])))

    async def _first(self, raw: Any, client_id: UUID) -> Secret:
        secret = Secret.new()
        wrapped = await self._service.wrap(secret.raw, _context(client_id, 1))
        await raw.execute(
            "INSERT INTO client_keys (client_id, version, wrapped, under) VALUES ($1, 1, $2, $3)",
            client_id, wrapped.blob, wrapped.under,
        )  # fmt: skip
        return secret

    @property
    def _service(self) -> KeyService:
        if self._keys is None:
            raise Misconfigured("There are rows to be sealed, and no key service to do so.")
        return self._keys


def _context(client_id: UUID, version: int) -> dict[str, str]:
    return {"client": str(client_id), "version": str(version)}


async def _batches(raw: Any, table: Table) -> AsyncIterator[list[Any]]:
    columns = ", ".join((f"{table.client} AS client_id", *table.key, *table.read))
    statement = f"SELECT {columns} FROM {table.name}"  # noqa: S608  # Names of ours.
    rows: list[Any] = []
    async for row in raw.cursor(statement, prefetch=_BATCH):
        rows.append(row)
        if len(rows) == _BATCH:
            yield rows
            rows = []
    if rows:
        yield rows


async def _write(raw: Any, table: Table, rows: Sequence[tuple[Any, Values]]) -> None:
    names = list(rows[0][1])
    where = " AND ".join(f"{name} = ${n}" for n, name in enumerate((table.client, *table.key), 1))
    put = ", ".join(f"{name} = ${n}" for n, name in enumerate(names, len(table.key) + 2))
    statement = f"UPDATE {table.name} SET {put} WHERE {where}"  # noqa: S608  # Names of ours.
    keys = ("client_id", *table.key)
    values = [(*(row[key] for key in keys), *(new[name] for name in names)) for row, new in rows]
    await raw.executemany(statement, values)

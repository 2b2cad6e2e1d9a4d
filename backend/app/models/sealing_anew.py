"""Sealing rows anew under a client's newest key: in small batches, past the rows that are current."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.core.multi_tenant import Row, TenantTx, cipher_of, client_of
from app.models.sealed import SEALED, SealedColumn

BATCH = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step came to: how many rows it found, and where the next one begins; None at the end."""

    found: int
    last: Sequence[Any] | None


async def seal_anew(tx: TenantTx, column: SealedColumn, after: Sequence[Any] | None) -> Batch:
    """Seals the next rows of a column that an older key sealed. A row that changes meanwhile is current by itself."""
    key = ", ".join(column.key)
    marks = ", ".join(f"${n}" for n in range(3, 3 + len(column.key)))
    beyond = f"AND ({key}) > ({marks}) " if after else ""
    rows = await tx.all(
        f"SELECT {key}, {column.column} AS sealed FROM {column.table} WHERE {column.client} = $1 "
        f"AND substr({column.column}, 1, 5) <> $2 {beyond}ORDER BY {key} LIMIT {BATCH}",
        client_of(tx), cipher_of(tx).head, *(after or ()),
    )  # fmt: skip
    where = " AND ".join(f"{name} = ${n}" for n, name in enumerate(column.key, 4))
    await tx.raw.executemany(
        f"UPDATE {column.table} SET {column.column} = $2 WHERE {column.client} = $1 AND {column.column} = $3 AND {where}",
        [(client_of(tx), *_again(tx, column, row)) for row in rows],
    )
    last = [rows[-1][name] for name in column.key] if len(rows) == BATCH else None
    return Batch(len(rows), last)


def _again(tx: TenantTx, column: SealedColumn, row: Row) -> tuple[Any, ...]:
    key = [row[name] for name in column.key]
    return column.again(cipher_of(tx), row["sealed"], *key), row["sealed"], *key


async def rows_left(tx: TenantTx) -> int:
    """How many values of the client an older key sealed."""
    counts = [
        await tx.value(
            f"SELECT count(*) FROM {one.table} WHERE {one.client} = $1 "  # nosemgrep: sql-made-of-values
            f"AND substr({one.column}, 1, 5) <> $2",
            client_of(tx), cipher_of(tx).head,
        )
        for one in SEALED
    ]  # fmt: skip
    return sum(counts)

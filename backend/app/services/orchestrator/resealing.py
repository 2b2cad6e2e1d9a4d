"""Rotation: what an older key sealed is sealed anew, behind everything else, and goes on where it stopped."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import NAMESPACE_OID, UUID, uuid5

import structlog

from app.core.multi_tenant import Database, cipher_of
from app.models.audit import AuditEntry
from app.models.job import Job
from app.models.sealed import SEALED, SealedColumn
from app.models.sealing_anew import seal_anew
from app.services.keyring import LEAD_SECONDS, Keyring
from app.services.queue.jobs import INDEXING, JobBase, Work, enqueue

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SealAnew(JobBase):
    """A client has a new key; what older ones sealed is to be sealed with it."""

    kind: ClassVar[str] = "seal_anew"
    queue: ClassVar[str] = INDEXING

    @property
    def lane_id(self) -> UUID:
        """One a client: two rotations come one after the other."""
        return uuid5(NAMESPACE_OID, "seal anew")


async def rotate(
    db: Database, keyring: Keyring, client_id: UUID, *, actor: str, lead: float = LEAD_SECONDS
) -> int:
    """Gives a client a new key, which seals after ``lead`` seconds, and enqueues the rest; tells its version.

    Raises:
        Erased: The client's key was destroyed.
    """
    version = await keyring.rotate(client_id, lead=lead)
    async with db.tenant(client_id) as tx:
        await enqueue(tx, SealAnew(), delay=lead)
        await AuditEntry.add(tx, actor, "key.rotated", str(version))
    return version


class Resealer:
    """Seals a client's rows anew. A batch is a transaction: who is killed has lost one, and finds the others done."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring

    async def run(self, _: SealAnew, work: Work) -> None:
        """Seals all there is."""
        newest = (await self._keyring.versions(work.client_id))[-1].version
        if (await self._keyring.of(work.client_id)).version < newest:
            async with self._db.tenant(
                work.client_id
            ) as tx:  # Its time hasn't come, or isn't known here.
                return await Job.postpone(tx, work.lease, delay=5.0)
        count = sum([await self._column(column, work) for column in SEALED])
        async with self._db.tenant(work.client_id) as tx:
            await Job.settle(tx, work.lease)
        log.info("rows_sealed_anew", version=newest, rows=count)
        return None

    async def _column(self, column: SealedColumn, work: Work) -> int:
        count, after = 0, None
        while True:
            work.assert_mine()
            async with self._db.tenant(work.client_id) as tx:
                batch = await seal_anew(tx, column, after)
                version = cipher_of(tx).version
            count, after = count + batch.found, batch.last
            if after is None:
                log.info(
                    "column_sealed_anew", column=f"{column.table}.{column.column}", version=version
                )
                return count

"""Sealing audit logs in the background, and finding out whether one was touched.

A batch is closed when no entry of its time can come any more; nobody waits for that. Each head is kept in three
places: in the database, signed; in a file of whoever seals, which only grows; and in the log stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import structlog

from app.core.audit_chain import START, Digest, HeadSigner, head_of
from app.core.multi_tenant import Database, TenantTx, client_of
from app.models.audit_seal import BEGINNING, AuditSeal

log = structlog.get_logger(__name__)

SLACK_SECONDS = 10.0
LATE = timedelta(hours=1)
"""Entries older than this are in a seal, unless nobody seals any more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a client's audit log.

    Attributes:
        entries: How many entries there are.
        sealed: How many of them are in seals.
        seals: How many seals there are.
        head: The newest head, in hex; worth keeping elsewhere.
        faults: What doesn't fit, in words; empty when all is as it was written.
    """

    client_id: UUID
    entries: int
    sealed: int
    seals: int
    head: str | None
    faults: tuple[str, ...]


class Heads:
    """The file of heads: a line for each, added and never changed. It is small: back it up where nobody writes."""

    def __init__(self, path: Path, signer: HeadSigner) -> None:
        self._path = path
        self._signer = signer

    def keep(self, seal: AuditSeal) -> None:
        """Adds a head."""
        line = {
            "client": str(seal.client_id), "number": seal.number, "head": seal.head.hex(),
            "signature": seal.signature.hex(), "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")

    def known(self) -> dict[UUID, dict[int, bytes]]:
        """The heads that we signed, by client and number. A line that nobody signed counts for nothing."""
        found: dict[UUID, dict[int, bytes]] = {}
        if not self._path.exists():
            return found
        for line in self._path.read_bytes().splitlines():
            told: dict[str, Any] = orjson.loads(line)
            head, signature = bytes.fromhex(told["head"]), bytes.fromhex(told["signature"])
            if self._signer.is_signed(head, signature):
                found.setdefault(UUID(told["client"]), {})[int(told["number"])] = head
        return found


class Auditor:
    """Seals, and verifies."""

    def __init__(
        self,
        db: Database,
        signer: HeadSigner,
        heads: Heads,
        *,
        slack_seconds: float = SLACK_SECONDS,
    ) -> None:
        self._db = db
        self._signer = signer
        self._heads = heads
        self._slack = slack_seconds

    async def seal_all(self) -> int:
        """Closes a batch of every log that has grown; gives how many were closed."""
        async with self._db.directory() as directory:
            audited = await AuditSeal.audited(directory)
        return sum([await self.seal(client) for client, unsealed in audited.items() if unsealed])

    async def seal(self, client_id: UUID) -> bool:
        """Closes a batch of one client's log, if there is something to close."""
        async with self._db.tenant(client_id) as tx:
            seal = await self._next(tx)
            if seal is None or not await AuditSeal.add(tx, seal):
                return False
        self._heads.keep(seal)
        log.info("audit_sealed", client_id=client_id, number=seal.number, head=seal.head.hex())
        return True

    async def _next(self, tx: TenantTx) -> AuditSeal | None:
        last = await AuditSeal.last(tx)
        begin, number = (last.upto, last.number + 1) if last else (BEGINNING, 1)
        upto = await AuditSeal.watermark(tx, self._slack)
        digest = Digest()
        async for entry in AuditSeal.entries_between(tx, begin, upto):
            digest.add(entry.fields)
        if not digest.entries:
            return None
        client_id, value = client_of(tx), digest.value()
        before = last.head if last else START
        head = head_of(before, client_id, number, upto, digest.entries, value)
        return AuditSeal(
            client_id=client_id, number=number, upto=upto, entries=digest.entries, digest=value,
            head=head, signature=self._signer.sign(head),
        )  # fmt: skip

    async def verify_all(self) -> list[Verdict]:
        """Verifies the log of everybody who ever had one."""
        async with self._db.directory() as directory:
            audited = await AuditSeal.audited(directory)
        clients = sorted({*audited, *self._heads.known()})
        return [await self.verify(client_id) for client_id in clients]

    async def verify(self, client_id: UUID) -> Verdict:
        """Verifies one client's log: every entry against its seal, every seal against the next and against the file."""
        async with self._db.tenant(client_id) as tx:
            seals = await AuditSeal.all(tx)
            counts, faults = await self._entries(tx, seals)
        faults += self._chain(client_id, seals)
        faults += _missing(seals, self._heads.known().get(client_id, {}))
        return Verdict(
            client_id=client_id,
            entries=sum(counts),
            sealed=sum(counts[:-1]),
            seals=len(seals),
            head=seals[-1].head.hex() if seals else None,
            faults=tuple(faults),
        )

    async def _entries(self, tx: TenantTx, seals: list[AuditSeal]) -> tuple[list[int], list[str]]:
        """How many entries each batch has, the open one last; and which batches aren't what they were."""
        digests = [Digest() for _ in (*seals, None)]
        at, late = 0, False
        async for entry in AuditSeal.entries_between(tx, BEGINNING, None):
            while at < len(seals) and entry.created_at >= seals[at].upto:
                at += 1
            digests[at].add(entry.fields)
            late |= at == len(seals) and datetime.now(UTC) - entry.created_at > LATE
        faults = [
            f"Batch {seal.number} is not what was sealed: {digest.entries} entries of {seal.entries}, or others."
            for seal, digest in zip(seals, digests, strict=False)
            if (digest.entries, digest.value()) != (seal.entries, seal.digest)
        ]  # fmt: skip
        if late:
            faults.append(
                "Entries older than an hour are in no seal: nobody seals, or seals were removed."
            )
        return [digest.entries for digest in digests], faults

    def _chain(self, client_id: UUID, seals: list[AuditSeal]) -> list[str]:
        faults, before, upto = [], START, BEGINNING
        for number, seal in enumerate(seals, 1):
            head = head_of(before, client_id, seal.number, seal.upto, seal.entries, seal.digest)
            if seal.number != number or seal.upto <= upto or seal.head != head:
                faults.append(f"Seal {seal.number} doesn't follow from the one before.")
            if not self._signer.is_signed(seal.head, seal.signature):
                faults.append(f"Seal {seal.number} isn't signed by us.")
            before, upto = seal.head, seal.upto
        return faults


def _missing(seals: list[AuditSeal], known: Mapping[int, bytes]) -> list[str]:
    """Heads of the file that the database doesn't have: its end was cut off, or its seals were replaced."""
    present = {seal.number: seal.head for seal in seals}
    return [
        f"Seal {number} is in the file of heads, and not like that in the database."
        for number, head in sorted(known.items())
        if present.get(number) != head
    ]

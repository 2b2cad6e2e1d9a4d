"""How clients stand with whoever runs the installation: whether they are served, and what they may still use.

Looked up once a second for each client and process, so a change counts everywhere within a second.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app.core.errors import QuotaExceeded, Suspended
from app.core.multi_tenant import Database, TenantTx
from app.core.permits import Permit
from app.models.audit import AuditEntry
from app.models.client import Client, Quota, permit_of
from app.models.notice import Notice
from app.models.usage import UsageRecord, Used
from app.services.orchestrator.jobs import TellQuota
from app.services.queue.jobs import enqueue
from app.utils.remembered import Remembered

USE_SECONDS = 5.0
"""A month's use is counted anew this often: a client may go over its quota by what it uses meanwhile."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a client is served, its quota, and where its text may go."""

    is_active: bool
    quota: Quota
    permit: Permit


class Standings:
    """Tells how clients stand."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._standings: Remembered[UUID, Standing] = Remembered(seconds=1.0)
        self._used: Remembered[UUID, Used] = Remembered(seconds=USE_SECONDS)

    async def of(self, client_id: UUID) -> Standing:
        """How a client stands, as of a second ago at most.

        Raises:
            NotFound: There is no such client.
        """
        return await self._standings.get(client_id, lambda: self._read(client_id))

    async def require_served(self, client_id: UUID) -> None:
        """Lets nobody do for a client what only a served one may do.

        Raises:
            Suspended: It isn't served.
        """
        if not (await self.of(client_id)).is_active:
            raise Suspended

    async def permit(self, client_id: UUID) -> Permit:
        """Where a client's text may go."""
        return (await self.of(client_id)).permit

    async def used_up(self, client_id: UUID) -> str | None:
        """Which quota of this month is used up: ``messages`` or ``tokens``; None when there is some left."""
        quota = (await self.of(client_id)).quota
        if quota.messages is None and quota.tokens is None:
            return None
        used = await self._used.get(client_id, lambda: self._count(client_id))
        return exhausted(quota, used)

    async def _read(self, client_id: UUID) -> Standing:
        client = await Client.read(self._db, client_id)
        return Standing(client.is_active, client.allowed, permit_of(client.assistant))

    async def _count(self, client_id: UUID) -> Used:
        async with self._db.tenant(client_id) as tx:
            return await UsageRecord.this_month(tx)


def exhausted(quota: Quota, used: Used) -> str | None:
    """Which monthly quota is used up, if one is."""
    left = {"messages": (quota.messages, used.messages), "tokens": (quota.tokens, used.tokens)}
    return next(
        (name for name, (most, had) in left.items() if most is not None and had >= most), None
    )


async def tell_once(tx: TenantTx, which: str) -> None:
    """Sees to it that owners and whoever runs the installation hear of a used-up quota, once a month."""
    month = f"{datetime.now(UTC):%Y-%m}"
    if await Notice.first(tx, f"quota_{which}", month):
        await AuditEntry.add(tx, "system", "quota.used_up", which, {"month": month})
        await enqueue(tx, TellQuota())


async def require_room(tx: TenantTx, more: int) -> None:
    """Lets no more knowledge in than the client may keep.

    Raises:
        QuotaExceeded: It would be too much.
    """
    most = (await Client.mine(tx)).allowed.knowledge_bytes
    if most is not None and (await UsageRecord.this_month(tx)).knowledge_bytes + more > most:
        raise QuotaExceeded(
            f"Your documents may have {most:,} bytes together. Remove some, or ask for more room.",
            pointer="/file",
        )

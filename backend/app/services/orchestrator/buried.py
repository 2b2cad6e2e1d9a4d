"""Records of the intake log that couldn't be taken in: kept for people as parked jobs, and taken in when replayed.

What such a record tells is kept, sealed, among the events that weren't processed, so it is forgotten and erased as
they are. What is replayed twice is a duplicate that nobody sees, as with anything that is read from the log twice.
"""

from datetime import datetime
from uuid import UUID

import orjson

from app.core.errors import NotFound, WafaaError
from app.core.multi_tenant import Database
from app.models.inbound_event import InboundEvent
from app.models.job import Job
from app.services.orchestrator.jobs import TakeRecord
from app.services.queue.consumer import TRIES, Take
from app.services.queue.jobs import Work
from app.services.queue.producer import Inbound

NOBODYS = UUID(int=0)
"""The account of a record that came by another client's door, or doesn't say by which."""


class Buried:
    """Keeps such records, and takes them in again."""

    def __init__(self, db: Database, take: Take) -> None:
        self._db = db
        self._take = take

    async def keep(self, item: Inbound, error: Exception) -> None:
        """Keeps a record as a parked job of its client; again is no more than once.

        Raises:
            Unavailable: The database is away: the log's reader comes again with it.
        """
        job = TakeRecord(_account_of(item), item.id)
        raw = {"body": item.body.decode("latin-1"), "traceparent": item.traceparent, "at": item.at}
        async with self._db.tenant(item.client_id) as tx:
            if not await InboundEvent.keep(tx, job.account_id, _key(job), "buried", raw):
                return
            await Job.bury(
                tx, lane_id=job.lane_id, queue=job.queue, kind=job.kind, payload=dict(job.payload),
                error=_told(error), attempts=TRIES,
            )  # fmt: skip

    async def take(self, job: TakeRecord, work: Work) -> None:
        """Takes a record in, as the log's reader would have.

        Raises:
            NotFound: It was forgotten or erased meanwhile.
        """
        async with self._db.tenant(work.client_id) as tx:
            raw = await InboundEvent.raw_of(tx, job.account_id, _key(job))
        if raw is None:
            raise NotFound
        item = Inbound(
            client_id=work.client_id,
            order="",
            body=raw["body"].encode("latin-1"),
            traceparent=raw["traceparent"],
            at=datetime.fromisoformat(raw["at"]),
            id=job.record_id,
        )
        await self._take([item])
        async with self._db.tenant(work.client_id) as tx:
            await InboundEvent.drop(tx, job.account_id, _key(job))
            await Job.settle(tx, work.lease)


def _key(job: TakeRecord) -> str:
    return f"buried:{job.record_id}"


def _account_of(item: Inbound) -> UUID:
    """The account by whose door it came, where that is its client's own."""
    try:
        signer = orjson.loads(item.body)["signer"]
        mine = signer["client_id"] == str(item.client_id)
        return UUID(signer["account_id"]) if mine else NOBODYS
    except (ValueError, KeyError, TypeError):  # It may be what is wrong with it.
        return NOBODYS


def _told(error: Exception) -> str:
    if isinstance(error, WafaaError):
        return f"{error.code}: {error.message}"
    return f"internal_error: {type(error).__name__}"

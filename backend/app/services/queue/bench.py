"""Who sits where: the places of one queue in a worker."""

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from app.models.lane import Lease, Wanted


class Bench:
    """The places of one queue: who sits on them, and whose turn it is next.

    A queue's jobs never take another's places, so that learning and campaigns can't hold up an answer. Nor can one
    client take all of them: a quarter is left for whoever comes next.
    """

    def __init__(self, queue: str, places: int) -> None:
        self.queue = queue
        self._places = places
        self._cap = min(places, max(2, places * 3 // 4))
        self._running: Counter[str] = Counter()
        self._after: UUID | None = None
        self._credit = 0
        self._more = True

    @property
    def is_hungry(self) -> bool:
        """Whether there is a place, and may be somebody for it."""
        return self._more and self._running.total() < self._places

    def wanted(self, without: Collection[UUID] = ()) -> Wanted | None:
        """What may be claimed now; None while every place is taken.

        Args:
            without: Clients whose jobs wait for now.
        """
        free = self._places - self._running.total()
        if free <= 0:
            return None
        running = {**self._running, **{str(client): self._cap for client in without}}
        return Wanted(self.queue, free, self._cap, running, self._after, self._credit)

    def sit(self, lease: Lease) -> None:
        """A job takes a place; its client has had this much of its turn."""
        self._running[str(lease.client_id)] += 1
        self._after, self._credit = lease.client_id, lease.credit

    def served(self, asked: int, leases: Sequence[Lease]) -> None:
        """So many were asked for, and these came. Where all came, or several of a client's, there may be more."""
        self._more = len(leases) >= asked or len({one.client_id for one in leases}) < len(leases)

    def stand(self, lease: Lease) -> bool:
        """A job leaves its place; tells whether somebody may have waited for it."""
        client = str(lease.client_id)
        awaited = self._more or self._running[client] >= self._cap
        self._running[client] -= 1
        self._running = +self._running
        return awaited

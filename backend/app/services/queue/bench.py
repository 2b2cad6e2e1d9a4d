"""Who sits where: the places of one queue in a worker."""

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from app.core.hands import Hands
from app.models.lane import Lease, Wanted


class Bench:
    """The places of one queue: who sits on them, and whose turn it is next.

    A queue's jobs never take another's places, so that learning and campaigns can't hold up an answer. Nor can one
    client take all of them: a quarter is left for whoever comes next. Where hands are counted, a job begins when one
    is free.
    """

    def __init__(self, queue: str, places: int, hands: Hands | None = None) -> None:
        self.queue = queue
        self.hands = hands
        self._places = places
        self._cap = min(places, max(2, places * 3 // 4))
        self._running: Counter[UUID] = Counter()
        self._after: UUID | None = None
        self._credit = 0
        self._more = True
        self._capped = False

    @property
    def is_hungry(self) -> bool:
        """Whether there is room, and may be somebody for it."""
        return self._more and self._room() > 0

    @property
    def is_awaited(self) -> bool:
        """Whether somebody may wait for the next place or hand."""
        return self._more or self._capped

    def wanted(self, without: Collection[UUID] = ()) -> Wanted | None:
        """What may be claimed now; None while there is no room.

        Args:
            without: Clients whose jobs wait for now.
        """
        room = self._room()
        if room <= 0:
            self._more = True
            return None
        cap = self._limit()
        self._capped = self._is_capped()
        running = {client: self._counts(client, cap) for client in self._running}
        running |= dict.fromkeys(without, cap)
        told = {str(client): count for client, count in running.items()}
        return Wanted(self.queue, room, cap, told, self._after, self._credit)

    def _room(self) -> int:
        free = self._places - self._running.total()
        return min(free, self.hands.free) if self.hands else free

    def _limit(self) -> int:
        return min(self._cap, self.hands.cap) if self.hands else self._cap

    def _is_capped(self) -> bool:
        cap = self._limit()
        return any(self._counts(client, cap) >= cap for client in self._running)

    def _counts(self, client: UUID, cap: int) -> int:
        """How many of a client's count under a cap: its hands, and places as far as those bind it sooner."""
        seated = self._running[client] - (self._cap - cap)
        return max(seated, self.hands.held(client)) if self.hands else seated

    def sit(self, lease: Lease) -> None:
        """A job takes a place; its client has had this much of its turn."""
        self._running[lease.client_id] += 1
        self._after, self._credit = lease.client_id, lease.credit

    def served(self, wanted: Wanted, leases: Sequence[Lease]) -> None:
        """Of what was wanted these came. More may be where all came, several of a client's, or its whole share."""
        came = Counter(str(lease.client_id) for lease in leases)
        share = max((wanted.running.get(who, 0) + count for who, count in came.items()), default=0)
        self._capped = self._is_capped()
        self._more = (
            len(leases) >= wanted.places
            or len(came) < len(leases)
            or (share >= wanted.cap and not self._capped)  # One of its hands came free meanwhile.
        )

    def stand(self, lease: Lease) -> bool:
        """A job leaves its place; tells whether somebody may have waited for it."""
        awaited = self.is_awaited or self._running[lease.client_id] >= self._cap
        self._running[lease.client_id] -= 1
        self._running = +self._running
        return awaited

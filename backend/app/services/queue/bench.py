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
        self._left = self._filled = True
        self._asks = self._freed = False
        self._bound: set[UUID] = set()

    @property
    def is_hungry(self) -> bool:
        """Whether somebody was left behind for want of room, and there is some."""
        return self._left and (self._filled or self._freed) and self._room() >= self._several()

    def has_news(self, clients: Collection[UUID] = ()) -> bool:
        """Whether to ask when something is due: not while it is known that somebody waits, and room is short.

        Args:
            clients: Whose it is. Where all of them have their share, they wait until they fall below it.
        """
        if clients and not self._asks and all(map(self._has_share, clients)):
            self._left = True
            self._bound |= set(clients)
            return False
        return not self._left or self._room() >= self._several()

    def may_ask(self, client: UUID) -> bool:
        """Whether to ask when a client's job has left a hand or its place: for several at once, while others work.

        Where nobody waits for want of room, whoever waits has its share: it has to be one of those.
        """
        self._freed |= self._is_below(client) and (self._asks or client in self._bound)
        return self.is_hungry and not self._asks

    def wanted(self, without: Collection[UUID] = ()) -> Wanted | None:
        """What may be claimed now; None while there is no room.

        Args:
            without: Clients whose jobs wait for now.
        """
        room = self._room()
        if room <= 0:
            self._left = self._filled = True
            return None
        self._asks, self._freed, cap = True, False, self._limit()
        running = {client: self._counts(client, cap) for client in self._running}
        running |= dict.fromkeys(self.hands.resting if self.hands else (), cap)
        self._bound = {client for client, count in running.items() if count >= cap}
        running |= dict.fromkeys(without, cap)
        told = {str(client): count for client, count in running.items()}
        return Wanted(self.queue, room, cap, told, self._after, self._credit)

    def _several(self) -> int:
        return self.hands.several if self.hands else 1

    def _is_below(self, client: UUID) -> bool:
        """Whether so many of a client's could begin that it is worth while to ask."""
        if self.hands is None:
            return self._running[client] < self._cap
        cap = self.hands.cap_of(client)
        least = min(self._several(), max(1, cap // 2))
        return self.hands.held(client) <= cap - least and client not in self.hands.resting

    def _has_share(self, client: UUID) -> bool:
        cap = self._limit()
        return self._counts(client, cap) >= cap or (
            self.hands is not None and self.hands.has_share(client)
        )

    def _room(self) -> int:
        free = self._places - self._running.total()
        return min(free, self.hands.free) if self.hands else free

    def _limit(self) -> int:
        return min(self._cap, self.hands.cap) if self.hands else self._cap

    def _counts(self, client: UUID, cap: int) -> int:
        """How many of a client's count under a cap: its hands, and places as far as those bind it sooner.

        Who may have fewer hands than others counts as if it had the rest.
        """
        seated = self._running[client] - (self._cap - cap)
        if self.hands is None:
            return seated
        return max(seated, self.hands.held(client) + max(0, cap - self.hands.cap_of(client)))

    def sit(self, lease: Lease) -> None:
        """A job takes a place; its client has had this much of its turn."""
        self._running[lease.client_id] += 1
        self._after, self._credit = lease.client_id, lease.credit

    def served(self, wanted: Wanted, leases: Sequence[Lease], *, left: bool) -> None:
        """Of what was wanted these came; others were left behind or not, for want of places or above their shares."""
        self._left, self._filled, self._asks = left, len(leases) >= wanted.places, False
        took = Counter(lease.client_id for lease in leases)
        self._bound |= {c for c in took if took[c] + wanted.running.get(str(c), 0) >= wanted.cap}

    def stand(self, lease: Lease) -> None:
        """A job leaves its place."""
        self._running[lease.client_id] -= 1
        self._running = +self._running

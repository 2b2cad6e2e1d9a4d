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
        if clients and not self._asks and not any(map(self._room_of, clients)):
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
        resting = self.hands.resting if self.hands else ()
        rooms = {client: self._room_of(client) for client in {*self._running, *resting}}
        self._bound = {client for client in rooms if not rooms[client]}
        rooms |= dict.fromkeys(without, 0)
        told = {str(client): cap - rooms[client] for client in rooms}
        return Wanted(self.queue, room, cap, told, self._after, self._credit)

    def _several(self) -> int:
        return self.hands.several if self.hands else 1

    def _room_of(self, client: UUID) -> int:
        """How many more of a client's may begin: for as many there is a place and a hand."""
        places = max(0, self._cap - self._running[client])
        return min(places, self.hands.room_of(client)) if self.hands else places

    def _is_below(self, client: UUID) -> bool:
        """Whether so many of a client's could begin that it is worth while to ask."""
        worth = self.hands is None or self.hands.is_worth_asking_for(client)
        return worth and self._room_of(client) > 0

    def _room(self) -> int:
        free = self._places - self._running.total()
        return min(free, self.hands.free) if self.hands else free

    def _limit(self) -> int:
        return min(self._cap, self.hands.cap) if self.hands else self._cap

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

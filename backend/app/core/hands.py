"""Who computes: the turns of a worker share its processors, and whoever waits for another machine lets go of them.

Sixteen turns that compute at once on two processors take eight times as long each, and the system's scheduler knows
nothing of clients. So few of them compute, in an order that is decided here, and many may wait.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

LONGEST_SECONDS = 1.0
"""Who has had a hand for so long doesn't compute, but waits for something unforeseen: the hand goes to others."""

ABOUT_SECONDS = 1.0
"""For how long a client is said to be about after it began a turn."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    client: UUID
    ticket: "asyncio.Future[None]" = field(default_factory=asyncio.Future)


class Hands:
    """So many turns compute at once; of one client's half as many, and a quarter while others are about.

    Who begins more than twice as many turns as those that are about do on average has half of an even share, but one
    hand; where more are about than there are hands it then rests after it has computed, for as long.
    Turns that come back from waiting go before new ones; among them, those of whoever has fewest hands.
    """

    def __init__(self, most: int, *, now: Callable[[], float] = time.monotonic) -> None:
        """Leaves every hand free."""
        self._most = most
        self._now = now
        self._held: Counter[UUID] = Counter()
        self._waiting: list[_Waiting] = []
        self._begun: deque[tuple[float, UUID]] = deque()
        self._lately: Counter[UUID] = Counter()
        self._rests: dict[UUID, float] = {}

    @property
    def cap(self) -> int:
        """How many one client may have that begins no more than others."""
        return max(1, self._most // (2 * min(2, max(1, self._about()))))

    def cap_of(self, client: UUID) -> int:
        """How many a client may have."""
        return max(1, self._most // (2 * self._about())) if self._is_greedy(client) else self.cap

    @property
    def resting(self) -> Collection[UUID]:
        """Clients that begin nothing new for now."""
        now = self._now()
        self._rests = {client: until for client, until in self._rests.items() if until > now}
        return self._rests.keys()

    @property
    def several(self) -> int:
        """How many to have free before the next are asked for: half, while the others keep the processors busy."""
        return max(1, self._most // 2) if self._held else 1

    @property
    def free(self) -> int:
        """How many may begin."""
        return max(0, self._most - self._held.total() - len(self._waiting))

    def held(self, client: UUID) -> int:
        """How many of a client's have one, or wait to have one again."""
        return self._held[client] + sum(one.client == client for one in self._waiting)

    def room_of(self, client: UUID) -> int:
        """How many more of a client's may begin; none while it rests."""
        return 0 if client in self.resting else max(0, self.cap_of(client) - self.held(client))

    def is_worth_asking_for(self, client: UUID) -> bool:
        """Whether so many of a client's could begin: half of what it may have, and no more than ``several``."""
        return self.room_of(client) >= min(self.several, max(1, self.cap_of(client) // 2))

    def take(self, client: UUID) -> None:
        """A turn begins. What is claimed is begun, even where others came back meanwhile."""
        self._begun.append((self._now(), client))
        self._lately[client] += 1
        self._held[client] += 1

    def leave(self, client: UUID, seconds: float = 0.0) -> float:
        """A turn computes no longer; whoever comes back may be next.

        Args:
            client: Whose turn.
            seconds: How long it has computed.

        Returns:
            Seconds until the client may begin something new.
        """
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        self._pass_on()
        if self._about() <= self._most or not self._is_greedy(client):
            return 0.0
        now = self._now()
        self._rests[client] = max(now, self._rests.get(client, now)) + seconds
        return self._rests[client] - now

    async def take_again(self, client: UUID) -> None:
        """A turn goes on when it is its turn."""
        self._waiting.append(one := _Waiting(client))
        self._pass_on()
        try:
            await one.ticket
        except asyncio.CancelledError:
            if one in self._waiting:
                self._waiting.remove(one)
            else:  # The hand had come just before the turn was given up.
                self.leave(client)
            raise

    def _about(self) -> int:
        """How many clients are about."""
        since = self._now() - ABOUT_SECONDS
        while self._begun and self._begun[0][0] <= since:
            _, client = self._begun.popleft()
            self._lately[client] -= 1
            if not self._lately[client]:
                del self._lately[client]
        return len(self._lately)

    def _is_greedy(self, client: UUID) -> bool:
        about = self._about()  # First: it forgets what is past.
        return self._lately[client] * about > 2 * len(self._begun)

    def _pass_on(self) -> None:
        while self._held.total() < self._most:
            able = [one for one in self._waiting if self._may(one)]
            if not able:
                return
            one = min(able, key=lambda one: self._held[one.client])
            self._waiting.remove(one)
            self._held[one.client] += 1
            one.ticket.set_result(None)

    def _may(self, one: _Waiting) -> bool:
        return not one.ticket.done() and self._held[one.client] < self.cap_of(one.client)


class Hand:
    """What one turn computes with; ``freed`` is told whenever it lets go, and when its client has rested for that."""

    def __init__(self, hands: Hands, client: UUID, freed: Callable[[], None]) -> None:
        """Takes it: see ``Hands.take``."""
        self._hands = hands
        self._client = client
        self._freed = freed
        self._away = 0
        hands.take(client)
        self._hold()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Everything within computes with it."""
        token = _mine.set(self)
        try:
            yield
        finally:
            _mine.reset(token)
            self._let_go()

    def rest(self) -> None:
        """Doesn't compute, until ``go_on``."""
        self._away += 1
        self._let_go()

    async def go_on(self) -> None:
        """Computes again, unless it rests for another reason too."""
        self._away -= 1
        if not self._away:
            await self._hands.take_again(self._client)
            self._hold()

    def _hold(self) -> None:
        self._is_held, self._since = True, time.monotonic()
        self._limit = asyncio.get_running_loop().call_later(LONGEST_SECONDS, self._let_go)

    def _let_go(self) -> None:
        if self._is_held:
            self._is_held = False
            self._limit.cancel()
            rest = self._hands.leave(self._client, time.monotonic() - self._since)
            self._freed()
            if rest:
                asyncio.get_running_loop().call_later(rest, self._freed)


_mine: ContextVar[Hand | None] = ContextVar("hand", default=None)


class resting:  # noqa: N801 # Used as a function, around every call: a class costs least.
    """Around a wait for another machine: others compute meanwhile, and it may take a moment to go on."""

    def __init__(self) -> None:
        self._hand = _mine.get()

    async def __aenter__(self) -> None:
        if self._hand:
            self._hand.rest()

    async def __aexit__(self, *_: object) -> None:
        if self._hand:
            await self._hand.go_on()

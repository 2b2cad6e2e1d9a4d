"""Who computes: the turns of a worker share its processors, and whoever waits for another machine lets go of them.

Sixteen turns that compute at once on two processors take eight times as long each, and the system's scheduler knows
nothing of clients. So few of them compute, in an order that is decided here, and many may wait.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

LONGEST_SECONDS = 1.0
"""Who has had a hand for so long doesn't compute, but waits for something unforeseen: the hand goes to others."""

SHARED_SECONDS = 5.0
"""For how long a client is said to be about after its turn."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    client: UUID
    ticket: "asyncio.Future[None]" = field(default_factory=asyncio.Future)


class Hands:
    """So many turns compute at once; of one client's half as many, and a quarter while others are about.

    Turns that come back from waiting go before new ones; among them, those of whoever has fewest hands.
    """

    def __init__(self, most: int, *, now: Callable[[], float] = time.monotonic) -> None:
        """Leaves every hand free."""
        self._most = most
        self._now = now
        self._held: Counter[UUID] = Counter()
        self._waiting: list[_Waiting] = []
        self._latest: UUID | None = None
        self._mixed_at = float("-inf")

    @property
    def cap(self) -> int:
        """How many one client may have."""
        is_shared = self._now() - self._mixed_at < SHARED_SECONDS
        return max(1, self._most // (4 if is_shared else 2))

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

    def take(self, client: UUID) -> None:
        """A turn begins. What is claimed is begun, even where others came back meanwhile."""
        if self._latest not in (None, client):
            self._mixed_at = self._now()
        self._latest = client
        self._held[client] += 1

    def leave(self, client: UUID) -> None:
        """A turn computes no longer; whoever comes back may be next."""
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        self._pass_on()

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
        return not one.ticket.done() and self._held[one.client] < self.cap


class Hand:
    """What one turn computes with; ``freed`` is told whenever it lets go."""

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
        self._is_held = True
        self._limit = asyncio.get_running_loop().call_later(LONGEST_SECONDS, self._let_go)

    def _let_go(self) -> None:
        if self._is_held:
            self._is_held = False
            self._limit.cancel()
            self._hands.leave(self._client)
            self._freed()


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

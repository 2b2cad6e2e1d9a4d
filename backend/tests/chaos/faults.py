"""Which faults there are, how many, and in which order: a deck of cards, shuffled by a seed."""

import random
from dataclasses import dataclass
from enum import StrEnum

from simulators.meta import Behaviour


class Fault(StrEnum):
    """What happens to a part."""

    KILL_WORKER = "kill_worker"
    KILL_API = "kill_api"
    PAUSE_WORKER = "pause_worker"
    CRASH_DATABASE = "crash_database"
    KILL_CACHE = "kill_cache"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run.

    Attributes:
        seconds: How long faults are dealt.
        patience: How long everything may take to come to rest afterwards.
        contacts: How many people write at once.
        lost_send: How long a lost send waits for its status while an API is up.
        deck: How often each fault is dealt.
    """

    seconds: float
    patience: float
    contacts: int
    lost_send: float
    deck: dict[Fault, int]

    def shuffled(self, seed: int) -> list[Fault]:
        """The deck in the order of a seed; the API dies in the first and third quarter, evenly.

        While it is away nothing is concluded from a status that doesn't come. It has to stay for a while now and then,
        or whoever waits for a lost reply waits for the end of the run.
        """
        cards = [fault for fault, count in sorted(self.deck.items()) for _ in range(count)]
        others = [card for card in cards if card is not Fault.KILL_API]
        random.Random(seed).shuffle(others)  # noqa: S311 - chance, not secrecy.
        kills = len(cards) - len(others)
        for n in range(kills):
            place = len(cards) * n / (2 * kills)
            others.insert(round(place + (len(cards) / 4 if 2 * n >= kills else 0)), Fault.KILL_API)
        return others


FULL = Plan(
    seconds=380.0,
    patience=240.0,
    contacts=60,
    lost_send=15.0,
    deck={
        Fault.KILL_WORKER: 75,
        Fault.KILL_API: 25,
        Fault.PAUSE_WORKER: 55,
        Fault.CRASH_DATABASE: 6,
        Fault.KILL_CACHE: 6,
    },
)
QUICK = Plan(
    seconds=20.0,
    patience=90.0,
    contacts=12,
    lost_send=8.0,
    deck={
        Fault.KILL_WORKER: 4,
        Fault.KILL_API: 2,
        Fault.PAUSE_WORKER: 3,
        Fault.CRASH_DATABASE: 1,
        Fault.KILL_CACHE: 1,
    },
)

SENDS = {
    Behaviour.ACCEPT_THEN_DROP: 0.50,
    Behaviour.ACCEPT_THEN_BREAK: 0.15,
    Behaviour.STATUS_FIRST: 0.05,
    Behaviour.DROP: 0.01,
    Behaviour.DOWN: 0.01,
    Behaviour.RATE_LIMITED: 0.03,
    Behaviour.BROKEN: 0.03,
    Behaviour.ACCEPT_THEN_HANG: 0.003,
}
"""The chance of each bad manner of the platform; the rest is accepted. It always tells what became of what it took."""

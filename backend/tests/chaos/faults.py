"""Which faults there are, how many, and in which order: a deck of cards, shuffled by a seed."""

import random
from dataclasses import dataclass
from enum import StrEnum

from simulators.meta import Behaviour


class Fault(StrEnum):
    """What happens to a part."""

    KILL_WORKER = "kill_worker"
    KILL_WORKERS = "kill_workers"
    KILL_API = "kill_api"
    KILL_CONSUMER = "kill_consumer"
    KILL_EMBEDDER = "kill_embedder"
    CRASH_DATABASE = "crash_database"
    KILL_CACHE = "kill_cache"
    KILL_BROKER = "kill_broker"
    PAUSE_WORKER = "pause_worker"
    PAUSE_CONSUMER = "pause_consumer"


DOORS = (Fault.KILL_API, Fault.CRASH_DATABASE, Fault.KILL_BROKER)
"""What no status comes in without. As long as one is away, and as long again, silence says nothing of a lost send:
all of them die in the first part of a run, one after the other, so that whoever waits doesn't wait for its end."""

PAUSES = (Fault.PAUSE_WORKER, Fault.PAUSE_CONSUMER)


@dataclass(frozen=True, slots=True)
class Plan:
    """A run.

    Attributes:
        seconds: How long faults are dealt, at least.
        patience: How long everything may take to come to rest afterwards.
        contacts: How many people write at once.
        lost_send: How long a lost send waits for its status while an API is up.
        deck: How often each fault is dealt.
        ambiguous: So many sends are to end without an answer; people write on until then.
        brokers: How many brokers of Kafka stand in front; none where webhooks are written directly.
    """

    seconds: float
    patience: float
    contacts: int
    lost_send: float
    deck: dict[Fault, int]
    ambiguous: int = 0
    brokers: int = 0

    def doors(self, seed: int) -> list[Fault]:
        """Those of the deck that are dealt one after the other, in the order of a seed."""
        return _shuffled(seed, [fault for fault in self._cards() if fault in DOORS])

    def others(self, seed: int) -> list[Fault]:
        """Those that are dealt beside, in the order of a seed."""
        return _shuffled(seed, [fault for fault in self._cards() if fault not in DOORS])

    def _cards(self) -> list[Fault]:
        return [fault for fault, count in sorted(self.deck.items()) for _ in range(count)]


def _shuffled(seed: int, cards: list[Fault]) -> list[Fault]:
    random.Random(seed).shuffle(cards)  # noqa: S311 - chance, not secrecy.
    return cards


FULL = Plan(
    seconds=110.0,
    patience=240.0,
    contacts=24,
    lost_send=8.0,
    deck={
        Fault.KILL_WORKER: 48,
        Fault.KILL_WORKERS: 4,
        Fault.KILL_API: 16,
        Fault.KILL_EMBEDDER: 10,
        Fault.CRASH_DATABASE: 6,
        Fault.KILL_CACHE: 12,
        Fault.PAUSE_WORKER: 50,
    },
    ambiguous=1_000,
)
"""A hundred kills, fifty pauses and a thousand sends of which nobody heard the end."""

LOGGED = Plan(
    seconds=100.0,
    patience=240.0,
    contacts=16,
    lost_send=8.0,
    deck={
        Fault.KILL_WORKER: 10,
        Fault.KILL_API: 5,
        Fault.KILL_CONSUMER: 16,
        Fault.CRASH_DATABASE: 3,
        Fault.KILL_BROKER: 6,
        Fault.PAUSE_WORKER: 5,
        Fault.PAUSE_CONSUMER: 8,
    },
    ambiguous=200,
    brokers=3,
)
"""With the event log in front: of its three brokers the one dies that leads."""

QUICK = Plan(
    seconds=20.0,
    patience=150.0,
    contacts=10,
    lost_send=8.0,
    deck={
        Fault.KILL_WORKER: 1,
        Fault.KILL_API: 1,
        Fault.KILL_CONSUMER: 2,
        Fault.CRASH_DATABASE: 1,
        Fault.KILL_BROKER: 1,
        Fault.PAUSE_CONSUMER: 1,
    },
    ambiguous=10,
    brokers=1,
)
"""The same in half a minute, with one broker."""

PLANS = {"full": FULL, "logged": LOGGED, "quick": QUICK}

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

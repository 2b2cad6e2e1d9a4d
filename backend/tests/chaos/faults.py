"""Which faults there are, how many, and in which order: a deck of cards, shuffled by a seed."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    KILL_CACHE_AND_LOG = "kill_cache_and_log"
    PAUSE_WORKER = "pause_worker"
    PAUSE_CONSUMER = "pause_consumer"
    POISON = "poison"
    CUT_DOOR = "cut_door"
    CUT_API_DATABASE = "cut_api_database"
    CUT_API_CACHE = "cut_api_cache"
    CUT_API_LOG = "cut_api_log"
    CUT_WORKER_DATABASE = "cut_worker_database"
    CUT_WORKER_CACHE = "cut_worker_cache"
    CUT_WORKER_PLATFORM = "cut_worker_platform"
    CUT_CONSUMER_DATABASE = "cut_consumer_database"
    CUT_CONSUMER_LOG = "cut_consumer_log"


DOORS = (Fault.KILL_API, Fault.CRASH_DATABASE, Fault.KILL_BROKER, Fault.KILL_CACHE_AND_LOG)
"""What no status comes in without. As long as one is away, and as long again, silence says nothing of a lost send:
all of them die in the first part of a run, one after the other, so that whoever waits doesn't wait for its end."""

PAUSES = (Fault.PAUSE_WORKER, Fault.PAUSE_CONSUMER)

CUTS = {
    Fault.CUT_DOOR: ("serve", "door"),
    Fault.CUT_API_DATABASE: ("serve", "database"),
    Fault.CUT_API_CACHE: ("serve", "cache"),
    Fault.CUT_API_LOG: ("serve", "log"),
    Fault.CUT_WORKER_DATABASE: ("work", "database"),
    Fault.CUT_WORKER_CACHE: ("work", "cache"),
    Fault.CUT_WORKER_PLATFORM: ("work", "platform"),
    Fault.CUT_CONSUMER_DATABASE: ("consume", "database"),
    Fault.CUT_CONSUMER_LOG: ("consume", "log"),
}
"""Whose connections to what are cut. Where one is dealt, every role has a host of its own."""


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
        sends: The chance of each bad manner of the platform towards a send.
        cut_seconds: How long the network is cut, at least and at most.
        storm: So many webhooks come beside, half of them for the second time, in any order.
    """

    seconds: float
    patience: float
    contacts: int
    lost_send: float
    deck: dict[Fault, int]
    ambiguous: int = 0
    brokers: int = 0
    sends: Mapping[Behaviour, float] = field(default_factory=lambda: SENDS)
    cut_seconds: tuple[float, float] = (10.0, 10.0)
    storm: int = 0

    @property
    def is_apart(self) -> bool:
        """Whether every role has a host of its own."""
        return any(fault in CUTS for fault in self.deck)

    def count(self, faults: Iterable[Fault]) -> int:
        """How often any of these is dealt."""
        return sum(self.deck.get(fault, 0) for fault in faults)

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
        Fault.POISON: 4,
    },
    ambiguous=1_000,
    storm=400,
)
"""A hundred kills, fifty pauses and a thousand sends of which nobody heard the end."""

LOGGED = Plan(
    seconds=100.0,
    patience=240.0,
    contacts=16,
    lost_send=12.0,
    deck={
        Fault.KILL_WORKER: 10,
        Fault.KILL_API: 5,
        Fault.KILL_CONSUMER: 16,
        Fault.CRASH_DATABASE: 3,
        Fault.KILL_BROKER: 6,
        Fault.KILL_CACHE_AND_LOG: 2,
        Fault.PAUSE_WORKER: 5,
        Fault.PAUSE_CONSUMER: 8,
        Fault.POISON: 4,
    },
    ambiguous=200,
    brokers=3,
)
"""With the event log in front: of its three brokers the one dies that leads, or all of them, and the cache as well."""

QUICK = Plan(
    seconds=20.0,
    patience=150.0,
    contacts=10,
    lost_send=15.0,
    deck={
        Fault.KILL_WORKER: 1,
        Fault.KILL_API: 1,
        Fault.KILL_CONSUMER: 2,
        Fault.CRASH_DATABASE: 1,
        Fault.KILL_CACHE_AND_LOG: 1,
        Fault.PAUSE_CONSUMER: 1,
        Fault.POISON: 1,
        Fault.CUT_API_LOG: 1,
        Fault.CUT_CONSUMER_LOG: 1,
        Fault.CUT_CONSUMER_DATABASE: 1,
    },
    ambiguous=10,
    brokers=1,
)
"""The same in half a minute, with one broker, and cuts beside."""

_RARELY = {Behaviour.ACCEPT_THEN_DROP: 0.05, Behaviour.DROP: 0.02, Behaviour.STATUS_FIRST: 0.05}

APART = Plan(
    seconds=24.0,
    patience=120.0,
    contacts=10,
    lost_send=20.0,
    deck={
        Fault.CUT_DOOR: 1,
        Fault.CUT_API_DATABASE: 1,
        Fault.CUT_API_CACHE: 1,
        Fault.CUT_WORKER_DATABASE: 1,
        Fault.CUT_WORKER_CACHE: 1,
        Fault.CUT_WORKER_PLATFORM: 1,
    },
    sends={},
)
"""The network is cut between any two, for ten seconds each; some cuts meet."""

CUT = Plan(
    seconds=330.0,
    patience=300.0,
    contacts=16,
    lost_send=90.0,
    deck={
        Fault.KILL_WORKER: 6,
        Fault.KILL_API: 3,
        Fault.CRASH_DATABASE: 1,
        Fault.KILL_CACHE: 2,
        Fault.CUT_DOOR: 2,
        Fault.CUT_API_DATABASE: 2,
        Fault.CUT_API_CACHE: 2,
        Fault.CUT_WORKER_DATABASE: 2,
        Fault.CUT_WORKER_CACHE: 2,
        Fault.CUT_WORKER_PLATFORM: 2,
    },
    sends=_RARELY,
    cut_seconds=(10.0, 60.0),
)
"""The same for up to a minute each, while parts die."""

LOGGED_CUT = replace(
    CUT,
    deck={
        Fault.KILL_WORKER: 3,
        Fault.KILL_API: 2,
        Fault.KILL_CONSUMER: 4,
        Fault.KILL_CACHE_AND_LOG: 1,
        Fault.CUT_DOOR: 1,
        Fault.CUT_API_DATABASE: 2,
        Fault.CUT_API_LOG: 2,
        Fault.CUT_CONSUMER_DATABASE: 2,
        Fault.CUT_CONSUMER_LOG: 2,
        Fault.CUT_WORKER_DATABASE: 1,
        Fault.CUT_WORKER_PLATFORM: 1,
    },
    brokers=3,
)
"""The same behind a log."""

STORM = Plan(
    seconds=60.0,
    patience=1_200.0,
    contacts=4,
    lost_send=20.0,
    deck={
        Fault.KILL_WORKER: 4,
        Fault.KILL_API: 4,
        Fault.CRASH_DATABASE: 2,
        Fault.KILL_CACHE: 2,
    },
    sends=_RARELY,
    storm=100_000,
)
"""A hundred thousand webhooks, fifty thousand of them for the second time."""

PLANS = {
    "storm": STORM,
    "full": FULL,
    "logged": LOGGED,
    "cut": CUT,
    "logged-cut": LOGGED_CUT,
    "quick": QUICK,
    "apart": APART,
}

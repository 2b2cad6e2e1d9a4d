"""Which faults there are, how many, and in which order: a deck of cards, shuffled by a seed."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulators.meta import Behaviour


class Fault(StrEnum):
    """What happens to a part. The name of a cut says between which role and what."""

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
    CUT_SERVE_DOOR = "cut_serve_door"
    CUT_SERVE_DATABASE = "cut_serve_database"
    CUT_SERVE_CACHE = "cut_serve_cache"
    CUT_SERVE_LOG = "cut_serve_log"
    CUT_WORK_DATABASE = "cut_work_database"
    CUT_WORK_CACHE = "cut_work_cache"
    CUT_WORK_PLATFORM = "cut_work_platform"
    CUT_CONSUME_DATABASE = "cut_consume_database"
    CUT_CONSUME_LOG = "cut_consume_log"

    @property
    def between(self) -> tuple[str, str] | None:
        """Whose connections to what are cut. Where one is dealt, every role has a host of its own."""
        what, *ends = self.split("_")
        return (ends[0], ends[1]) if what == "cut" else None


DOORS = (Fault.KILL_API, Fault.CRASH_DATABASE, Fault.KILL_BROKER, Fault.KILL_CACHE_AND_LOG)
"""What no status comes in without. As long as one is away, and as long again, silence says nothing of a lost send:
all of them die in the first part of a run, one after the other, so that whoever waits doesn't wait for its end."""

PAUSES = (Fault.PAUSE_WORKER, Fault.PAUSE_CONSUMER)

OFTEN = {
    Behaviour.ACCEPT_THEN_DROP: 0.55,
    Behaviour.ACCEPT_THEN_BREAK: 0.15,
    Behaviour.STATUS_FIRST: 0.05,
    Behaviour.DROP: 0.005,
    Behaviour.DOWN: 0.005,
    Behaviour.RATE_LIMITED: 0.005,
    Behaviour.BROKEN: 0.01,
    Behaviour.ACCEPT_THEN_HANG: 0.003,
}
"""The chance of each bad manner of the platform; the rest is accepted. It always tells what became of what it took."""

RARELY = {Behaviour.ACCEPT_THEN_DROP: 0.05, Behaviour.DROP: 0.02, Behaviour.STATUS_FIRST: 0.05}
NEVER: Mapping[Behaviour, float] = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """A run.

    Attributes:
        seconds: How long faults are dealt, at least.
        patience: How long everything may take to come to rest afterwards, beside as long as faults were dealt: what
            a door's death left open waits for as long again.
        contacts: How many people write at once.
        lost_send: How long a lost send waits for its status while an API is up.
        ambiguous: So many sends are to end without an answer; people write on until then.
        brokers: How many brokers of Kafka stand in front; none where webhooks are written directly.
        storm: So many webhooks come beside, half of them for the second time, in any order.
        longest_cut: For how long the network is cut, at most; ten seconds at least.
        sends: The chance of each bad manner of the platform towards a send.
        deck: How often each fault is dealt.
    """

    seconds: int
    patience: int
    contacts: int
    lost_send: int
    ambiguous: int
    brokers: int
    storm: int
    longest_cut: int
    sends: Mapping[Behaviour, float]
    deck: Mapping[Fault, int]

    @property
    def is_apart(self) -> bool:
        """Whether every role has a host of its own."""
        return any(fault.between for fault in self.deck)

    @property
    def cuts(self) -> int:
        """How often the network is cut."""
        return self.count(fault for fault in self.deck if fault.between)

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


# Where the network is cut for a minute, a status may be as late, and a lost send has to wait for longer than that.
# fmt: off
_NAMES =                   ("full", "long", "logged", "quick", "apart", "cut", "logged-cut", "storm")
_SIZES: dict[str, tuple[int, ...]] = {
    "seconds":              (  110,    220,      100,      20,      24,   330,          330,      60),
    "patience":             (  240,    300,      240,     150,     120,   300,          300,   1_200),
    "contacts":             (   36,     48,       24,      10,      10,    16,           16,       4),
    "lost_send":            (    8,      8,        8,       8,      20,    90,           90,      20),
    "ambiguous":            (1_000,  2_000,      200,      10,       0,     0,            0,       0),
    "brokers":              (    0,      0,        3,       1,       0,     0,            3,       0),
    "storm":                (1_000,  1_000,        0,       0,       0,     0,            0, 100_000),
    "longest_cut":          (   10,     10,       10,      10,      10,    60,           60,      10),
}
_MANNERS =                 (OFTEN,  OFTEN,    OFTEN,   OFTEN,   NEVER, RARELY,      RARELY,  RARELY)
_DEALT: dict[Fault, tuple[int, ...]] = {
    Fault.KILL_WORKER:      (   48,     96,       10,       1,       0,     6,            3,       4),
    Fault.KILL_WORKERS:     (    4,      8,        0,       0,       0,     0,            0,       0),
    Fault.KILL_API:         (   16,     32,        5,       1,       0,     3,            2,       4),
    Fault.KILL_CONSUMER:    (    0,      0,       16,       2,       0,     0,            4,       0),
    Fault.KILL_EMBEDDER:    (   10,     20,        0,       0,       0,     0,            0,       0),
    Fault.CRASH_DATABASE:   (    6,     12,        3,       1,       0,     1,            0,       2),
    Fault.KILL_CACHE:       (   12,     24,        0,       0,       0,     2,            0,       2),
    Fault.KILL_BROKER:      (    0,      0,        6,       0,       0,     0,            0,       0),
    Fault.KILL_CACHE_AND_LOG: (  0,      0,        2,       1,       0,     0,            1,       0),
    Fault.PAUSE_WORKER:     (   50,    100,        5,       0,       0,     0,            0,       0),
    Fault.PAUSE_CONSUMER:   (    0,      0,        8,       1,       0,     0,            0,       0),
    Fault.POISON:           (    4,      8,        4,       1,       0,     0,            0,       0),
    Fault.CUT_SERVE_DOOR:   (    0,      0,        0,       0,       1,     2,            1,       0),
    Fault.CUT_SERVE_DATABASE: (  0,      0,        0,       0,       1,     2,            2,       0),
    Fault.CUT_SERVE_CACHE:  (    0,      0,        0,       0,       1,     2,            0,       0),
    Fault.CUT_SERVE_LOG:    (    0,      0,        0,       1,       0,     0,            2,       0),
    Fault.CUT_WORK_DATABASE: (   0,      0,        0,       0,       1,     2,            1,       0),
    Fault.CUT_WORK_CACHE:   (    0,      0,        0,       0,       1,     2,            0,       0),
    Fault.CUT_WORK_PLATFORM: (   0,      0,        0,       0,       1,     2,            1,       0),
    Fault.CUT_CONSUME_DATABASE: (0,      0,        0,       1,       0,     0,            2,       0),
    Fault.CUT_CONSUME_LOG:  (    0,      0,        0,       1,       0,     0,            2,       0),
}
# fmt: on


def _plan(n: int) -> Plan:
    size = {name: sizes[n] for name, sizes in _SIZES.items()}
    deck = {fault: dealt[n] for fault, dealt in _DEALT.items() if dealt[n]}
    return Plan(**size, sends=_MANNERS[n], deck=deck)


PLANS = {name: _plan(n) for n, name in enumerate(_NAMES)}

"""How the platform misbehaves: on demand, or by chance with a seed."""

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from simulators._meta_payloads import Payload, merged


class Behaviour(StrEnum):
    """What becomes of one send."""

    ACCEPT = "accept"
    RATE_LIMITED = "rate_limited"
    PAIR_RATE = "pair_rate"
    DOWN = "down"
    BROKEN = "broken"
    DROP = "drop"
    HANG = "hang"
    ACCEPT_THEN_DROP = "accept_then_drop"
    ACCEPT_THEN_HANG = "accept_then_hang"
    ACCEPT_THEN_BREAK = "accept_then_break"
    ACCEPT_IN_SILENCE = "accept_in_silence"
    STATUS_FIRST = "status_first"


ACCEPTING = frozenset(
    {
        Behaviour.ACCEPT,
        Behaviour.ACCEPT_THEN_DROP,
        Behaviour.ACCEPT_THEN_HANG,
        Behaviour.ACCEPT_THEN_BREAK,
        Behaviour.ACCEPT_IN_SILENCE,
        Behaviour.STATUS_FIRST,
    }
)


@dataclass(frozen=True, slots=True)
class Chaos:
    """Chances from 0 to 1.

    Attributes:
        duplicate: That a webhook is posted twice.
        forge: That a forged one is slipped in, signed with another secret.
        batch: Most payloads in one POST.
        reorder: Whether webhooks change places.
        sends: The chance of each behaviour towards a send; the rest is accepted.
        late: Most seconds that a status takes longer.
    """

    duplicate: float = 0.0
    forge: float = 0.0
    batch: int = 1
    reorder: bool = False
    sends: Mapping[Behaviour, float] = field(default_factory=dict)
    late: float = 0.0

    def behaviour(self, rng: random.Random) -> Behaviour:
        """Draws what becomes of a send."""
        drawn = rng.random()
        for behaviour, chance in self.sends.items():
            drawn -= chance
            if drawn < 0:
                return behaviour
        return Behaviour.ACCEPT


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to come."""

    payload: Payload
    forged: bool = False


def disturb(payloads: Sequence[Payload], chaos: Chaos, rng: random.Random) -> list[Delivery]:
    """Plans the POSTs for some payloads: doubled, shuffled, batched, with forgeries among them."""
    doubled = [p for p in payloads for _ in range(2 if rng.random() < chaos.duplicate else 1)]
    if chaos.reorder:
        rng.shuffle(doubled)
    honest = [Delivery(payload) for payload in _batches(doubled, chaos.batch, rng)]
    forged = [Delivery(forgery(d.payload), True) for d in honest if rng.random() < chaos.forge]
    for delivery in forged:
        honest.insert(rng.randint(0, len(honest)), delivery)
    return honest


def _batches(payloads: Sequence[Payload], most: int, rng: random.Random) -> list[Payload]:
    waiting, batches = iter(payloads), []
    while group := list(islice(waiting, rng.randint(1, max(1, most)))):
        batches.append(merged(group) if len(group) > 1 else group[0])
    return batches


FORGED = "FORGED"


def forgery(payload: Payload) -> Payload:
    """A payload that would be new if anyone believed it: every message and status has an id with FORGED in it."""
    fake = copy.deepcopy(payload)
    values = [change["value"] for entry in fake["entry"] for change in entry["changes"]]
    for item in (i for v in values for part in ("messages", "statuses") for i in v.get(part, ())):
        item["id"] = f"wamid.{FORGED}{item['id'].removeprefix('wamid.')}"
    return fake

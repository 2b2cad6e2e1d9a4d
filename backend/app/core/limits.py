"""How often somebody may come: the generic cell rate algorithm (GCRA), which needs one number a limit.

That number is a moment: when everything taken so far will have been paid off at the limit's steady pace. What lies
between now and then is the *debt*. Taking adds to it; a limit refuses when the debt would exceed its window. So a
whole quota may be taken at once, it grows back evenly, and there is no edge of a window at which it doubles.

Everything is counted in whole microseconds, so that this module and the script in Redis come to the same decisions.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.core.errors import Misconfigured

SECOND = 1_000_000
"""A second, in the microseconds that everything here is counted in."""

Clock = Callable[[], int]


def wall_clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in so many seconds.

    Attributes:
        name: What is limited, as callers read it in ``RateLimit-Policy``.
        quota: How many.
        window: Seconds in which a quota that is used up has grown back.
        price: The debt that one takes on.
        bound: The highest debt.
    """

    name: str
    quota: int
    window: int
    price: int = field(init=False)
    bound: int = field(init=False)

    def __post_init__(self) -> None:
        price = -(-self.window * SECOND // self.quota)
        object.__setattr__(self, "price", price)
        object.__setattr__(self, "bound", price * self.quota)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one decision takes from one limit.

    Attributes:
        limit: The limit.
        subject: Whose: every subject has a quota of its own.
        cost: How many. Nothing, to learn the standing.
    """

    limit: Limit
    subject: str
    cost: int = 1

    @property
    def price(self) -> int:
        """The debt that it adds."""
        return self.cost * self.limit.price


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands with a limit once the decision is made."""

    limit: Limit
    debt: int

    @property
    def remaining(self) -> int:
        """How many may still come now."""
        return (self.limit.bound - self.debt) // self.limit.price

    @property
    def full_in(self) -> int:
        """Microseconds until the whole quota is there again."""
        return self.debt

    def wait(self, cost: int = 1) -> int:
        """Microseconds until so many may come."""
        return max(0, self.debt + cost * self.limit.price - self.limit.bound)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether all charges were taken, or none. A refusal costs nothing.

    Attributes:
        admitted: Whether.
        standings: One for each charge, in order.
        wait: Microseconds after which the same charges would be taken; nothing when they were.
    """

    admitted: bool
    standings: tuple[Standing, ...]
    wait: int = 0


def decide(admitted: bool, charges: Sequence[Charge], debts: Sequence[int]) -> Decision:
    """Puts a decision into words."""
    pairs = list(zip(charges, debts, strict=True))
    standings = tuple(Standing(charge.limit, debt) for charge, debt in pairs)
    waits = (
        standing.wait(charge.cost) for standing, charge in zip(standings, charges, strict=True)
    )
    return Decision(admitted, standings, 0 if admitted else max(waits, default=0))


class Limits(Protocol):
    """Takes charges. Whoever keeps the count, somebody does: this never fails."""

    async def take(self, group: str, charges: Sequence[Charge]) -> Decision:
        """Takes all charges or none, in one step that nobody comes between.

        Args:
            group: What the subjects have in common, such as a client: their counts are kept in one place.
            charges: Each of another limit or subject.
        """

    async def aclose(self) -> None:
        """Lets go of what it holds."""


class LocalLimits:
    """Counts in this process's memory."""

    def __init__(self, clock: Clock = wall_clock, *, most: int = 100_000) -> None:
        """Sets the bounds.

        Args:
            clock: Microseconds.
            most: Subjects remembered; of more, the one not seen for longest is forgotten.
        """
        self._clock = clock
        self._most = most
        self._paid_off: OrderedDict[str, int] = OrderedDict()

    async def take(self, group: str, charges: Sequence[Charge]) -> Decision:
        """Takes all charges or none. Nothing here waits, so nobody comes between."""
        return self.take_now(group, charges)

    def count(self, group: str, charge: Charge) -> "Count":
        """What a charge is taken from, looked for once: for those who come most often."""
        return Count(self, key_of(group, charge), charge)

    def wait(self, key: str, charge: Charge) -> int:
        """Microseconds until a charge could be taken; nothing is."""
        if key not in self._paid_off:
            return 0
        debt = self._debt(key, charge.limit, self._clock())
        return max(0, debt + charge.price - charge.limit.bound)

    def take_one(self, key: str, charge: Charge) -> None:
        """Takes one charge if it can be."""
        now = self._clock()
        debt = self._debt(key, charge.limit, now) + charge.price
        if debt <= charge.limit.bound:
            self._keep(key, now + debt)

    def give_back(self, key: str, charge: Charge) -> None:
        """Gives back what was taken for something that costs nothing after all."""
        now = self._clock()
        debt = self._debt(key, charge.limit, now) - charge.price
        self._keep(key, now + max(0, debt))

    def take_now(self, group: str, charges: Sequence[Charge]) -> Decision:
        """The same, for callers that can't wait."""
        now = self._clock()
        debts = [self._debt(key_of(group, charge), charge.limit, now) for charge in charges]
        admitted = all(d + c.price <= c.limit.bound for d, c in zip(debts, charges, strict=True))
        if admitted:
            debts = [d + c.price for d, c in zip(debts, charges, strict=True)]
            for charge, debt in zip(charges, debts, strict=True):
                self._keep(key_of(group, charge), now + debt)
        return decide(admitted, charges, debts)

    async def aclose(self) -> None:
        """Holds nothing but numbers."""

    def _debt(self, key: str, limit: Limit, now: int) -> int:
        """What is owed now. Nobody can owe more than the bound: then the clock was set back, and it counts anew."""
        debt = self._paid_off.get(key, now) - now
        return debt if 0 < debt <= limit.bound else 0

    def _keep(self, key: str, moment: int) -> None:
        self._paid_off[key] = moment
        self._paid_off.move_to_end(key)
        if len(self._paid_off) > self._most:
            self._paid_off.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Count:
    """One charge of one subject, in this process."""

    limits: LocalLimits
    key: str
    charge: Charge

    def wait(self) -> int:
        """Microseconds until it could be taken; nothing is."""
        return self.limits.wait(self.key, self.charge)

    def take(self) -> None:
        """Takes it if it can be."""
        self.limits.take_one(self.key, self.charge)

    def give_back(self) -> None:
        """Gives back what was taken."""
        self.limits.give_back(self.key, self.charge)


def key_of(group: str, charge: Charge) -> str:
    """Where a count is kept. The braces keep a group's counts on one node of a cluster."""
    return f"limit:{{{group}}}:{charge.limit.name}:{charge.subject}"


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of an installation; None where there is none.

    Attributes:
        client: All of a client's staff and services together.
        credential: One of them.
        visitors: All visitors of a client's web pages together; they can't use up what its staff may do.
        contact: One of them.
        address: One network address, for requests that don't prove who is asking.
        webhook: A client's genuine webhook calls, in each process.
        refused: From one address, in each process: webhook calls that nobody genuine made; also, counted apart, keys
            and sessions that nobody has.
    """

    client: Limit | None = field(default_factory=lambda: Limit("client", 12_000, 60))
    credential: Limit | None = field(default_factory=lambda: Limit("credential", 1_200, 60))
    visitors: Limit | None = field(default_factory=lambda: Limit("visitors", 12_000, 60))
    contact: Limit | None = field(default_factory=lambda: Limit("contact", 120, 60))
    address: Limit | None = field(default_factory=lambda: Limit("address", 1_200, 60))
    webhook: Limit | None = field(default_factory=lambda: Limit("webhook", 60_000, 60))
    refused: Limit | None = field(default_factory=lambda: Limit("refused", 300, 60))

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """The policy that a setting such as ``contact=60/60, address=off`` makes of the default one.

        Raises:
            Misconfigured: It can't be read.
        """
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return cls(**dict(_parse_limit(part) for part in parts))


def _parse_limit(text: str) -> tuple[str, Limit | None]:
    name, _, value = (side.strip() for side in text.partition("="))
    quota, _, window = value.partition("/")
    if name not in Policy.__dataclass_fields__:
        raise Misconfigured(
            f"WAFAA_LIMITS: there is no limit {name!r}, only {', '.join(Policy.__dataclass_fields__)}."
        )
    if value == "off":
        return name, None
    if not (_is_count(quota) and _is_count(window)):
        raise Misconfigured(f"WAFAA_LIMITS: write {name}=QUOTA/SECONDS or {name}=off.")
    return name, Limit(name, int(quota), int(window))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000

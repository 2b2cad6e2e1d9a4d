"""How soon it goes on when a part dies alone, while a few people write: held to what was promised."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from simulators.meta import MetaSimulator, SendReceived, WebhookPosted
from tests.chaos.faults import Fault
from tests.chaos.neighbours import Look
from tests.chaos.stage import LEASE, Stage
from tests.chaos.traffic import Crowd
from tests.fixtures.wired import until

LIMITS = {Fault.KILL_WORKERS: LEASE + 1, Fault.KILL_API: 3.0, Fault.CRASH_DATABASE: 10.0}
"""Seconds within which it goes on each time, on a machine of our own; the more others take of it, the later."""

TIMES = 3
"""How often each of them dies."""

FEW = 8
CALM = 3.0
"""Seconds between two that die."""

UNDER_WAY = 0.5
"""Seconds in which an answer may still arrive that was given before."""

LONGEST = 60.0
LEAST_ROOM = 0.1
"""While we only wait others take whatever is there, however little they would hinder us."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took once, and how much of the machine others had left to us."""

    fault: Fault
    seconds: float
    room: float

    @property
    def is_slow(self) -> bool:
        """Whether it took longer than was promised, and others aren't why."""
        return self.seconds > LIMITS[self.fault] / max(LEAST_ROOM, self.room)

    def __str__(self) -> str:
        return f"{self.fault}: {self.seconds:.1f} s with {self.room:.0%} of the machine"


async def one_by_one(stage: Stage, seed: int) -> list[Recovery]:
    """Everything that is timed dies, and again when things have gone on for a while; first, while nobody waits yet."""
    crowd = Crowd(stage.meta, FEW, seed, "96652")
    writing = asyncio.create_task(crowd.write())
    recoveries = []
    for fault in [*LIMITS] * TIMES:
        await asyncio.sleep(CALM)
        recoveries.append(await _timed(stage, fault))
    crowd.fall_silent()
    await writing
    return recoveries


async def _timed(stage: Stage, fault: Fault) -> Recovery:
    before, at = Look.now(), stage.meta.now()
    await stage.suffer(fault, random.Random(0))  # noqa: S311 - chance, not secrecy.
    with suppress(TimeoutError):  # Then it took that long.
        await until(_goes_on(stage.meta, fault, at), LONGEST)
    seconds = seconds_until(stage.meta, fault, at)
    return Recovery(fault, LONGEST if seconds is None else seconds, before.room(Look.now()))


def _goes_on(meta: MetaSimulator, fault: Fault, at: float) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return seconds_until(meta, fault, at) is not None

    return holds


def seconds_until(meta: MetaSimulator, fault: Fault, at: float) -> float | None:
    """From a fault to the first sign that things go on: a new reply, or, for the API, a webhook taken."""
    signs = (r.at for r in meta.history.records if r.at > at + UNDER_WAY and _is_sign(fault, r))
    return next((first - at for first in signs), None)


def _is_sign(fault: Fault, record: object) -> bool:
    if fault is Fault.KILL_API:
        return isinstance(record, WebhookPosted) and record.status == 200
    return isinstance(record, SendReceived) and record.accepted


def summary(times: Iterable[tuple[Fault, float | None]]) -> dict[str, dict[str, float]]:
    """What each fault took, where it went on before the end."""
    by_fault: dict[str, list[float]] = defaultdict(list)
    for fault, seconds in times:
        if seconds is not None:
            by_fault[fault].append(seconds)
    return {
        fault: {"median": round(median(all_), 2), "worst": round(max(all_), 2)}
        for fault, all_ in sorted(by_fault.items())
    }

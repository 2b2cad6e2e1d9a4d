"""One run: people write, parts die, the checker judges."""

import asyncio
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from statistics import median
from typing import Any

from simulators.meta import Chaos, MetaSimulator, SendReceived, WebhookPosted
from tests.chaos.checker import check
from tests.chaos.faults import CUTS, PAUSES, Fault, Plan
from tests.chaos.hosts import separate_hosts
from tests.chaos.installing import installation
from tests.chaos.kept import kept
from tests.chaos.stage import LEASE, Stage
from tests.chaos.traffic import Crowd, storm
from tests.fixtures.nursery import ROOT
from tests.fixtures.wired import until

Dealt = list[tuple[Fault, float]]
Deal = Callable[[Fault, random.Random], Awaitable[None]]

BREATH = 1.0
"""Seconds between the first webhook that a door takes and the next that dies."""

CALM = 4.0
"""Seconds between what dies alone."""

LIMITS = {Fault.KILL_WORKERS: LEASE + 1, Fault.KILL_API: 3.0, Fault.CRASH_DATABASE: 10.0}
"""Seconds within which it goes on after a part died alone, each time; longer as far as the machine is crowded."""

TIMES = 3
"""How often each of those dies alone in a run that is timed."""


def run(
    seed: int, plan: Plan, history: Path | None = None, *, timed: bool = False
) -> dict[str, Any]:
    """Gives the report.

    Args:
        seed: Of the order of faults, of who says what and of the platform's manners.
        plan: What is dealt.
        history: Where what happened is written to.
        timed: Whether it is measured as well how soon things go on.
    """
    log = history.with_suffix(".log") if history else None
    report, lines = asyncio.run(_run(seed, plan, log, timed=timed))
    if history:
        history.write_text("\n".join(lines) + "\n")
    return report


async def _run(
    seed: int, plan: Plan, log: Path | None, *, timed: bool
) -> tuple[dict[str, Any], list[str]]:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        hosts = await stack.enter_async_context(separate_hosts()) if plan.is_apart else None
        stage = await stack.enter_async_context(
            installation(seed, plan.lost_send, log, hosts, plan.brokers, timed=timed)
        )
        stage.cut_seconds = plan.cut_seconds
        stage.meta.chaos = Chaos(duplicate=0.3, reorder=True, sends=plan.sends, late=0.3)
        crowd = Crowd(stage.meta, plan.contacts, seed)
        writing = asyncio.create_task(crowd.write())
        raging = asyncio.create_task(storm(stage.meta, plan.storm, seed))
        alone, crowding = await _one_by_one(stage) if timed else ([], [])
        dealt = await _deal(stage, plan, seed)
        with suppress(TimeoutError):  # The report tells how many there were.
            await until(_so_many(stage.meta, plan.ambiguous), plan.patience)
        await raging
        stage.meta.chaos = Chaos()
        crowd.fall_silent()
        await writing
        at_rest = await stage.rest(plan.patience)
        await stage.meta.settle(plan.patience)
        lines = [*stage.meta.history.lines(), *await kept(stage.own, "cafe")]
        parked, unanswered = stage.left("parked"), stage.unanswered()
        recovery, calm = _recovery(stage.meta, dealt), _recovery(stage.meta, alone)
        slow = _slow(stage.meta, alone, crowding)
    judged = check(lines).as_json()
    if parked or unanswered or not at_rest or judged["sends_ambiguous"] < plan.ambiguous:
        judged["verdict"] = "fail"
    report = {
        **judged,
        "seed": seed,
        "seconds": round(time.monotonic() - began),
        "at_rest": at_rest,
        "jobs_parked": parked,
        "messages_unanswered": unanswered,
        "kills": stage.kills.total(),
        "kills_by_part": dict(stage.kills),
        "pauses": plan.count(PAUSES),
        "cuts": plan.count(CUTS),
        "poisoned": stage.poisoned,
        "recovery_seconds": recovery,
        "recovery_seconds_alone": calm,
        "crowding": crowding,
        "slow": slow,
        "ended_by_themselves": dict(stage.restarted),
    }
    return report, lines


def _so_many(meta: MetaSimulator, ambiguous: int) -> Callable[[], Awaitable[bool]]:
    """Whether so many sends got no answer, or one that says nothing."""

    async def holds() -> bool:
        if not ambiguous:
            return True
        await asyncio.sleep(0.5)
        return sum(s.status == 0 or s.status >= 500 for s in meta.history.sends()) >= ambiguous

    return holds


async def _deal(stage: Stage, plan: Plan, seed: int) -> Dealt:
    """Deals with two hands at once; every part is back when it ends."""
    dealt: Dealt = []

    async def deal(fault: Fault, rng: random.Random) -> None:
        dealt.append((fault, stage.meta.now()))
        await stage.suffer(fault, rng)

    await asyncio.gather(_doors(stage, deal, plan.doors(seed), seed), _others(deal, plan, seed))
    return dealt


async def _doors(stage: Stage, deal: Deal, cards: list[Fault], seed: int) -> None:
    """One after the other, each when the one before has taken something: on a slow machine none ever would."""
    rng = random.Random(f"{seed} doors")  # noqa: S311 - chance, not secrecy.
    for fault in cards:
        await deal(fault, rng)
        with suppress(TimeoutError):  # The checker will see what is lost.
            await until(_takes(stage.meta), 60)
        await asyncio.sleep(BREATH)


def _takes(meta: MetaSimulator) -> Callable[[], Awaitable[bool]]:
    """Whether a webhook has been taken since."""
    before = len(meta.history.records)

    async def holds() -> bool:
        since = meta.history.records[before:]
        return any(isinstance(r, WebhookPosted) and r.status == 200 for r in since)

    return holds


async def _others(deal: Deal, plan: Plan, seed: int) -> None:
    """Evenly over the time, whatever else is away."""
    rng = random.Random(f"{seed} others")  # noqa: S311 - chance, not secrecy.
    cards = plan.others(seed)
    began, pace = time.monotonic(), plan.seconds / (len(cards) + 1)
    async with asyncio.TaskGroup() as suffering:
        for place, fault in enumerate(cards, 1):
            due = began + pace * (place + rng.uniform(-0.4, 0.4))
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            suffering.create_task(deal(fault, rng))


async def _one_by_one(stage: Stage) -> tuple[Dealt, list[float]]:
    """What is timed dies alone, and again when things have gone on for a while; first, while nobody waits yet.

    Gives beside how crowded the machine was each time.
    """
    dealt: Dealt = []
    crowding: list[float] = []
    rng = random.Random(0)  # noqa: S311 - chance, not secrecy.
    for fault in [*LIMITS] * TIMES:
        await asyncio.sleep(CALM)
        before = await _crowding()
        dealt.append((fault, stage.meta.now()))
        await stage.suffer(fault, rng)
        crowding.append(round(max(before, await _crowding()), 2))
    return dealt, crowding


async def _crowding() -> float:
    """How much longer a process takes to begin here than it computes: 1 where it has the machine to itself."""
    began, before = time.monotonic(), os.times()
    words = (sys.executable, "-c", "import app.cli.serve")
    await (await asyncio.create_subprocess_exec(*words, cwd=ROOT)).wait()
    wall, after = time.monotonic() - began, os.times()
    computed = sum(after[2:4]) - sum(before[2:4])
    return max(1.0, wall / computed)


def _slow(meta: MetaSimulator, dealt: Dealt, crowding: list[float]) -> list[str]:
    """What took longer than it may, and not because of the machine."""
    times = [(fault, _seconds(meta, fault, at)) for fault, at in dealt]
    return [
        f"{fault}: {seconds or 0:.1f} s, on a machine {crowded} times as slow"
        for (fault, seconds), crowded in zip(times, crowding, strict=True)
        if seconds is None or seconds > LIMITS[fault] * crowded
    ]


def _recovery(meta: MetaSimulator, dealt: Dealt) -> dict[str, dict[str, float]]:
    """Seconds from a fault to the first sign that things go on: a new reply, or, for the API, a webhook taken."""
    times: dict[str, list[float]] = defaultdict(list)
    for fault, at in dealt:
        if (seconds := _seconds(meta, fault, at)) is not None:
            times[fault].append(seconds)
    return {
        fault: {"median": round(median(all_), 2), "worst": round(max(all_), 2)}
        for fault, all_ in sorted(times.items())
    }


def _seconds(meta: MetaSimulator, fault: Fault, at: float) -> float | None:
    signs = (r.at for r in meta.history.records if r.at > at and _is_sign(fault, r))
    return next((first - at for first in signs), None)


def _is_sign(fault: Fault, record: object) -> bool:
    if fault is Fault.KILL_API:
        return isinstance(record, WebhookPosted) and record.status == 200
    return isinstance(record, SendReceived) and record.accepted

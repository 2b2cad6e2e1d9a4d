"""One run: people write, parts die, the checker judges."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulators.meta import Chaos, MetaSimulator, WebhookPosted
from tests.chaos.checker import check
from tests.chaos.faults import PAUSES, Fault, Plan
from tests.chaos.hosts import separate_hosts
from tests.chaos.installing import installation
from tests.chaos.kept import kept
from tests.chaos.stage import Stage
from tests.chaos.timing import one_by_one, seconds_until, summary
from tests.chaos.traffic import Crowd, storm
from tests.fixtures.wired import until

Dealt = list[tuple[Fault, float]]
Deal = Callable[[Fault, random.Random], Awaitable[None]]

BREATH = 1.0
"""Seconds between the first webhook that a door takes and the next that dies."""


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
        stage.longest_cut = plan.longest_cut
        stage.meta.chaos = Chaos(duplicate=0.3, reorder=True, late=0.3)
        alone = await one_by_one(stage, seed) if timed else []
        stage.meta.chaos = replace(stage.meta.chaos, sends=plan.sends)
        stage.cold = None  # From here on it is the order that counts.
        crowd = Crowd(stage.meta, plan.contacts, seed)
        writing = asyncio.create_task(crowd.write())
        raging = asyncio.create_task(storm(stage.meta, plan.storm, seed))
        dealing = time.monotonic()
        dealt = await _deal(stage, plan, seed)
        patience = plan.patience + time.monotonic() - dealing
        with suppress(TimeoutError):  # The report tells how many there were.
            await until(_so_many(stage.meta, plan.ambiguous), patience)
        await raging
        stage.meta.chaos = Chaos()
        crowd.fall_silent()
        await writing
        at_rest = await stage.rest(patience)
        await stage.meta.settle(patience)
        lines = [*stage.meta.history.lines(), *await kept(stage.own, "cafe")]
        parked, unanswered = stage.left("parked"), stage.unanswered()
        recoveries = summary((f, seconds_until(stage.meta, f, at)) for f, at in dealt)
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
        "cuts": plan.cuts,
        "poisoned": stage.poisoned,
        "recovery_seconds": recoveries,
        "alone": [str(recovery) for recovery in alone],
        "slow": [str(recovery) for recovery in alone if recovery.is_slow],
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

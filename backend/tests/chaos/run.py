"""One run: people write, parts die, the checker judges."""

import asyncio
import random
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from simulators.meta import Chaos, MetaSimulator, SendReceived, WebhookPosted
from tests.chaos.checker import check
from tests.chaos.faults import SENDS, Fault, Plan
from tests.chaos.stage import Stage, installation
from tests.chaos.traffic import Crowd

Dealt = list[tuple[Fault, float]]


def run(seed: int, plan: Plan, history: Path | None = None) -> dict[str, Any]:
    """Gives the report."""
    log = history.with_suffix(".log") if history else None
    report, lines = asyncio.run(_run(seed, plan, log))
    if history:
        history.write_text("\n".join(lines) + "\n")
    return report


async def _run(seed: int, plan: Plan, log: Path | None) -> tuple[dict[str, Any], list[str]]:
    began = time.monotonic()
    async with installation(seed, plan.lost_send, log) as stage:
        stage.meta.chaos = Chaos(duplicate=0.3, reorder=True, sends=SENDS, late=0.3)
        crowd = Crowd(stage.meta, plan.contacts, seed)
        writing = asyncio.create_task(crowd.write())
        dealt = await _deal(stage, plan, seed)
        crowd.fall_silent()
        await writing
        stage.meta.chaos = Chaos()
        at_rest = await stage.rest(plan.patience)
        await stage.meta.settle(plan.patience)
        lines = list(stage.meta.history.lines())
        parked, unanswered = stage.left("parked"), stage.unanswered()
        recovery = _recovery(stage.meta, dealt)
        restarted = dict(stage.restarted)
    judged = check(lines).as_json()
    if parked or unanswered or not at_rest:
        judged["verdict"] = "fail"
    report = {
        **judged,
        "seed": seed,
        "seconds": round(time.monotonic() - began),
        "at_rest": at_rest,
        "jobs_parked": parked,
        "messages_unanswered": unanswered,
        "faults": dict(plan.deck),
        "recovery_seconds": recovery,
        "ended_by_themselves": restarted,
    }
    return report, lines


async def _deal(stage: Stage, plan: Plan, seed: int) -> Dealt:
    """Deals the deck evenly over the time, if every part is back in time; pauses go on beside the rest."""
    rng = random.Random(f"{seed} faults")  # noqa: S311 - chance, not secrecy.
    dealt: Dealt = []
    beside = []
    cards = plan.shuffled(seed)
    began, pace = time.monotonic(), plan.seconds / (len(cards) + 1)
    for place, fault in enumerate(cards, 1):
        due = began + pace * (place + rng.uniform(-0.4, 0.4))
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        dealt.append((fault, stage.meta.now()))
        suffering = asyncio.create_task(stage.suffer(fault, rng.randrange(len(stage.workers))))
        beside.append(suffering)
        if fault in (Fault.KILL_API, Fault.CRASH_DATABASE):
            await asyncio.wait([suffering])
    await asyncio.gather(*beside)
    return dealt


def _recovery(meta: MetaSimulator, dealt: Dealt) -> dict[str, dict[str, float]]:
    """Seconds from a fault to the first sign that things go on: a new reply, or, for the API, a webhook taken."""
    times: dict[str, list[float]] = defaultdict(list)
    for fault, at in dealt:
        signs = (r.at for r in meta.history.records if r.at > at and _is_sign(fault, r))
        if (first := next(signs, None)) is not None:
            times[fault].append(first - at)
    return {
        fault: {"median": round(median(all_), 2), "worst": round(max(all_), 2)}
        for fault, all_ in sorted(times.items())
    }


def _is_sign(fault: Fault, record: object) -> bool:
    if fault is Fault.KILL_API:
        return isinstance(record, WebhookPosted) and record.status == 200
    return isinstance(record, SendReceived) and record.accepted

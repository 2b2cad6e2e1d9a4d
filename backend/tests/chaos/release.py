"""The long form: round after round until everything has died often enough; what is done is kept, for after a break.

A round's seed follows from the first one's and its number, and so does what is dealt: the same first seed gives the
same rounds. Whoever stops it in the middle of a round begins with that round again.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.faults import PLANS
from tests.chaos.run import run
from tests.fixtures.nursery import ROOT

KILLS, PAUSES, AMBIGUOUS = 1_000, 500, 10_000
"""What a release has to have been through, and every kind of round in it."""

ROUNDS = ("long", "logged", "long", "cut", "long", "logged-cut", "long", "beside", "long", "storm")
"""What is dealt, in turns; ``beside`` is what no deck holds."""

BESIDE = ("test_clock.py", "test_disk.py", "test_fsync.py")
"""Clocks that jump, a disk that runs full, a log that can't be written down."""

_MOST_ROUNDS = 60


@dataclass
class Tally:
    """What the rounds came to together."""

    rounds: int = 0
    kills: int = 0
    pauses: int = 0
    ambiguous: int = 0
    cuts: int = 0
    poisoned: int = 0
    webhooks: int = 0
    replies: int = 0
    minutes: float = 0.0
    kinds: set[str] = field(default_factory=set)

    def add(self, report: dict[str, Any]) -> None:
        """Counts a round."""
        self.rounds += 1
        self.kinds.add(report["plan"])
        self.minutes = round(self.minutes + report["seconds"] / 60, 1)
        self.ambiguous += report.get("sends_ambiguous", 0)
        for name in ("kills", "pauses", "cuts", "poisoned", "webhooks", "replies"):
            setattr(self, name, getattr(self, name) + report.get(name, 0))

    @property
    def enough(self) -> bool:
        """Whether it is as much as a release asks for."""
        counted = self.kills >= KILLS and self.pauses >= PAUSES and self.ambiguous >= AMBIGUOUS
        return counted and self.kinds == {*ROUNDS}


def release(seed: int, state: Path) -> int:
    """Runs what is missing; gives the exit code. A round that fails ends it, with its seed and its history."""
    tally = Tally()
    for report in _done(state, seed):
        tally.add(report)
    _tell(f"{tally.rounds} rounds were done before")
    while not tally.enough and tally.rounds < _MOST_ROUNDS:
        number, plan = seed + tally.rounds, ROUNDS[tally.rounds % len(ROUNDS)]
        _tell(f"round {tally.rounds + 1}: {plan}, seed {number}")
        report = {"first": seed, "seed": number, "plan": plan, **_round(plan, number, state)}
        if report["verdict"] != "pass":
            sys.stdout.write(json.dumps(report, indent=2, sort_keys=True) + "\n")
            return 1
        with state.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(report) + "\n")
        tally.add(report)
        _tell(str(tally))
    sys.stdout.write(f"{tally}\n")
    return 0 if tally.enough else 1


def _round(plan: str, seed: int, state: Path) -> dict[str, Any]:
    """Deals once; the history of a round that passed isn't kept."""
    if plan == "beside":
        return _beside()
    history = state.with_suffix(f".{seed}.jsonl")
    report = run(seed, PLANS[plan], history)
    if report["verdict"] == "pass":
        history.unlink()
        history.with_suffix(".log").unlink(missing_ok=True)
    return report


def _beside() -> dict[str, Any]:
    """The tests of what no deck holds, once more."""
    began = time.monotonic()
    here = Path(__file__).parent
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(here / name) for name in BESIDE)]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=dict(os.environ), check=False)
    passed = done.returncode == 0
    return {
        "verdict": "pass" if passed else "fail",
        "seconds": time.monotonic() - began,
    }


def _done(state: Path, seed: int) -> list[dict[str, Any]]:
    """The rounds that passed before a break."""
    if not state.exists():
        return []
    kept = [json.loads(line) for line in state.read_text("utf-8").splitlines()]
    return [report for report in kept if report["first"] == seed]


def _tell(what: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} chaos: {what}\n")

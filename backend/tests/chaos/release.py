"""The long form: round after round until everything has died often enough; what is done is kept, for after a break.

A round's seed follows from the first one's and its number: the same first seed gives the same rounds.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.faults import FULL
from tests.chaos.run import run

KILLS, PAUSES, AMBIGUOUS = 1_000, 500, 10_000
"""What a release has to have been through."""

_MOST_ROUNDS = 40


@dataclass
class Tally:
    """What the rounds came to together."""

    rounds: int = 0
    kills: int = 0
    pauses: int = 0
    ambiguous: int = 0
    replies: int = 0

    def add(self, report: dict[str, Any]) -> None:
        """Counts a round."""
        self.rounds += 1
        self.kills += report["kills"]
        self.pauses += report["pauses"]
        self.ambiguous += report["sends_ambiguous"]
        self.replies += report["replies"]

    @property
    def enough(self) -> bool:
        """Whether it is as much as a release asks for."""
        return self.kills >= KILLS and self.pauses >= PAUSES and self.ambiguous >= AMBIGUOUS


def release(seed: int, state: Path) -> int:
    """Runs what is missing; gives the exit code. A round that fails ends it, with its seed and its history."""
    tally = Tally()
    for report in _done(state, seed):
        tally.add(report)
    while not tally.enough and tally.rounds < _MOST_ROUNDS:
        number = seed + tally.rounds
        history = state.with_suffix(f".{number}.jsonl")
        report = run(number, FULL, history)
        if report["verdict"] != "pass":
            sys.stdout.write(json.dumps(report, indent=2, sort_keys=True) + "\n")
            return 1
        history.unlink()
        with state.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps({"first": seed, **report}) + "\n")
        tally.add(report)
        sys.stderr.write(f"{tally}\n")
    sys.stdout.write(f"{tally}\n")
    return 0 if tally.enough else 1


def _done(state: Path, seed: int) -> list[dict[str, Any]]:
    """The rounds that passed before a break."""
    if not state.exists():
        return []
    kept = [json.loads(line) for line in state.read_text("utf-8").splitlines()]
    return [report for report in kept if report["first"] == seed]

"""The short form of chaos, and the checker against histories that break its rules."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import check
from tests.chaos.faults import Fault
from tests.chaos.neighbours import Look
from tests.chaos.stage import LEASE
from tests.chaos.timing import Recovery

LAYLA, OMAR = "SA.layla", "SA.omar"


@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_out_of_order_while_everything_dies(tmp_path: Path) -> None:
    """Checks 67 and 68: a hundred kills, fifty pauses, a thousand sends of which nobody heard the end.

    Beside them come a storm of webhooks, half of them twice, and poison.

    The seed is printed; a run is repeated with ``python -m tests.chaos --seed SEED``.
    """
    report = ran("full", tmp_path, 580)
    assert report["kills"] >= 100
    assert report["pauses"] >= 50
    assert report["sends_ambiguous"] >= 1_000
    assert report["kept"] >= 1_000


@pytest.mark.timeout(300)
def test_nor_behind_a_log_whose_broker_and_readers_die(tmp_path: Path) -> None:
    """Cache and broker die together. ``make chaos`` kills the leader of three brokers, and more of the rest."""
    report = ran("quick", tmp_path, 280)
    assert set(report["kills_by_part"]) == {
        "broker", "cache", "consume", "database", "serve", "work"
    }  # fmt: skip


def ran(plan: str, folder: Path, seconds: float) -> dict[str, Any]:
    """Its report, read from a file of its own: what is killed may have written to the terminal that it shares."""
    history, reported = folder / "history.jsonl", folder / "report.json"
    files = ("--history", str(history), "--report", str(reported))
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--plan", plan, *files],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    report: dict[str, Any] = json.loads(reported.read_text())
    return report


@pytest.mark.parametrize(
    ("fault", "seconds", "room", "slow"),
    [
        (Fault.KILL_API, 2.9, 1.0, False),
        (Fault.KILL_API, 3.1, 1.0, True),
        (Fault.KILL_API, 3.1, 0.9, False),
        (Fault.KILL_API, 6.1, 0.5, True),
        (Fault.KILL_WORKERS, LEASE + 1.1, 1.0, True),
        (Fault.CRASH_DATABASE, 10.1, 1.0, True),
        (Fault.CRASH_DATABASE, 101.0, 0.01, True),
    ],
)
def test_what_was_promised_holds_for_the_share_of_the_machine_that_is_ours(
    fault: Fault, seconds: float, room: float, slow: bool
) -> None:
    assert Recovery(fault, seconds, room).is_slow is slow


def test_only_what_others_compute_takes_room() -> None:
    """A process that is new was idle before; one that has ended isn't told of."""
    before = Look(total=1_000, busy=400, ours={1: 10, 2: 50})
    assert before.room(Look(total=1_200, busy=560, ours={1: 90, 3: 60})) == pytest.approx(0.9)
    assert before.room(Look(total=1_200, busy=540, ours={1: 90, 3: 60})) == 1.0
    assert Look.now().ours[os.getpid()] > 0


def posted(message: str, at: float, status: int = 200, sender: str = LAYLA) -> dict[str, Any]:
    said = {"id": message, "from_user_id": sender}
    payload = {"entry": [{"changes": [{"value": {"messages": [said]}}]}]}
    return {
        "record": "WebhookPosted",
        "at": at,
        "payload": payload,
        "forged": False,
        "status": status,
    }


def sent(quotes: str, at: float, our_id: str, to: str = LAYLA, **more: Any) -> dict[str, Any]:
    body = {"context": {"message_id": quotes}}
    known = {"record": "SendReceived", "at": at, "body": body, "accepted": True, "status": 200}
    return {**known, "our_id": our_id, "to": to, **more}


def kept(*ids: str) -> dict[str, Any]:
    return {"record": "Kept", "addresses": [LAYLA], "ids": ids}


CLEAN = [
    posted("m1", 1),
    sent("m1", 2, "r1"),
    posted("m2", 3),
    posted("m3", 3.1),
    sent("m3", 4, "r2"),
]


@pytest.mark.parametrize(
    ("history", "broken"),
    [
        (CLEAN, {}),
        ([*CLEAN, posted("m3", 9)], {}),
        ([*CLEAN, posted("m4", 9, status=0)], {}),
        ([*CLEAN, posted("m4", 9, status=503)], {}),
        ([*CLEAN, sent("m3", 5, "r2", accepted=False, status=0)], {}),
        ([*CLEAN, posted("m4", 9)], {"lost": ["m4"]}),
        ([posted("m1", 1), sent("m1", 99, "r1")], {}),
        ([*CLEAN, sent("m3", 5, "r3")], {"doubled": ["m3"]}),
        ([*CLEAN, posted("m4", 5), sent("m4", 6, "r2")], {"doubled": ["r2"]}),
        ([*CLEAN, sent("m2", 5, "r3")], {"disordered": ["m2"]}),
        ([*CLEAN, sent("m1", 5, "r3", to=OMAR)], {"invented": ["m1"]}),
        ([*CLEAN, sent("FORGED", 5, "r3")], {"invented": ["FORGED"]}),
        ([*CLEAN, kept("m1", "m2", "m3")], {}),
        ([*CLEAN, kept("m1", "m3")], {"lost": ["m2"]}),
        ([*CLEAN, kept("m1", "m2", "m3", "m2")], {"doubled": ["m2"], "disordered": ["m2"]}),
        ([*CLEAN, kept("m2", "m1", "m3")], {"disordered": ["m1"]}),
        ([*CLEAN, kept("m1", "m2", "m3", "FORGED")], {"invented": ["FORGED"]}),
    ],
)  # fmt: skip
def test_the_checker_finds_what_is_wrong_and_nothing_else(history, broken) -> None:
    verdict = check(map(json.dumps, history))
    found = {name: getattr(verdict, name) for name in ("lost", "doubled", "disordered", "invented")}
    assert {name: names for name, names in found.items() if names} == broken
    assert verdict.passed is not bool(broken)


def test_a_late_reply_is_told() -> None:
    history = [posted("m1", 1), sent("m1", 50, "r1"), posted("m2", 100), sent("m2", 200, "r2")]
    assert check(map(json.dumps, history)).late == 1

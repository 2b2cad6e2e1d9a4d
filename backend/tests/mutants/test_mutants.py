"""The tests can fail: each fault that is planted in the product is found by the one test that is named for it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.mutants.mutants import MUTANTS
from tests.mutants.planting import NUMBERS

ROOT = Path(__file__).parents[2]
SECONDS = 400
PROVES = re.compile(
    r"assert\b|AssertionError|Failed: DID NOT RAISE|ValueError: (not enough|too many) values to unpack"
)
"""How a test ends that has found something. One that breaks or hangs hasn't."""


@pytest.mark.timeout(SECONDS + 30)
def test_each_planted_fault_is_found_by_its_test_which_else_finds_nothing(tmp_path: Path) -> None:
    said = _run(tmp_path / "report.xml")
    told = _told(tmp_path / "report.xml")
    wrong = [(name, verdict) for name, verdict in told["@0"] if verdict is not None]
    missed = {m.name: told.get(NUMBERS[m]) for m in MUTANTS if not _is_found(told.get(NUMBERS[m]))}
    assert (wrong, missed) == ([], {}), f"{said[-3000:]}\nWrong: {wrong}\nMissed: {missed}"
    assert len(told["@0"]) == len({mutant.killer for mutant in MUTANTS})
    assert len(MUTANTS) >= 45


Verdicts = list[tuple[str, str | None]]
"""Of each test: its name, and as what it failed; None when it passed."""


def _is_found(verdicts: Verdicts | None) -> bool:
    [(_, verdict)] = verdicts or [("", None)]
    return bool(verdict and PROVES.match(verdict))


def _run(report: Path) -> str:
    """Runs all killers in a process of their own, with servers of their own."""
    options = (
        "-q",
        "-p",
        "tests.mutants.planting",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:hypothesispytest",
    )
    tests = sorted({mutant.killer.partition("[")[0] for mutant in MUTANTS})
    foreign = ("PYTEST_", "COV_")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *tests],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith(foreign)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout + done.stderr


def _told(report: Path) -> dict[str, Verdicts]:
    """The verdicts by the number of the fault."""
    told: dict[str, Verdicts] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own.
        name = str(case.get("name"))
        bad = case.find("error")
        bad = case.find("failure") if bad is None else bad
        verdict = (
            None
            if bad is None
            else f"{'' if bad.tag == 'failure' else 'error: '}{bad.get('message')}"
        )
        told.setdefault(name[name.rindex("@") : -1], []).append((name, verdict))
    return told

"""``python -m tests.chaos``: everything dies, again and again; afterwards a checker reads what the platform saw.

``--plan full`` takes some minutes, ``long`` twice as many; ``logged`` stands behind three brokers of Kafka, ``quick``,
which takes one minute, behind one; ``cut`` and ``logged-cut`` cut the network between any two of the parts, ``storm``
posts a hundred thousand webhooks, half of them twice. ``--release`` deals all of them for hours, and goes on after a
break. A run is repeated by its seed.
"""

import argparse
import json
import secrets
import sys
from pathlib import Path

from tests.chaos.faults import PLANS
from tests.chaos.release import release
from tests.chaos.run import run


def main() -> int:
    """Runs, reports, and gives the exit code: 0 when nothing was lost, doubled or out of order."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="full")
    parser.add_argument(
        "--timed", action="store_true", help="measure how soon it goes on, and fail if late"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--report", type=Path, help="where the report goes, as JSON")
    parser.add_argument("--history", type=Path, help="where the history goes, as JSON lines")
    parser.add_argument("--release", type=Path, help="hours; what is done is kept in this file")
    given = parser.parse_args()
    sys.stderr.write(f"chaos: seed {given.seed}\n")
    if given.release:
        return release(given.seed, given.release)
    report = run(given.seed, PLANS[given.plan], given.history, timed=given.timed)
    text = json.dumps(report, indent=2, sort_keys=True)
    if given.report:
        given.report.write_text(text + "\n")
    sys.stdout.write(text + "\n")
    return 0 if report["verdict"] == "pass" and not report["slow"] else 1


if __name__ == "__main__":
    sys.exit(main())

"""Measures the answers that are quoted without a model: how often they hold what a right answer holds.

cd backend && PYTHONPATH=.:../bench/answerability ../.venv/bin/python ../bench/answerability/quotes.py --data DIRECTORY
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cases import ROOT, Case
from run import BUSINESSES, gather

from app.services.ai.base import Persona, Question
from app.services.ai.prompt_manager import build
from app.services.ai.providers.extractive import quote
from app.services.ai.text import fold
from app.services.knowledge.base import Passage

FLOORS = {
    ("businesses", "en"): 0.90,
    ("businesses", "ar"): 0.90,
    ("xquad-en", "en"): 0.78,
    ("arcd", "ar"): 0.71,
}


def answer(case: Case, passages: Sequence[Passage]) -> str:
    """What is quoted, folded."""
    question = Question(case.question, case.language, Persona("Measured"))
    return fold("".join(quote(build(question, passages))))


def holds(text: str, case: Case) -> bool:
    """Whether a text has what a right answer has."""
    return any(fold(wanted) in text for wanted in case.expects.split(" / "))


def row(group: str, language: str, kind: str, cases: Sequence[Case]) -> dict[str, object]:
    """One line of the report."""
    mine = [
        case
        for case in cases
        if case.kind == kind
        and case.language == language
        and (case.source == group or (group == "businesses" and case.source in BUSINESSES))
    ]
    right = {
        case: passage
        for case in mine
        for passage in reversed(case.passages)
        if holds(fold(f"{passage.question} {passage.text}"), case)
    }
    whole = sum(holds(answer(case, case.passages), case) for case in mine)
    given = sum(holds(answer(case, [passage]), case) for case, passage in right.items())
    return {
        "cases": group,
        "language": language,
        "kind": kind,
        "questions": len(mine),
        "found": round(len(right) / len(mine), 3),
        "quoted": round(whole / len(mine), 3),
        "quoted_given_the_passage": round(given / len(right), 3),
    }


def main() -> int:
    """Prints the report; fails below a floor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("EVALUATION_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir(), "wafaa-tests"))
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    options = parser.parse_args()
    found = asyncio.run(gather(options.data, options.home))
    rows = [row(group, language, "answerable", found) for group, language in FLOORS]
    met = all(
        float(str(r["quoted"])) >= floor for r, floor in zip(rows, FLOORS.values(), strict=True)
    )
    rows += [row("businesses", language, "foreign", found) for language in ("en", "ar")]
    text = json.dumps({"race": "quotes", "met": met, "results": rows}, indent=1)
    print(text)  # noqa: T201 - its output.
    if options.out:
        options.out.write_text(text + "\n", "utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

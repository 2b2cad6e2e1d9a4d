"""On public question sets, questions find their paragraphs at least as often as we promise."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("EVALUATION_DATA", ROOT.parent / "shared" / "data"))
SECONDS = 280


@pytest.mark.skipif(
    not DATA.exists(),
    reason=f"The question sets are not in {DATA}; set EVALUATION_DATA.",
)
@pytest.mark.timeout(SECONDS + 20)
@pytest.mark.parametrize(
    ("name", "recall_at_1", "recall_at_5"),
    [("xquad-en", 0.955, 0.99), ("arcd-train", 0.74, 0.95)],
)
def test_questions_find_their_paragraphs(
    name: str, recall_at_1: float, recall_at_5: float, embedding_home: Path
) -> None:
    command = [sys.executable, str(ROOT / "bench/retrieval/run.py"), "--set", name]
    run = subprocess.run(
        [*command, "--data", str(DATA), "--home", str(embedding_home)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": str(ROOT / "backend")},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (result,) = json.loads(run.stdout)["results"]
    assert result["recall_at_1"] >= recall_at_1
    assert result["recall_at_5"] >= recall_at_5

"""The tests can fail: each fault that is planted in the product is found by the test that is named for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("app", "migrations", "simulators", "tests", "pyproject.toml")


def plant(mutant: Mutant, where: Path) -> None:
    """Puts the fault into a copy of the product."""
    file = where / mutant.file
    text = file.read_text("utf-8")
    assert text.count(mutant.code) == 1, f"{mutant.name!r}: its piece of {mutant.file} has changed."
    file.write_text(text.replace(mutant.code, mutant.instead), "utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the product, as small as tests allow."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "browser", "mutants", "chaos")
            shutil.copytree(source, tmp_path / "backend" / name, ignore=ignored)
        elif source.exists():
            shutil.copy(source, tmp_path / "backend" / name)
    return tmp_path / "backend"


def verdict(copy: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Runs one test of the copy."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        test,
    ]
    mine = ("PYTEST_", "COV_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(mine)}
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_a_planted_fault_is_found(mutant: Mutant, copy: Path) -> None:
    plant(mutant, copy)
    done = verdict(copy, mutant.killer)
    assert done.returncode == 1, f"{mutant.name}: survived {mutant.killer}\n{done.stdout[-3000:]}"
    assert "failed" in done.stdout
    assert "errors during collection" not in done.stdout

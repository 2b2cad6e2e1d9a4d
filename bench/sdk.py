"""OpenAI's own client, for one racer: locked and installed apart, so that the product never sees it."""

import importlib.util
import subprocess
from pathlib import Path

from bench.lib import ROOT

LOCK = Path(__file__).parent / "requirements.lock"
FOLDER = ROOT / ".tools" / "bench"


def installed() -> Path:
    """Where it lies; it is brought there first where it is missing, or another version is wanted."""
    stamp = FOLDER / ".stamp"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        command: list[str | Path] = [
            _uv(),
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--no-build",
            "--target",
            FOLDER,
            LOCK,
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        stamp.write_bytes(LOCK.read_bytes())
    return FOLDER


def _uv() -> Path:
    """The one that sets up the product."""
    spec = importlib.util.spec_from_file_location("setup", ROOT / "tools" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    found: Path = setup.find_uv()
    return found

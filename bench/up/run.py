"""From a fresh clone to the first question: how long one command takes on a machine that has Python only."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.lib import ROOT, publish, workplace
from bench.product import free_port

GOALS = {"first, seconds": "<= 180", "again, seconds until ready": "<= 5"}
ABSENT = {"uv", "uvx", "node", "npm", "npx", "corepack"}
"""What the command brings along, and mustn't find."""
OURS = ("WAFAA_", "DATABASE_URL", "REDIS_URL", "META_", "LLM_", "VIRTUAL_ENV", "PYTHON")


def clone(place: Path) -> Path:
    """What is committed, and nothing that was made from it."""
    archive, home = place / "clone.tar", place / "clone"
    subprocess.run(["git", "archive", "-o", str(archive), "HEAD"], cwd=ROOT, check=True)
    with tarfile.open(archive) as files:
        files.extractall(home, filter="data")
    return home


def bare(place: Path) -> dict[str, str]:
    """An environment of a machine that never saw Wafaa: its programs but for those, and no package kept."""
    programs = place / "bin"
    programs.mkdir()
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in folder.iterdir() if folder.is_dir() else ():
            there = programs / program.name
            if program.name not in ABSENT and not there.is_symlink():
                there.symlink_to(program)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    caches = ("UV_CACHE_DIR", "PIP_CACHE_DIR", "npm_config_cache", "XDG_CACHE_HOME")
    return kept | {"PATH": str(programs)} | {name: str(place / "cache" / name) for name in caches}


def up(home: Path, env: Mapping[str, str]) -> float:
    """Types the command, waits until it says that all is well, and stops it; gives the seconds until then."""
    began = time.perf_counter()
    argv = [str(home / ".venv" / "bin" / "wafaa"), "up", "--json", "--port", str(free_port())]
    with subprocess.Popen(argv, cwd=home, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            seconds = time.perf_counter() - began
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    if told["not_ready"]:
        raise RuntimeError(f"It isn't well: {told}")
    return seconds


def main() -> None:
    """Measures."""
    with workplace() as folder:
        place = Path(folder)
        home, env = clone(place), bare(place)
        if found := [name for name in ABSENT if shutil.which(name, path=env["PATH"])]:
            raise RuntimeError(f"There is {found}.")
        began = time.perf_counter()
        python = os.path.realpath(sys.executable)  # Not the virtual environment's.
        subprocess.run([python, "tools/setup.py"], cwd=home, env=env, check=True)
        set_up = time.perf_counter() - began
        first, again = up(home, env), up(home, env)
    publish(
        Path(__file__).parent,
        {
            "race": "From a fresh clone to the first question",
            "figures": {
                "first, seconds": set_up + first,
                "of them until everything is installed and built": set_up,
                "again, seconds until ready": again,
            },
            "goals": GOALS,
        },
    )


if __name__ == "__main__":
    main()

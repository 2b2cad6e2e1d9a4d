"""Keys and backups from the terminal: made anew, written, and restored elsewhere, with what was erased gone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = """JWT_SECRET_KEY=a-signing-key-of-the-tests-longer-than-32-bytes
WAFAA_MASTER_KEY=a-master-key-of-the-tests-longer-than-32-bytes
WAFAA_TENANT_KEY=a-tenant-key-of-the-tests-longer-than-32-bytes
WAFAA_APP_DATABASE_PASSWORD=password-of-the-tests
"""
_PREPARE = (
    "from app.cli.installation import read_settings; from app.cli import parts; "
    "parts.postgres(read_settings()).prepare()"
)


def run(home: Path, *words: str, code: int = 0) -> str:
    """What a command says, in the installation of a directory."""
    argv = (
        [sys.executable, *words] if words[0] == "-c" else [sys.executable, "-m", "app.cli", *words]
    )
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(argv, cwd=home, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def keys(home: Path) -> list[dict[str, Any]]:
    """What the command tells of keys."""
    told: list[dict[str, Any]] = json.loads(run(home, "keys", "list", "--json"))
    return told


@pytest.mark.timeout(400)
def test_an_installation_is_backed_up_and_restored_on_another_machine(tmp_path: Path) -> None:
    here, there, backup = tmp_path / "here", tmp_path / "there", tmp_path / "b.wafaa"
    for home in (here, there):
        home.mkdir()
        (home / ".env").write_text(SETTINGS)
    run(here, "-c", _PREPARE)
    run(here, "migrate")
    run(here, "client", "create", "bakery", "--name", "Bakery", "--email", "a@b.example")
    [before] = keys(here)
    assert (before["version"], before["left"]) == (1, 0)
    run(here, "keys", "rotate", "--client", "bakery")
    run(here, "keys", "rotate", "--kek")
    [after] = keys(here)
    assert after["version"] == 2
    assert after["under"] != before["under"]

    told = run(here, "backup", str(backup))
    assert "Keep the two apart" in told
    run(here, "backup", str(backup), code=1)  # It overwrites nothing.

    (there / ".wafaa").mkdir()
    (there / ".wafaa" / "master.keys").write_bytes((here / ".wafaa/master.keys").read_bytes())
    run(there, "restore", str(backup))
    assert keys(there)[0]["under"] == after["under"]
    assert "bakery" in run(there, "client", "list")
    assert "empty" in run(there, "restore", str(backup), code=1)

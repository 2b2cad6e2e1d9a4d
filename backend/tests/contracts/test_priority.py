"""Whoever works off what came in lets what comes in go first, and so do the database's processes that work for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import app_url, signer
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.core.priority import STEPS, backend_stands_back, stand_back

_AUTOGROUP = Path("/proc/self/autogroup")


@pytest.fixture
def child() -> Iterator[int]:
    """A process of ours, in a session of its own."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(command, start_new_session=True) as process:
        yield process.pid
        process.kill()


def nice(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def test_who_stands_back_has_a_smaller_share(child: int) -> None:
    before = nice(child)
    stand_back(child)
    assert nice(child) == min(19, before + STEPS)
    if _AUTOGROUP.exists():
        assert Path(f"/proc/{child}/autogroup").read_text().split()[-1] == str(STEPS)


def test_another_process_than_postgresqls_is_left_alone(child: int) -> None:
    before = nice(child)
    backend_stands_back(child)
    assert nice(child) == before


async def test_a_workers_sessions_stand_back_and_a_webhooks_dont(settings: Settings) -> None:
    ahead, behind = [
        Database.connect(app_url(settings), signer(settings), size=1, background=background)
        for background in (False, True)
    ]
    first, last = [await _niceness(db) for db in (ahead, behind)]
    assert last == min(19, first + STEPS)
    for db in (ahead, behind):
        await db.close()


async def _niceness(db: Database) -> int:
    async with db.directory() as tx:
        return nice(await tx.value("SELECT pg_backend_pid()"))

"""Whoever works off what came in lets what comes in go first, and so do the database's processes that work for it."""

import ctypes
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import app_url, signer
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.core.priority import SLICE_SECONDS, STEPS, backend_stands_back, stand_back, step_in

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


def _slice(pid: int) -> float:
    """Seconds, as the system says (sched_getattr(2))."""
    found = ctypes.create_string_buffer(48)
    number = {"x86_64": 315, "aarch64": 275}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(number, pid, found, 48, 0) == 0
    return float(struct.unpack("=IIQiIQQQ", found.raw)[5]) / 1e9


def _knows_slices() -> bool:
    major, minor = re.findall(r"\d+", os.uname().release)[:2]
    return (int(major), int(minor)) >= (6, 12)


def test_who_steps_in_has_the_same_share_in_shorter_slices(child: int) -> None:
    stand_back(child)
    before, usual = nice(child), _slice(child)
    step_in(child)
    assert nice(child) == before
    assert _slice(child) == (SLICE_SECONDS if _knows_slices() else usual)


async def test_a_webhooks_sessions_step_in_and_a_workers_dont(settings: Settings) -> None:
    found = []
    for background in (False, True):
        db = Database.connect(app_url(settings), signer(settings), size=1, background=background)
        async with db.directory() as tx:
            found.append(_slice(await tx.value("SELECT pg_backend_pid()")))
        await db.close()
    assert (found[0] == SLICE_SECONDS, found[1] == SLICE_SECONDS) == (_knows_slices(), False)


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

"""Who goes first where processors are few: what comes in, before what is durable already.

A platform waits for its 200; a turn can wait a moment longer. So whoever works off stands back, and with it those of
the database's processes that work for it, where they run on this machine and under our account.
"""

import ctypes
import os
import struct
from contextlib import suppress
from pathlib import Path

STEPS = 5
"""How much nicer: a third of the share of one who doesn't stand back, and all that nobody else wants. Not less: what
comes in may have to wait for a lock of one who does."""


def stand_back(pid: int | None = None) -> None:
    """Lets others go before this process, or before another of our account. If the system forbids it, all stay alike.

    Linux shares processors among sessions first, so what leads one says it for that too.
    """
    pid = pid or os.getpid()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + STEPS)
        if os.getsid(pid) == pid:
            Path(f"/proc/{pid}/autogroup").write_text(str(STEPS))


def backend_stands_back(pid: int) -> None:
    """The same of a process of PostgreSQL, if that is what the number stands for here."""
    if _is_postgresqls(pid):
        stand_back(pid)


_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The system call's numbers."""

SLICE_SECONDS = 0.0001
"""How long who answers at once may compute before others do: the shortest that Linux knows."""


def step_in(pid: int = 0) -> None:
    """Has this process, or another of ours, begin as soon as it has something to do, in short slices of its share.

    Else it waits until whoever computes has used up a slice of some milliseconds: for each step of an answer, such as a
    word from the disk. Linux does so since 6.12, before that it takes no notice (sched(7), sched_setattr(2)).
    """
    number = _SCHED_SETATTR.get(os.uname().machine)
    with suppress(OSError):  # It may be gone.
        if number is None or os.sched_getscheduler(pid) != os.SCHED_OTHER:
            return  # Whoever gave it another policy knows why.
        kept = os.getpriority(os.PRIO_PROCESS, pid)
        wish = struct.pack(
            "=IIQiIQQQ", 48, os.SCHED_OTHER, 0, kept, 0, int(SLICE_SECONDS * 1e9), 0, 0
        )
        ctypes.CDLL(None).syscall(number, pid, wish, 0)


def backend_steps_in(pid: int) -> None:
    """The same of a process of PostgreSQL."""
    if _is_postgresqls(pid):
        step_in(pid)


def _is_postgresqls(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    return False

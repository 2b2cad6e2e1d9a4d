"""Starting processes that never outlive the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
NOBODY = 65534
"""The account of no one; every Unix has it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the installation, and how it wants to be treated.

    Attributes:
        name: What its log lines begin with.
        argv: The command.
        env: Added to our own environment.
        directory: Where it runs; ours when absent.
        prepare: Runs before each start, such as clearing away what a crash left.
        ready: Whether it serves; asked often, so it must answer quickly. Without it, alive is ready.
        stop_signal: Asks it to end in order.
        orphan_signal: What it gets when whoever started it dies, however that happens.
        unprivileged: Run as ``nobody``; only root can ask for that.
        descriptors: Open files of ours that it keeps, under their numbers.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    prepare: Callable[[], None] | None = None
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    unprivileged: bool = False
    descriptors: Sequence[int] = ()

    def options(self) -> dict[str, Any]:
        """What ``subprocess`` and ``asyncio`` need beside the command.

        Its own session keeps Ctrl-C in a terminal from reaching it, so that we decide the order of stopping.
        """
        identity = (
            {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.unprivileged else {}
        )
        return {
            "env": {**os.environ, **self.env},
            "cwd": self.directory,
            "start_new_session": True,
            "preexec_fn": dies_with_us(self.orphan_signal),
            "pass_fds": self.descriptors,
            **identity,
        }


def dies_with_us(orphan_signal: signal.Signals) -> Callable[[], None]:
    """Makes what runs between fork and exec: the kernel will tell the child that its parent died.

    Linux only. The kernel watches the *thread* that forks, so fork from the main one. Elsewhere (macOS) a child
    survives a supervisor killed with -9: a server is then found and used by the next start, another part has
    to be ended by hand.
    """
    parent = os.getpid()
    prctl = (
        ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    )  # Loaded before the fork, not after it.

    def arm() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(orphan_signal))
            if os.getppid() != parent:
                os._exit(1)  # It died before we could ask.

    return arm


def kill_group(pid: int) -> None:
    """Ends what a dead part may have left of its own children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Asks again and again; tells whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def marked(mark: str) -> list[int]:
    """The living processes whose command line contains ``mark``; a dead one not yet collected has none."""
    return [pid for pid, line in _command_lines() if mark in line and pid != os.getpid()]


def _command_lines() -> Iterator[tuple[int, str]]:
    if sys.platform != "linux":
        yield from _command_lines_of_ps()
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # It ended while we looked.
                yield int(entry.name), (entry / "cmdline").read_bytes().decode(errors="replace")


def _command_lines_of_ps() -> Iterator[tuple[int, str]]:
    listing = subprocess.run(
        ["/bin/ps", "-axo", "pid=,args="], check=True, capture_output=True, text=True
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command

"""Who goes first where processors are few: what comes in, before what is durable already.

A platform waits for its 200; a turn can wait a moment longer. So whoever works off stands back, and with it those of
the database's processes that work for it, where they run on this machine and under our account.
"""

import os
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
    with suppress(OSError):
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: "):
            stand_back(pid)

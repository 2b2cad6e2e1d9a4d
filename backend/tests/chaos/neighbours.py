"""Who else computes on this machine: how much of it is left to a run decides how fast the run can be."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PROC = Path("/proc")
_IDLE = slice(3, 5)
_NO_GUESTS = slice(8)  # Their time is counted with whoever runs them.


@dataclass(frozen=True, slots=True)
class Look:
    """What was computed until a moment, in ticks of all cores.

    Attributes:
        total: What could have been computed.
        busy: What was, by anybody; a hypervisor that took the machine away was somebody too.
        ours: What each of our processes did.
    """

    total: int
    busy: int
    ours: dict[int, int]

    @classmethod
    def now(cls) -> Self:
        """Looks."""
        line = (_PROC / "stat").read_text("ascii").splitlines()[0]
        ticks = [int(word) for word in line.split()[1:]][_NO_GUESTS]
        return cls(sum(ticks), sum(ticks) - sum(ticks[_IDLE]), dict(_ours(os.getpid())))

    def room(self, later: "Look") -> float:
        """The share of the machine that others have left to us until then: 1 where nobody else was."""
        ours = sum(ticks - self.ours.get(pid, 0) for pid, ticks in later.ours.items())
        others = max(0, later.busy - self.busy - ours)
        return max(0.01, 1 - others / max(1, later.total - self.total))


def _ours(root: int) -> Iterator[tuple[int, int]]:
    """A process and all below it, with what each has computed."""
    below: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # It ended while we looked.
                found = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                below[int(found[1])].append(int(folder.name))
                ticks[int(folder.name)] = int(found[11]) + int(found[12])
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid, ticks.get(pid, 0)
        waiting += below[pid]

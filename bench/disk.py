"""A disk as managed databases have it: what is written rests after a millisecond, not after microseconds.

Only the calls that wait for the disk (``fsync``, ``fdatasync``) take longer, and only PostgreSQL's: it sleeps in them, as
it does while a slower disk works. ``pg_test_fsync`` tells how long they take then.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.embedded.postgres import EmbeddedPostgres
from app.embedded.postgres_ways import find_binaries
from app.embedded.processes import Part

MANAGED_US = 1050
"""How long a managed disk takes at least, less what waking up takes here: 1.1 ms as ``pg_test_fsync`` counts."""

_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static int at_rest(const char *name, int file) {
  int (*call)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_nsec += LEAST_US * 1000L;
  if (end.tv_nsec >= 1000000000L) { end.tv_sec++; end.tv_nsec -= 1000000000L; }
  int told = call(file);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, 0) != 0) {}
  return told;
}

int fsync(int file) { return at_rest("fsync", file); }
int fdatasync(int file) { return at_rest("fdatasync", file); }
"""


@dataclass(frozen=True)
class Disk:
    """How a database's disk behaves.

    Attributes:
        env: Settings that make it so; none for this machine's own.
    """

    env: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def managed(cls, place: Path) -> "Disk":
        """This machine's, made as slow as managed ones are; ``place`` keeps what does it."""
        library = place / "at_rest.so"
        command = ["gcc", "-shared", "-fPIC", "-O2", f"-DLEAST_US={MANAGED_US}", "-x", "c", "-", "-o", str(library)]
        subprocess.run(command, input=_SHIM.encode(), check=True)
        place.chmod(0o755)  # The server may run as nobody.
        return cls({"LD_PRELOAD": str(library)})

    def sync_us(self, place: Path) -> float:
        """Microseconds that ``pg_test_fsync`` counts for one ``fdatasync``."""
        command = [find_binaries() / "pg_test_fsync", "-s", "1", "-f", place / "sync.probe"]
        told = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True).stdout
        found = re.search(r"fdatasync\s.*?(\d+) usecs/op", told)
        if found is None:
            raise RuntimeError(told)
        return float(found[1])


class PostgresOn(EmbeddedPostgres):
    """A cluster on such a disk."""

    def __init__(self, home: Path, disk: Disk, **given: Any) -> None:
        super().__init__(home, **given)
        self._disk = disk

    def part(self) -> Part:
        """How it is run."""
        return replace(super().part(), env=self._disk.env)

"""Where embedded servers live: directories short enough for a socket, and locks that die with their holder."""

import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from app.core.errors import Misconfigured
from app.embedded.processes import NOBODY, wait_until

_SOCKET_PATH_LIMIT = 100
"""A Unix socket's path fits 107 bytes on Linux and 103 on macOS."""


def digest(path: Path) -> str:
    """A short name for a directory, the same at every start."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def socket_directory(home: Path, file_name: str) -> Path:
    """A directory that only its owner may enter, short enough for a socket called ``file_name``.

    It lies under ``home``; where that is too long, under XDG_RUNTIME_DIR or the system's temporary directory.
    """
    candidates = (
        home.resolve() / "run",
        *(Path(base) / f"wafaa-{digest(home)}" for base in _short_bases()),
    )
    fitting = (
        place for place in candidates if len(os.fsencode(place / file_name)) <= _SOCKET_PATH_LIMIT
    )
    return _private(next(fitting))


def _short_bases() -> tuple[str, ...]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    everybodys = "/tmp"  # noqa: S108 - ours in it is made 0700, and checked.
    bases = (runtime if os.access(runtime, os.W_OK) else "", tempfile.gettempdir(), everybodys)
    return tuple(base for base in bases if base)


def _private(place: Path) -> Path:
    """Makes a directory, or refuses one that somebody else made: the temporary directory is everybody's."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid in {
        os.getuid(),
        NOBODY if os.getuid() == 0 else os.getuid(),
    }
    if not ours:
        raise Misconfigured(
            f"{place} belongs to somebody else. Remove it, or set WAFAA_HOME to a shorter path."
        )
    place.chmod(0o700)
    return place


class Lock:
    """A file lock. The kernel frees it when its holder dies, however that happens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, *, shared: bool = False, seconds: float = 0.0) -> bool:
        """Takes the lock, or changes how it is held; tells whether that worked within ``seconds``."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        return wait_until(lambda: self._try(kind), seconds)

    def free(self) -> None:
        """Lets go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _try(self, kind: int) -> bool:
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

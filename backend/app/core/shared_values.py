"""Metric values that several processes share through files, so that one of them can show all.

The API and the workers are separate processes, and any of them may be killed. Each writes its values into
memory-mapped files of its own (prometheus_client's format, read by its ``MultiProcessCollector``), which survive it.
The library names files by process id, so that every restart would leave more of them and begin its counters anew;
here a process takes the first free *place* instead, held by a file lock that the kernel drops with the process, and
goes on where its predecessor was killed.
"""

import fcntl
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict, mmap_key

MOST_PLACES = 256
FIRST_BYTES = 1 << 16
"""What the library makes a new file of."""


class _File(Protocol):
    """What we use of the library's ``MmapedDict``, which ships no types."""

    def read_value(self, key: str) -> tuple[float, float]: ...
    def write_value(self, key: str, value: float, timestamp: float) -> None: ...
    def close(self) -> None: ...


class SharedValues:
    """One process's files in a directory. It holds its place for as long as it lives."""

    def __init__(self, directory: Path) -> None:
        """Takes the first free place.

        Raises:
            RuntimeError: So many processes are running that none is left.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self.place, self._lock_file = _take_place(directory)
        _remove_empty(directory)
        self._files: dict[str, _File] = {}
        self.lock = threading.Lock()

    def file(self, kind: str) -> _File:
        """The file for values of one kind, such as ``counter``."""
        if kind not in self._files:
            path = self._directory / f"{kind}_{self.place}.db"
            _make_whole(path)
            self._files[kind] = MmapedDict(str(path))  # type: ignore[no-untyped-call] # See _File.
        return self._files[kind]

    def close(self) -> None:
        """Gives the place up."""
        with self.lock:
            for file in self._files.values():
                file.close()
            self._files.clear()
        self._lock_file.close()


def _take_place(directory: Path) -> tuple[int, IO[bytes]]:
    for place in range(MOST_PLACES):
        file = (directory / f"place-{place}.lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return place, file
    raise RuntimeError(f"{MOST_PLACES} processes share {directory} already.")


def _make_whole(path: Path) -> None:
    """Makes a file that nobody ever sees empty: whoever read it then would fail, and so would every later start."""
    if not path.exists():
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            file.truncate(FIRST_BYTES)
        new.replace(path)


def _remove_empty(directory: Path) -> None:
    """What somebody left who was killed while making it in another way."""
    for path in directory.glob("*.db"):
        with suppress(FileNotFoundError):  # Two may begin at once.
            if path.stat().st_size == 0:
                path.unlink()


def use(shared: SharedValues | None) -> None:
    """Chooses where this process's metrics keep their values: in shared files, or in its own memory.

    The library has one such choice a process, made before the first value exists.
    """
    values.ValueClass = values.MutexValue if shared is None else _value_class(shared)


def _value_class(shared: SharedValues) -> type[Any]:
    """The library's kind of value, kept in ``shared``."""

    class SharedValue:
        _multiprocess = True

        def __init__(
            self,
            typ: str,
            metric_name: str,
            name: str,
            labelnames: list[str],
            labelvalues: list[str],
            help_text: str,
            multiprocess_mode: str = "",
            **_: object,
        ) -> None:
            kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
            self._key = mmap_key(metric_name, name, labelnames, labelvalues, help_text)
            with shared.lock:
                self._file = shared.file(kind)
                self._value, _timestamp = self._file.read_value(self._key)

        def inc(self, amount: float) -> None:
            with shared.lock:
                self._value += amount
                self._file.write_value(self._key, self._value, 0.0)

        def set(self, value: float, timestamp: float | None = None) -> None:
            with shared.lock:
                self._value = value
                self._file.write_value(self._key, value, timestamp or 0.0)

        def set_exemplar(self, _exemplar: object) -> None:
            """Exemplars have no place in the files."""

        def get(self) -> float:
            return float(self._value)

        def get_exemplar(self) -> None:
            return None

    return SharedValue

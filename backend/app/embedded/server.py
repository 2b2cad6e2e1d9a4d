"""What the embedded servers have in common: who starts them, who shares them, who stops them.

Two ways to run one:

- ``start()`` and ``stop()``, for a single command such as ``wafaa ask``: uses the server that already runs in this
  home, else starts it. Several commands may share it; the last one out stops it.
- ``reserve()`` and ``part()``, for ``wafaa up``: a supervisor runs it. Single commands then use that one, and
  wait for it while it is being restarted.

Either way the server dies with whoever started it (on Linux), and "running" means that it answers.
"""

import os
import subprocess
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from types import TracebackType
from typing import ClassVar, Self

from app.core.errors import Conflict, Unavailable
from app.embedded.places import Lock
from app.embedded.processes import Part, marked, wait_until

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class EmbeddedServer(ABC):
    """A server that keeps its data under ``home`` and listens on a Unix socket there."""

    name: ClassVar[str]
    stop_signal: ClassVar[Signals] = SIGTERM

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._starting = Lock(self.home / f"{self.name}.start.lock")
        self._users = Lock(self.home / f"{self.name}.users.lock")
        self._reserved = Lock(self.home / f"{self.name}.up.lock")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where others connect."""

    @property
    @abstractmethod
    def mark(self) -> str:
        """What stands in the command line of each of its processes, and of no other."""

    @abstractmethod
    def argv(self) -> list[str]:
        """The command that runs it in the foreground."""

    @abstractmethod
    def running(self) -> bool:
        """Whether it answers."""

    @abstractmethod
    def leader(self) -> int | None:
        """The process to signal, when an earlier start left one."""

    @abstractmethod
    def prepare(self) -> None:
        """Makes its directories, and removes what a crash left in them. Nothing runs in them now."""

    def ready(self) -> bool:
        """Whether it may be used."""
        return self.running()

    def start(self) -> str:
        """Makes sure it runs, for this process; gives its URL. Call it from the main thread.

        Raises:
            Unavailable: It doesn't start; the message ends with its log.
        """
        if not self._starting.take(seconds=_START_SECONDS):
            raise Unavailable(
                f"Somebody else has been starting {self.name} in {self.home} for too long."
            )
        try:
            self._users.take(shared=True, seconds=_START_SECONDS)
            self._attach_or_spawn()
        finally:
            self._starting.free()
        return self.url

    def stop(self, *, patience: float = 60.0) -> None:
        """Ends this process's use of it. The last one out stops it.

        Args:
            patience: How long the one that started it waits for others who still use it.
        """
        ours = self._process is not None and self._process.poll() is None
        try:
            if not self.supervised() and (self._last_one_out(patience if ours else 0.0) or ours):
                self._end()
        finally:
            self._users.free()
            self._starting.free()

    def __enter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stops it."""
        self.stop()

    def reserve(self, *, patience: float = 30.0) -> None:
        """Takes it for a supervisor: from now on nobody else starts or stops it, until ``release()`` or our end.

        Raises:
            Conflict: Another supervisor has it, or a command still uses it.
        """
        if not (self._starting.take(seconds=patience) and self._reserved.take(seconds=1.0)):
            self._starting.free()
            raise Conflict(f"Another `wafaa up` runs with {self.home}.")
        self._starting.free()
        if not self._users.take(seconds=patience):
            self.release()
            raise Conflict(f"Another wafaa command still uses {self.name} in {self.home}.")
        self._users.free()

    def release(self) -> None:
        """Gives up a reservation."""
        self._reserved.free()

    def supervised(self) -> bool:
        """Whether somebody else's supervisor has it."""
        probe = Lock(self.home / f"{self.name}.up.lock")
        try:
            return not probe.take(shared=True)
        finally:
            probe.free()

    def part(self) -> Part:
        """How a supervisor runs it."""
        return Part(
            name=self.name,
            argv=self.argv(),
            directory=Path("/"),
            prepare=self._make_way,
            ready=self.ready,
            stop_signal=self.stop_signal,
            orphan_signal=self.stop_signal,
        )

    def clear(self) -> None:
        """Ends what an earlier start left: in order if it still has a leader, else at once."""
        leader = self.leader()
        if leader is not None:
            _signal(leader, self.stop_signal)
            wait_until(lambda: leader not in marked(self.mark), _STOP_SECONDS)
        for pid in marked(self.mark):
            _signal(pid, SIGKILL)
        if not wait_until(lambda: not marked(self.mark), _STOP_SECONDS):
            raise Unavailable(
                f"What is left of {self.name} can't be ended: processes {marked(self.mark)}."
            )

    @property
    def log(self) -> Path:
        """Where it logs when no supervisor reads it."""
        return self.home / f"{self.name}.log"

    def _attach_or_spawn(self) -> None:
        if self.supervised():
            if not wait_until(self.ready, _START_SECONDS):
                raise Unavailable(
                    f"`wafaa up` has {self.name}, but it doesn't answer. See its log."
                )
        elif not self.ready():
            self._spawn()

    def _spawn(self) -> None:
        part = self.part()
        self._make_way()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary.
                part.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **part.options(),
            )
        process = self._process
        if (
            not wait_until(lambda: process.poll() is not None or self.ready(), _START_SECONDS)
            or process.poll()
        ):
            self._end()
            raise Unavailable(f"{self.name} doesn't start.\n{self._last_words()}")

    def _make_way(self) -> None:
        self.clear()
        self.prepare()

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-20:])

    def _last_one_out(self, seconds: float) -> bool:
        """Whether nobody else uses it; if so, nobody can begin to before we let go of the locks."""
        return wait_until(self._alone, seconds)

    def _alone(self) -> bool:
        if self._starting.take(seconds=1.0) and self._users.take():
            return True
        self._starting.free()
        return False

    def _end(self) -> None:
        if self._process is None:
            self.clear()
            return
        process, self._process = self._process, None
        process.send_signal(self.stop_signal)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _signal(pid: int, number: Signals) -> None:
    with suppress(ProcessLookupError):  # It ended by itself.
        os.kill(pid, number)

"""Keeps the parts of one installation alive: starts them in order, restarts what dies, stops them in reverse.

The parts die with the supervisor, even when it is killed with -9 (Linux; see ``processes.dies_with_us``).
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from app.core.errors import Unavailable, WafaaError
from app.embedded.processes import Part, kill_group

Sink = Callable[[str, bytes], None]
"""Takes a part's name and one line of its output, without its end."""

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_PROVEN_SECONDS = 30.0
_LONGEST_LINE = 1 << 20
_STOPPED_BY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger(__name__)


def to_stdout(name: str, line: bytes) -> None:
    """Writes a line behind its part's name."""
    with contextlib.suppress(OSError):  # Nobody reads any more; the parts go on.
        sys.stdout.buffer.write(b"%s | %s\n" % (name.encode(), line))
        sys.stdout.buffer.flush()


def pause_after(failures: int) -> float:
    """Seconds before the next start, after so many starts in a row that didn't last."""
    return (
        float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 16))) if failures else 0.0
    )


class Keeper:
    """Keeps one part alive."""

    def __init__(self, part: Part, sink: Sink) -> None:
        self.part = part
        self.restarts = 0
        self._sink = sink
        self._process: Process | None = None
        self._stopping = False
        self._task = asyncio.create_task(self._keep())

    @property
    def pid(self) -> int | None:
        """The process that is alive now."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def wait_ready(self, seconds: float) -> None:
        """Comes back once the part serves.

        Raises:
            Unavailable: It doesn't within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not self._ready():
            if self._task.done():
                self._task.result()
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"{self.part.name} doesn't start: {self.restarts} tries in {seconds:.0f} s. See its log."
                )
            await asyncio.sleep(0.02)

    async def stop(self, deadline: float) -> None:
        """Asks it to end, waits until ``deadline`` (but a second at least), then kills it."""
        self._stopping = True
        if self.pid is not None:
            self._signal(self.part.stop_signal)
        else:
            self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=max(1.0, deadline - time.monotonic()))
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait([self._task])

    def _ready(self) -> bool:
        return self.pid is not None and (self.part.ready is None or self.part.ready())

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # It ended by itself.
                self._process.send_signal(number)

    async def _keep(self) -> None:
        failures = 0
        while not self._stopping:
            began = time.monotonic()
            await self._run_once()
            lasted = time.monotonic() - began
            failures = 0 if lasted >= _PROVEN_SECONDS else failures + 1
            if not self._stopping:
                self.restarts += 1
                await asyncio.sleep(pause_after(failures))

    async def _run_once(self) -> None:
        """One life of the part, from preparing to clearing away what it left."""
        reading, writing = os.pipe()
        relaying = asyncio.create_task(self._relay(reading))
        try:
            self._process = await self._spawn(writing)
        except (OSError, WafaaError) as error:
            log.warning("part_not_started", part=self.part.name, exc_info=error)
            return
        finally:
            os.close(writing)
        try:
            code = await self._process.wait()
        finally:
            kill_group(self._process.pid)
            await asyncio.wait(
                [relaying], timeout=0.5
            )  # A child in a session of its own may go on.
            relaying.cancel()
        if not self._stopping:
            log.warning("part_died", part=self.part.name, exit_code=code)

    async def _spawn(self, output: int) -> Process:
        """Starts it. The pipe is ours: asyncio's would make waiting for it wait for its children too."""
        if self.part.prepare is not None:
            self.part.prepare()
        return await asyncio.create_subprocess_exec(
            *self.part.argv, stdin=DEVNULL, stdout=output, stderr=STDOUT, **self.part.options()
        )

    async def _relay(self, descriptor: int) -> None:
        """Passes its output on, line by line."""
        reader = asyncio.StreamReader()
        with open(descriptor, "rb", buffering=0) as pipe:  # noqa: ASYNC230 - a pipe.
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            try:
                await self._pass_on(reader)
            finally:
                transport.close()

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._sink(self.part.name, line)
        if rest:
            self._sink(self.part.name, rest)


class Supervisor:
    """Several parts, for as long as nobody asks to stop.

    ::

        async with Supervisor() as supervisor:
            await supervisor.start(postgres.part())
            migrate()
            await supervisor.start(Part("api", [wafaa, "serve"]))
            await supervisor.wait()
    """

    def __init__(self, sink: Sink = to_stdout, *, stop_seconds: float = 10.0) -> None:
        """Starts nothing yet.

        Args:
            sink: Where the parts' output goes.
            stop_seconds: How long stopping may take before what is left is killed.
        """
        self._sink = sink
        self._stop_seconds = stop_seconds
        self._keepers: list[Keeper] = []
        self._asked_to_stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Listens to SIGTERM, Ctrl-C and the terminal's end from now on."""
        for number in _STOPPED_BY:
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_stop.set)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Stops every part, the last started first."""
        await self.stop()
        for number in _STOPPED_BY:
            asyncio.get_running_loop().remove_signal_handler(number)

    async def start(self, part: Part, *, seconds: float = 60.0) -> Keeper:
        """Starts a part, keeps it alive from now on, and comes back once it is ready.

        Raises:
            Unavailable: It isn't ready within ``seconds``, or we were asked to stop meanwhile.
        """
        keeper = Keeper(part, self._sink)
        self._keepers.append(keeper)
        ready = asyncio.create_task(keeper.wait_ready(seconds))
        asked = asyncio.create_task(self._asked_to_stop.wait())
        await asyncio.wait([ready, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not ready.done():
            ready.cancel()
            raise Unavailable("Asked to stop while starting.")
        ready.result()
        return keeper

    async def wait(self) -> None:
        """Comes back when somebody asks to stop."""
        await self._asked_to_stop.wait()

    async def stop(self) -> None:
        """Stops every part, the last started first."""
        deadline = time.monotonic() + self._stop_seconds
        while self._keepers:
            await self._keepers.pop().stop(deadline)

"""Parts live as long as their supervisor, and no longer."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.processes import Part, marked, wait_until
from app.embedded.supervisor import Keeper, Supervisor, pause_after
from app.embedded.valkey import EmbeddedValkey

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
SUPERVISOR = """
import asyncio, sys
from app.embedded.processes import Part
from app.embedded.supervisor import Supervisor

async def main():
    async with Supervisor() as supervisor:
        for number in range(2):
            part = Part(f"part{number}", [sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]])
            await supervisor.start(part)
        print("ready", flush=True)
        await supervisor.wait()

asyncio.run(main())
"""


def python(name: str, code: str, *arguments: str) -> Part:
    return Part(name, [sys.executable, "-c", code, *arguments])


async def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def kill(keeper: Keeper) -> int:
    pid = keeper.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.fixture
def lines() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def supervisor(lines: list[tuple[str, bytes]]) -> Supervisor:
    return Supervisor(lambda name, line: lines.append((name, line)), stop_seconds=2)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0.0), (1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (1000, 10.0)],
)
def test_pauses_grow_to_a_limit(failures: int, seconds: float) -> None:
    assert pause_after(failures) == pytest.approx(seconds)


async def test_a_part_that_dies_is_started_again(supervisor: Supervisor) -> None:
    async with supervisor:
        keeper = await supervisor.start(python("api", SLEEPER))
        before = kill(keeper)
        assert await until(lambda: keeper.pid not in (None, before))
        assert keeper.restarts == 1


async def test_output_comes_line_by_line_with_its_parts_name(
    supervisor: Supervisor, lines: list[tuple[str, bytes]]
) -> None:
    code = "import sys, time; print('قهوة\\n' + 'x' * 200_000, flush=True); "
    code += "sys.stderr.write('end'); sys.stderr.flush(); time.sleep(60)"
    async with supervisor:
        await supervisor.start(python("worker", code))
        assert await until(lambda: len(lines) >= 2)
    assert lines == [("worker", "قهوة".encode()), ("worker", b"x" * 200_000), ("worker", b"end")]


async def test_a_part_that_never_gets_ready_is_said_so(supervisor: Supervisor) -> None:
    async with supervisor:
        part = Part("api", [sys.executable, "-c", "raise SystemExit(3)"], ready=lambda: False)
        with pytest.raises(Unavailable, match=r"api doesn't start: [1-9]"):
            await supervisor.start(part, seconds=0.7)


async def test_a_command_that_is_missing_is_tried_again(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    program = tmp_path / "late"
    async with supervisor:
        starting = asyncio.create_task(supervisor.start(Part("late", [str(program)])))
        await asyncio.sleep(0.1)
        (tmp_path / "new").write_text("#!/bin/sh\nsleep 60\n")
        (tmp_path / "new").chmod(0o755)
        (tmp_path / "new").rename(program)
        assert (await starting).restarts >= 1


async def test_the_last_started_stops_first(
    supervisor: Supervisor, lines: list[tuple[str, bytes]]
) -> None:
    code = "import signal; print('up', flush=True); signal.sigwait([signal.SIGTERM]); print('down', flush=True)"
    code = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); " + code
    async with supervisor:
        for name in ("first", "second", "third"):
            await supervisor.start(python(name, code))
        assert await until(lambda: len(lines) == 3)
    assert [name for name, line in lines if line == b"down"] == ["third", "second", "first"]


async def test_a_part_that_will_not_stop_is_killed(
    supervisor: Supervisor, lines: list[tuple[str, bytes]]
) -> None:
    mark = f"stubborn-{os.getpid()}"
    began = time.monotonic()
    async with supervisor:
        await supervisor.start(python("stubborn", STUBBORN, mark))
        assert await until(lambda: bool(lines))
    assert time.monotonic() - began < 6
    assert marked(mark) == []


async def test_a_dead_parts_children_go_with_it(
    supervisor: Supervisor, lines: list[tuple[str, bytes]]
) -> None:
    mark = f"grandchild-{os.getpid()}"
    argv = ["/bin/sh", "-c", 'python3 -c "import time; time.sleep(60)" "$0" & echo up; wait', mark]
    async with supervisor:
        keeper = await supervisor.start(Part("worker", argv))
        assert await until(lambda: bool(lines))
        before = kill(keeper)
        assert await until(lambda: keeper.pid not in (None, before) and len(lines) == 2)
        assert await until(lambda: len(marked(mark)) == 2)  # The new ones.
    assert marked(mark) == []


async def test_asking_to_stop_interrupts_a_start(supervisor: Supervisor) -> None:
    part = Part("api", [sys.executable, "-c", SLEEPER], ready=lambda: False)
    async with supervisor:
        asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGTERM)
        with pytest.raises(Unavailable, match="Asked to stop"):
            await supervisor.start(part)
        await supervisor.wait()


def test_parts_die_with_a_supervisor_that_was_killed() -> None:
    mark = f"orphan-{os.getpid()}"
    with started(mark) as process:
        assert len(marked(mark)) == 3
        process.kill()
    assert wait_until(lambda: marked(mark) == [], 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(number: signal.Signals) -> None:
    mark = f"signalled-{os.getpid()}"
    with started(mark) as process:
        process.send_signal(number)
        assert process.wait(10) == 0
    assert marked(mark) == []


def started(mark: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, mark], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


async def test_servers_come_back_after_they_were_killed(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    postgres = EmbeddedPostgres(tmp_path, max_connections=20, settings={"fsync": "off"})
    valkey = EmbeddedValkey(tmp_path)
    async with supervisor:
        for server in (postgres, valkey):
            server.reserve()
            keeper = await supervisor.start(server.part())
            before = kill(keeper)
            assert await until(lambda k=keeper, b=before, s=server: k.pid not in (None, b) and s.ready())  # type: ignore[misc]
    assert not postgres.running()
    assert not valkey.running()
    for server in (postgres, valkey):
        server.release()
        with server:
            assert server.running()

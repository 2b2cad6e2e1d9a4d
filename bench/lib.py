"""What the races share: processes whose CPU is counted, a real PostgreSQL with fsync on, rounds in random order.

CPU comes from ``/proc/<pid>/schedstat`` of every thread of a process tree, in nanoseconds on a processor, and from
what a process has collected of children that ended: other work on the machine doesn't count. Wall time does suffer
from it, so quote ratios within one run.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

import uvloop

ROOT = Path(__file__).parents[1]
BACKEND = ROOT / "backend"
sys.path.insert(0, str(BACKEND))

from app.embedded.postgres import EmbeddedPostgres  # noqa: E402
from app.embedded.processes import dies_with_us  # noqa: E402
from app.embedded.valkey import EmbeddedValkey  # noqa: E402

from bench.disk import Disk, PostgresOn  # noqa: E402

SECRET = "a secret of the benchmarks, longer than thirty-two bytes"  # noqa: S105

IDLE_WORKERS = {"WAFAA_SHED_SECONDS": "10000,20000,30000,40000,50000"}
"""Where nobody works off what comes in: how long it has waited says nothing then."""


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            found += tree(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Seconds on a processor of these processes' living threads, and of their children that have ended.

    A database's backend that ends inside a round would otherwise take its share with it.
    """
    return sum(_living(pid) + _ended(pid) for pid in pids)


def _living(pid: int) -> float:
    total = 0
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(stat.read_text().split()[0])
        except (OSError, IndexError):
            continue
    return total / 1e9


def _ended(pid: int) -> float:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(after_name[13]) + int(after_name[14])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime


def pss_mb(pid: int) -> float:
    """Proportional memory of one process, in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("The kernel doesn't tell.")


@dataclass
class Racer:
    """Something that is timed.

    Attributes:
        name: What it is called in the results.
        run: Does one round and tells how many operations it did.
        pids: Whose CPU is counted, by group.
        ready: Makes what a round needs, before its clock runs.
        rounds: What was measured.
    """

    name: str
    run: Callable[[], Awaitable[int]]
    pids: Mapping[str, Callable[[], list[int]]]
    ready: Callable[[], Awaitable[None] | None] = lambda: None
    rounds: list[dict[str, float]] = field(default_factory=list)

    async def warm(self) -> None:
        """One round that isn't counted."""
        await self._prepare()
        await self.run()

    async def round(self) -> None:
        """One round."""
        await self._prepare()
        before = {group: cpu_seconds(pids()) for group, pids in self.pids.items()}
        began = time.perf_counter()
        operations = await self.run()
        seconds = time.perf_counter() - began
        measured = {"operations": operations, "per_second": operations / seconds}
        for group, pids in self.pids.items():
            measured[f"{group}_cpu_us"] = (cpu_seconds(pids()) - before[group]) / operations * 1e6
        self.rounds.append(measured)

    async def _prepare(self) -> None:
        preparing = self.ready()
        if preparing is not None:
            await preparing

    def median(self, figure: str) -> float:
        """The middle of a figure over all rounds."""
        return statistics.median(r[figure] for r in self.rounds)

    def summary(self) -> dict[str, dict[str, float]]:
        """Least, middle and most of every figure."""
        return {
            name: {
                "min": min(r[name] for r in self.rounds),
                "median": self.median(name),
                "max": max(r[name] for r in self.rounds),
            }
            for name in self.rounds[0]
        }


async def race(racers: list[Racer], rounds: int, seed: int = 1) -> None:
    """Lets all racers run ``rounds`` times, shuffled inside each round, after one round that isn't counted."""
    order = random.Random(seed)  # noqa: S311 # Chance, not secrecy.
    for racer in racers:
        await racer.warm()
    for _ in range(rounds):
        shuffled = order.sample(racers, len(racers))
        for racer in shuffled:
            await asyncio.sleep(0.2)
            await racer.round()


def ratio(a: Racer, b: Racer, figure: str) -> float:
    """How many times b's median a's is."""
    return a.median(figure) / b.median(figure)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a race on the event loop that costs the load least."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


@contextmanager
def servers(
    home: Path, disk: Disk | None = None, **settings: str
) -> Iterator[tuple[EmbeddedPostgres, EmbeddedValkey]]:
    """PostgreSQL as in production (fsync on), and Valkey.

    Args:
        home: Where they live.
        disk: How PostgreSQL's behaves; as this machine's when absent.
        settings: More settings of PostgreSQL.
    """
    with (
        PostgresOn(home, disk or Disk(), max_connections=200, settings=settings) as postgres,
        EmbeddedValkey(home) as cache,
    ):
        yield postgres, cache


def aged(server: EmbeddedPostgres) -> None:
    """Gives it a log whose files have all been used, as any server has after its first day: it makes no new ones."""
    for _ in range(16):
        server.execute("SELECT pg_logical_emit_message(true, '', '')")
        server.execute("SELECT pg_switch_wal()")
    server.execute("CHECKPOINT")


def postgres_pids(server: EmbeddedPostgres) -> Callable[[], list[int]]:
    """Every process of the database server."""
    return lambda: tree(server.leader() or 0)


def pin(processor: int, pid: int = 0) -> None:
    """Keeps a process, or this one, on one processor, where there are several: load beside what is loaded."""
    if processor in (available := os.sched_getaffinity(pid)) and len(available) > 1:
        os.sched_setaffinity(pid, {processor})


@contextmanager
def process(
    argv: list[str], env: Mapping[str, str], log: Path, *, processor: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A child that is ended afterwards; its output goes to a file. Its session is its own, as
    under ``wafaa up``; where this process is ended, it ends too.

    Args:
        argv: The command.
        env: Settings beside this process's own.
        log: The file.
        processor: The only one that it may use.
    """
    with (
        log.open("ab") as out,
        subprocess.Popen(
            argv,
            cwd=BACKEND,
            env={**os.environ, "PYTHONPATH": f"{BACKEND}:{ROOT}", **env},
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=dies_with_us(SIGTERM),
        ) as child,
    ):
        try:
            if processor is not None:
                pin(processor, child.pid)
            yield child
        finally:
            child.terminate()
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()


async def until_answers(url: str, child: "subprocess.Popen[bytes]", seconds: float = 60.0) -> float:
    """Waits for HTTP 200; gives the seconds it took."""
    import aiohttp

    began = time.perf_counter()
    async with aiohttp.ClientSession() as http:
        while time.perf_counter() - began < seconds:
            if child.poll() is not None:
                raise RuntimeError(f"{child.args} ended with {child.returncode}.")
            try:
                async with http.get(url) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)
    raise TimeoutError(url)


def environment(database: str, cache: str, home: Path, port: int) -> dict[str, str]:
    """Settings of a product under test."""
    return {
        "DATABASE_URL": database,
        "REDIS_URL": cache,
        "JWT_SECRET_KEY": SECRET,
        "WAFAA_MASTER_KEY": SECRET,
        "WAFAA_TENANT_KEY": SECRET,
        "WAFAA_APP_DATABASE_PASSWORD": "password-of-the-benchmarks",
        "WAFAA_HOME": str(home),
        "WAFAA_PORT": str(port),
        "WAFAA_QUIET_SECONDS": "0",
        "META_APP_SECRET": "shared-app-secret-of-the-benchmarks",
        "WAFAA_LIMITS": "client=1000000/1,credential=1000000/1,contact=1000000/1,address=off",
    }


def publish(folder: Path, results: dict[str, object]) -> None:
    """Writes a race's results beside it, and shows them."""
    machine = {
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "date": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[0], 1),
    }
    text = json.dumps({"machine": machine, **results}, indent=2, default=str)
    (folder / "results.json").write_text(text + "\n")
    print(text)  # noqa: T201


def workplace() -> "tempfile.TemporaryDirectory[str]":
    """A directory for one run."""
    return tempfile.TemporaryDirectory(prefix="wafaa-bench-")

"""P18 footprint: what it costs to import the roles, to be ready, and to stay."""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path

from bench import knowledge, product
from bench.graph import Graph
from bench.lib import (
    BACKEND,
    cpu_seconds,
    environment,
    postgres_pids,
    pss_mb,
    publish,
    servers,
    tree,
    workplace,
)
from bench.turn.run import Turns

from app.services.knowledge.base import Purpose
from app.services.knowledge.embedders.local import Config, LocalEmbedder

GOALS = {
    "API, PSS in MB": "<= 80",
    "API, CPU seconds until ready": "<= 1",
    "wafaa --help, CPU seconds": "<= 0.3",
    "a question embedded, CPU ms": "<= 8",
}
QUESTIONS = 200
MODULES = ("app.cli.serve", "app.cli.work", "app.cli.embed", "bench.naive.app")


def import_seconds(module: str) -> float:
    """CPU seconds of a process that imports a module, the least of three."""
    return min(_import_once(module) for _ in range(3))


def _import_once(module: str) -> float:
    path = f"{BACKEND}{os.pathsep}{BACKEND.parent}"
    env = {
        **os.environ,
        "PYTHONPATH": path,
        "NAIVE_DATABASE_URL": "postgresql+asyncpg://x@/x",
        "NAIVE_APP_SECRET": "x",
    }
    code = f"import {module}, os; print(sum(os.times()[:2]))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=BACKEND, check=True, capture_output=True
    )
    return float(done.stdout)


def help_seconds() -> float:
    """CPU seconds of ``wafaa --help``, the least of three."""
    return min(_help_once() for _ in range(3))


def _help_once() -> float:
    before = os.times()
    argv = [sys.executable, "-m", "app.cli", "--help"]
    subprocess.run(argv, cwd=BACKEND, check=True, capture_output=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])  # Of children that have ended.


async def embedding_ms(socket: Path, pid: int) -> float:
    """The embedder's CPU milliseconds a question, asked one after the other."""
    embedder = LocalEmbedder(Config(socket=socket), None)  # type: ignore[arg-type] # It needs no tools.
    try:
        await embedder.embed(["Are you open?"], Purpose.QUERY)
        before = cpu_seconds([pid])
        for number in range(QUESTIONS):
            question = f"How much is dish number {number}, and until when is it served?"
            await embedder.embed([question], Purpose.QUERY)
        return (cpu_seconds([pid]) - before) / QUESTIONS * 1000
    finally:
        await embedder.close()


async def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    imports = {module: import_seconds(module) for module in MODULES}
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home = Path(place)
        ours = postgres.createdb("ours")
        async with Graph() as graph:
            env = environment(ours, valkey.url, home, product.free_port())
            numbers = await product.prepare(env, 5, graph.url)
            async with product.running(env, home) as installed:
                ready_cpu = cpu_seconds([installed.api])
                await product.teach(env, [f"client-{n}" for n in range(5)], knowledge.as_text())
                turns = Turns(
                    installed.url, "/webhook/whatsapp/client-{n}", numbers, graph, given.count
                )
                turns.make()
                await turns.run()
                await asyncio.sleep(2.0)
                memory = {
                    "API": pss_mb(installed.api),
                    "worker": pss_mb(installed.worker),
                    "embedder": pss_mb(installed.embedder),
                    "PostgreSQL": sum(pss_mb(pid) for pid in postgres_pids(postgres)()),
                }
                embedding = await embedding_ms(home / "embed.sock", installed.embedder)
                alone = {"API": len(tree(installed.api)), "worker": len(tree(installed.worker))}
    publish(
        Path(__file__).parent,
        {
            "race": "P18 footprint",
            "figures": {
                "API, PSS in MB": memory["API"],
                "API, CPU seconds until ready": ready_cpu,
                "API, seconds until ready": installed.seconds,
                "worker, PSS in MB": memory["worker"],
                "embedder, PSS in MB": memory["embedder"],
                "PostgreSQL, PSS in MB": memory["PostgreSQL"],
                "wafaa --help, CPU seconds": help_seconds(),
                "a question embedded, CPU ms": embedding,
            },
            "goals": GOALS,
            "CPU seconds to import": imports,
            "processes": alone,
            "after requests": given.count,
        },
    )


if __name__ == "__main__":
    asyncio.run(main())

"""P9 turn: a message comes in by webhook, and its answer goes out through the Graph API.

Twice. *As installed*: ours with every role running; the embedder's CPU is counted apart, as the naive app has none (it
compares words), and the built-in model quotes. *Models over HTTP*: both have the question embedded and answered by a
service that answers at once, in OpenAI's protocol; the naive app calls it by hand, and once more by OpenAI's own client.
Every question is asked in words of its own, so that no answer comes from the cache.
"""

import argparse
import asyncio
import itertools
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from bench import knowledge, product, sdk
from bench.graph import Graph
from bench.lib import (
    BACKEND,
    ROOT,
    EmbeddedPostgres,
    Racer,
    environment,
    pin,
    postgres_pids,
    process,
    publish,
    race,
    ratio,
    servers,
    tree,
    until_answers,
    workplace,
)
from bench.load import post_all, request
from bench.models import DIMENSIONS, Models

AT_ONCE = 16
CLIENTS = 5
BY_SDK = "naive by OpenAI's client"
GOALS = {
    "naive / ours, CPU of the app": ">= 8",
    "ours / naive, per second": ">= 6",
    "round trips a turn": "<= 5 as single calls",
}


class Turns:
    """A round: everybody asks once, and waits for the answer."""

    def __init__(self, url: str, path: str, numbers: list[str], graph: Graph, count: int) -> None:
        self._url, self._path, self._numbers, self._graph, self._count = (
            url,
            path,
            numbers,
            graph,
            count,
        )
        self._chance = random.Random(7)  # noqa: S311
        self._serial = itertools.count()
        self._made: list[bytes] = []

    def make(self) -> None:
        """Writes the next round's questions, each from somebody new."""
        self._made = [self._ask(next(self._serial)) for _ in range(self._count)]

    def _ask(self, serial: int) -> bytes:
        n = self._chance.randrange(len(self._numbers))
        question, _ = self._chance.choice(knowledge.faq())
        text = f"{_name(serial)} here. {question}"
        raw, headers = product.body(self._numbers[n], f"96650{serial:07d}", text, int(time.time()))
        return request(self._url, self._path.format(n=n), raw, headers)

    async def run(self) -> int:
        """Posts them, and waits for as many replies."""
        wanted = self._graph.taken + self._count
        await post_all(self._url, self._made, AT_ONCE)
        await self._graph.until(wanted)
        return self._count


def _name(serial: int) -> str:
    """A made-up name of letters alone: a number would be a claim."""
    letters = [chr(97 + (serial // 20**place) % 20) for place in range(4)]
    return "Um" + "a".join(letters).capitalize()


@asynccontextmanager
async def naive_app(
    database: str, graph_url: str, model_url: str, log: Path, *, by_sdk: bool = False
) -> AsyncIterator[tuple[str, int]]:
    """The naive app; gives its address and process."""
    port, env = product.free_port(), product.naive_env(database, graph_url, model_url)
    if by_sdk:
        env |= {"NAIVE_SDK": "openai", "PYTHONPATH": f"{BACKEND}:{ROOT}:{sdk.installed()}"}
    with process(product.naive(port), env, log) as naive:
        await until_answers(f"http://127.0.0.1:{port}/health", naive)
        yield f"http://127.0.0.1:{port}", naive.pid


async def statements(database: str, us: Racer) -> dict[str, float]:
    """Statements a turn, counted by the database in a round of its own; those of the same call share a trip."""
    connection = await asyncpg.connect(product.plain(database))
    try:
        await connection.execute("CREATE EXTENSION pg_stat_statements")
        await _track(connection, "top")
        await connection.execute("SELECT pg_stat_statements_reset()")
        us.ready()
        count = await us.run()
        await asyncio.sleep(1.0)
        rows = await connection.fetch(
            "SELECT query, calls::int FROM pg_stat_statements JOIN pg_roles r ON r.oid = userid AND rolname = 'wafaa_app' "
            "ORDER BY calls DESC"
        )
        await _track(connection, "none")
    finally:
        await connection.close()
    scopes = sum(row["calls"] for row in rows if "set_config" in row["query"])
    total = sum(row["calls"] for row in rows)
    most = {" ".join(row["query"].split())[:100]: row["calls"] / count for row in rows[:40]}
    return {"statements": total / count, "opening a scope": scopes / count, **most}


async def _track(connection: "asyncpg.Connection[asyncpg.Record]", what: str) -> None:
    await connection.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'")
    await connection.execute("SELECT pg_reload_conf()")


def over_http(models: Models) -> dict[str, str]:
    """Settings with which ours asks that service for vectors and answers."""
    return {
        "LLM_PROVIDERS": "llama",
        "LLAMA_BASE_URL": models.url,
        "EMBEDDER": "openai",
        "OPENAI_API_KEY": "key",
        "OPENAI_BASE_URL": models.url,
        "OPENAI_REGION": "local",
        "OPENAI_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    }


async def compare(
    postgres: EmbeddedPostgres, cache: str, home: Path, models: Models | None, rounds: int, count: int
) -> dict[str, Any]:
    """One race of both, with models over HTTP or as installed."""
    home.mkdir()
    ours, theirs = postgres.createdb(f"ours_{home.name}"), postgres.createdb(f"naive_{home.name}")
    owner = await asyncpg.connect(product.plain(ours))
    await _track(owner, "none")
    await owner.close()
    async with Graph() as our_graph, Graph() as their_graph:
        env = environment(ours, cache, home, product.free_port())
        if models:
            env |= over_http(models)
            os.environ.update(env)  # Adapters read theirs from there, in this process too.
        numbers = await product.prepare(env, CLIENTS, our_graph.url)
        async with (
            product.running(env, home) as installed,
            naive_app(
                theirs, their_graph.url, models.url if models else "", home / "naive.log"
            ) as (naive_url, naive_pid),
            AsyncExitStack() as stack,
        ):
            await product.teach(
                env, [f"client-{n}" for n in range(CLIENTS)], knowledge.as_text()
            )
            texts = [f"{question} {answer}" for question, answer in knowledge.faq()]
            await product.prepare_naive(theirs, numbers, texts)
            if models:
                by_sdk = postgres.createdb(f"sdk_{home.name}")
                sdk_url, sdk_pid = await stack.enter_async_context(
                    naive_app(by_sdk, their_graph.url, models.url, home / "sdk.log", by_sdk=True)
                )
                await product.prepare_naive(by_sdk, numbers, texts)
            database = postgres_pids(postgres)
            pin(0)
            path = "/webhook/whatsapp/client-{n}"
            our = Turns(installed.url, path, numbers, our_graph, count)
            their = Turns(naive_url, "/webhook", numbers, their_graph, count // 2)
            pids = {
                "app": lambda: [*tree(installed.api), *tree(installed.worker)],
                "api": lambda: tree(installed.api),
                "worker": lambda: tree(installed.worker),
                "embedder": lambda: tree(installed.embedder),
                "postgres": database,
            }
            us = Racer("ours", our.run, pids, our.make)
            theirs_pids = {"app": lambda: tree(naive_pid), "postgres": database}
            peer = Racer("naive", their.run, theirs_pids, their.make)
            racers = [us, peer]
            if models:
                asked_by_sdk = Turns(sdk_url, "/webhook", numbers, their_graph, count // 2)
                sdk_pids = {"app": lambda: tree(sdk_pid), "postgres": database}
                racers.append(Racer(BY_SDK, asked_by_sdk.run, sdk_pids, asked_by_sdk.make))
            await race(racers, rounds)
            counted = await statements(ours, us)
        answered = await product.count(ours, "usage_records WHERE model NOT LIKE 'phrase:%'")
        replied = await product.count(ours, "messages WHERE author = 'assistant'")
    asked = await product.count(ours, "messages WHERE author = 'contact'")
    assert replied == our_graph.taken == asked
    return {
        "figures": {
            "naive / ours, CPU of the app": ratio(peer, us, "app_cpu_us"),
            "ours / naive, per second": ratio(us, peer, "per_second"),
            "naive / ours, CPU of PostgreSQL": ratio(peer, us, "postgres_cpu_us"),
            "answered from what was taught": answered / replied,
            "round trips a turn": counted["statements"] - counted["opening a scope"],
            **{f"{r.name} / ours, CPU of the app": ratio(r, us, "app_cpu_us") for r in racers[2:]},
        },
        "statements a turn": counted,
        "racers": {r.name: r.summary() for r in racers},
    }


async def main() -> None:
    """Runs the race, as installed and with models over HTTP."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    with (
        workplace() as place,
        servers(Path(place), shared_preload_libraries="pg_stat_statements") as (postgres, valkey),
    ):
        async with Models() as models:
            built_in, http = [
                await compare(postgres, valkey.url, Path(place, name), asked, given.rounds, given.count)
                for name, asked in (("installed", None), ("http", models))
            ]
    publish(
        Path(__file__).parent,
        {
            "race": "P9 turn",
            "figures": built_in["figures"]
            | {f"models over HTTP: {name}": value for name, value in http["figures"].items()},
            "goals": GOALS | {f"models over HTTP: {name}": goal for name, goal in GOALS.items()},
            "statements a turn": built_in["statements a turn"],
            "racers": built_in["racers"]
            | {f"{name}, models over HTTP": racer for name, racer in http["racers"].items()},
        },
    )


if __name__ == "__main__":
    asyncio.run(main())

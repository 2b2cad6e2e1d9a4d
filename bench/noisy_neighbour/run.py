"""P14 noisy-neighbour: one client sends fifty times what it may, and 24 others one message a second each.

What is timed is what people feel: from the moment a contact's webhook is due to the moment their reply reaches the
platform. First the others are alone (the quiet run), then beside the flood: fifty messages a second, but at least twice
what the racer can answer, so that its backlog grows all the while. The naive app answers in the order of arrival.
"""

import argparse
import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench import knowledge, product
from bench.graph import Graph
from bench.lib import environment, pin, process, publish, servers, until_answers, workplace
from bench.load import percentile, post_all, post_at, request

OTHERS = 24
ALONE = 6.0
"""Seconds after which nobody else is about: what one client's answers cost it then is a racer's capacity."""

PATIENCE = 45.0
"""Seconds after which a reply that hasn't come counts as none."""

GOALS = {
    "others' p99 beside the flood / alone": "<= 2 (performance.md: <= 1.5)",
    "others' p99, naive / ours, beside the flood": ">= 10",
    "others' messages answered": "1",
}


class Heard(Graph):
    """A Graph API that knows when whom a reply reached."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}

    def take(self, message: bytes) -> bytes:
        """Takes a message, and notes the moment."""
        told = orjson.loads(message)
        who = str(told.get("to") or told.get("recipient")).removeprefix("SA.")
        self.at.setdefault(who, time.perf_counter())
        return super().take(message)


@dataclass
class Town:
    """The clients of one racer, and what is sent to them."""

    url: str
    path: str
    numbers: list[str]
    graph: Heard
    serial: "itertools.count[int]"
    neighbours: int = OTHERS

    def ask(self, n: int, sender: str) -> bytes:
        """A contact's question to a client, in words of its own."""
        question, _ = knowledge.faq()[int(sender) % len(knowledge.faq())]
        raw, headers = product.body(
            self.numbers[n], sender, f"{question} {_words(int(sender))}", int(time.time())
        )
        return request(self.url, self.path.format(n=n), raw, headers)

    async def others(self, seconds: float) -> list[float]:
        """One message a second to each of the others; the seconds until each reply, all patience where none came."""
        senders = [f"96651{next(self.serial):07d}" for _ in range(int(seconds * self.neighbours))]
        due: dict[str, float] = {}
        requests = []
        for place, sender in enumerate(senders):
            requests.append(self.ask(1 + place % self.neighbours, sender))
            due[sender] = place / self.neighbours
        # The lines are opened by then: their opening isn't part of anybody's wait.
        began = time.perf_counter() + 1.0
        ended = await post_at(self.url, requests, self.neighbours, lines=64, begins=began)
        assert all(one.status == 200 for one in ended)
        while time.perf_counter() < began + seconds + PATIENCE:
            if all(sender in self.graph.at for sender in senders):
                break
            await asyncio.sleep(0.05)
        return [self.graph.at.get(s, began + due[s] + PATIENCE) - began - due[s] for s in senders]

    async def capacity(self, count: int = 150) -> float:
        """How many answers a second it gives at most, to one client."""
        senders = [f"96653{next(self.serial):07d}" for _ in range(count)]
        began = time.perf_counter()
        await post_all(self.url, [self.ask(0, sender) for sender in senders], 16)
        async with asyncio.timeout(120):
            while not all(sender in self.graph.at for sender in senders):
                await asyncio.sleep(0.02)
        return count / (time.perf_counter() - began)

    async def flood(self, per_second: float, seconds: float) -> None:
        """One client gets far too much."""
        count = int(per_second * seconds)
        await post_at(
            self.url,
            [self.ask(0, f"96652{next(self.serial):07d}") for _ in range(count)],
            per_second,
        )


def _words(serial: int) -> str:
    """A name of letters alone, so that no answer comes from the cache."""
    return "Um" + "a".join(chr(97 + (serial // 20**place) % 20) for place in range(6))


async def measure(town: Town, flood: float, seconds: float) -> dict[str, float]:
    """The others alone, then beside the flood."""
    await town.others(5)
    await asyncio.sleep(ALONE)
    flood = max(flood, 2 * await town.capacity())
    alone = await town.others(seconds)
    flooding = asyncio.create_task(town.flood(flood, seconds + 5))
    await asyncio.sleep(5)
    beside = await town.others(seconds)
    flooding.cancel()
    return {
        "flood, a second": flood,
        "alone p50 (ms)": percentile(alone, 0.5),
        "alone p99 (ms)": percentile(alone, 0.99),
        "beside p50 (ms)": percentile(beside, 0.5),
        "beside p99 (ms)": percentile(beside, 0.99),
        "answered": sum(one < PATIENCE for one in beside) / len(beside),
    }


@asynccontextmanager
async def naive_town(
    database: str, home: Path, numbers: list[str]
) -> AsyncIterator[Callable[[Heard], Town]]:
    """The naive app with the same clients and knowledge."""
    port = product.free_port()
    async with Heard() as graph:
        with process(
            product.naive(port), product.naive_env(database, graph.url), home / "naive.log"
        ) as naive:
            url = f"http://127.0.0.1:{port}"
            await until_answers(f"{url}/health", naive)
            texts = [f"{question} {answer}" for question, answer in knowledge.faq()]
            await product.prepare_naive(database, numbers, texts)
            yield lambda _: Town(url, "/webhook", numbers, graph, itertools.count(), len(numbers) - 1)


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument(
        "--flood", type=float, default=50, help="Messages a second to the one client."
    )
    parser.add_argument(
        "--others", type=int, default=OTHERS, help="As many as are answered at once when nobody floods."
    )
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home = Path(place)
        ours, theirs = postgres.createdb("ours"), postgres.createdb("naive")
        async with Heard() as graph:
            env = environment(ours, valkey.url, home, product.free_port())
            numbers = await product.prepare(env, given.others + 1, graph.url)
            async with product.running(env, home) as installed:
                slugs = [f"client-{n}" for n in range(given.others + 1)]
                await product.teach(env, slugs, knowledge.as_text())
                pin(0)
                town = Town(
                    installed.url, "/webhook/whatsapp/client-{n}", numbers, graph, itertools.count(),
                    given.others,
                )  # fmt: skip
                us = await measure(town, given.flood, given.seconds)
        async with naive_town(theirs, home, numbers) as theirs_of:
            them = await measure(theirs_of(graph), given.flood, given.seconds)
    publish(
        Path(__file__).parent,
        {
            "race": "P14 noisy-neighbour",
            "figures": {
                "others' p99 beside the flood / alone": us["beside p99 (ms)"] / us["alone p99 (ms)"],
                "others' p99, naive / ours, beside the flood": them["beside p99 (ms)"]
                / us["beside p99 (ms)"],
                "others' messages answered": us["answered"],
                "others, a second": float(given.others),
                **{f"ours, {name}": value for name, value in us.items() if name != "answered"},
                **{
                    f"naive, {name}": value
                    for name, value in them.items()
                    if name != "answered"
                },
            },
            "goals": GOALS,
        },
    )


if __name__ == "__main__":
    asyncio.run(main())

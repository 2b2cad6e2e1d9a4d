"""P20 overload: four times what the API can take, for ten seconds; what it does take, and how soon it is well again.

The sustainable rate is what a closed loop brings in for as long as the storm lasts, before it and after it; the better of
both is the peak. Webhooks come at four times the first, whatever becomes of them, over more connections than may wait:
each is taken (200, committed) or refused with a problem that says when to come again. Nobody works off what comes, so how long it has waited is no reason to refuse it here.
"""

import argparse
import asyncio
import itertools
import os
import random
import time
from pathlib import Path

from bench import product
from bench.lib import (
    IDLE_WORKERS,
    cpu_seconds,
    environment,
    pin,
    postgres_pids,
    process,
    publish,
    run,
    servers,
    tree,
    until_answers,
    workplace,
)
from bench.load import Answered, percentile, post_all, post_at, request

SECONDS, TIMES, LINES = 10, 4, 6000
GOALS = {
    "goodput under overload / peak": ">= 0.9",
    "seconds until well again": "<= 2",
    "answered with neither 200 nor 503 or 429": "0",
    "refused": "> 0: there was more than may wait",
}


class Flood:
    """Webhooks of new contacts at many clients."""

    def __init__(self, url: str, numbers: list[str]) -> None:
        self._url, self._numbers = url, numbers
        self._serial, self._chance = itertools.count(), random.Random(7)  # noqa: S311

    def make(self, count: int) -> list[bytes]:
        """Writes so many."""
        return [self._one(next(self._serial)) for _ in range(count)]

    def _one(self, serial: int) -> bytes:
        n = self._chance.randrange(len(self._numbers))
        raw, headers = product.body(self._numbers[n], f"96650{serial:07d}", "Do you deliver?", int(time.time()))
        return request(self._url, f"/webhook/whatsapp/client-{n}", raw, headers)

    async def peak(self, count: int) -> float:
        """The sustainable rate: 64 callers who wait for their answers."""
        made = self.make(count)
        began = time.perf_counter()
        await post_all(self._url, made, 64)
        return count / (time.perf_counter() - began)

    async def calm(self, per_second: float, seconds: float) -> list[Answered]:
        """A load that is easy to bear."""
        return await post_at(self._url, self.make(int(per_second * seconds)), per_second)

    async def storm(self, made: list[bytes], per_second: float) -> list[Answered]:
        """Too much; what finds no connection in its time isn't sent."""
        return await post_at(self._url, made, per_second, lines=LINES, patient=False)


def recovery(calm: list[Answered], idle_p99: float) -> float:
    """Seconds until answers are all 200 and within twice the idle p99 (but 50 ms at least) for good."""
    began = min(a.at - a.seconds for a in calm)
    bound = max(2 * idle_p99, 50.0) / 1000
    late = [a.at for a in calm if a.status != 200 or a.seconds > bound]
    return max(late, default=began) - began


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=50)
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home, ours = Path(place), postgres.createdb("ours")
        port = product.free_port()
        env = environment(ours, valkey.url, home, port) | IDLE_WORKERS
        numbers = await product.prepare(env, given.clients, "http://127.0.0.1:9")
        with process(product.role("serve"), env, home / "api.log") as api:
            await until_answers(f"http://127.0.0.1:{port}/health/live", api)
            pin(0)
            flood = Flood(f"http://127.0.0.1:{port}", numbers)
            rate = await flood.peak(3000)

            def works() -> float:
                return cpu_seconds([*tree(api.pid), *postgres_pids(postgres)()])

            def loads() -> float:
                return cpu_seconds([os.getpid()])

            worked = works()
            first = await flood.peak(int(rate * SECONDS))
            at_peak = (works() - worked) / int(rate * SECONDS)
            idle = await flood.calm(20, 5)
            idle_p99 = percentile((a.seconds for a in idle), 0.99)
            before = await product.count(ours, "messages")
            made = flood.make(int(TIMES * first * SECONDS))
            worked, loaded = works(), loads()
            storm = await flood.storm(made, TIMES * first)
            worked, loaded = works() - worked, loads() - loaded
            again = await flood.calm(20, 5)
            written = await product.count(ours, "messages") - before
            peak = max(first, await flood.peak(int(first * SECONDS)))
        taken = [a for a in storm if a.status == 200]
        span = max(a.at for a in storm) - min(a.at - a.seconds for a in storm)
        assert written >= len(taken) + len(again), "A 200 without its row."
    publish(
        Path(__file__).parent,
        {
            "race": "P20 overload",
            "figures": {
                "goodput under overload / peak": len(taken) / span / peak,
                "seconds until well again": recovery(again, idle_p99),
                "answered with neither 200 nor 503 or 429": sum(a.status not in (200, 429, 503) for a in storm),
                "p99 of what was taken, ms": percentile((a.seconds for a in taken), 0.99),
                "p99 idle, ms": idle_p99,
                "refused": sum(a.status in (429, 503) for a in storm) / len(storm),
                "answered / peak": len(storm) / span / peak,
                "app and database, CPU for each that was taken, storm / peak": worked / len(taken) / at_peak,
                "the load's own processor in the storm": loaded / span,
            },
            "goals": GOALS,
            "peak, per second": peak,
            "meant to be sent, per second": TIMES * first,
            "seconds of storm": span,
        },
    )


if __name__ == "__main__":
    run(main())

"""P20 overload: four times what the API can take, for ten seconds; what it does take, and how soon it is well again.

The sustainable rate is what a closed loop brings in for as long as the storm lasts: of a storm's peak, before it and
after it, the mean. Webhooks come at four times the rate, whatever becomes of them, over more connections than may
wait: each is taken (200, committed) or refused with a problem that says when to come again. Nobody works off what
comes, so how long it has waited is no reason to refuse it here. Five storms, of which the middle one counts.

The load is kept from taking part: bound to a processor, it drew the API there, which then waited a fifth of the storm
for it while the other stood idle; awake to each answer, it had the API pay for waking it, as no distant caller has.
"""

import argparse
import itertools
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import product
from bench.lib import (
    IDLE_WORKERS,
    cpu_seconds,
    environment,
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


@dataclass
class Storm:
    """One storm, between the calm before and after it.

    Attributes:
        answers: Everything that was answered.
        calm: What came afterwards, easy to bear.
        idle_p99: How long that took before, in milliseconds.
        works: Seconds of processor that the app and the database took.
        loads: Those of the load.
    """

    answers: list[Answered]
    calm: list[Answered]
    idle_p99: float
    works: float
    loads: float

    @property
    def taken(self) -> list[Answered]:
        """What was taken."""
        return [a for a in self.answers if a.status == 200]

    @property
    def refused(self) -> int:
        """How many were asked to come again."""
        return sum(a.status in (429, 503) for a in self.answers)

    @property
    def span(self) -> float:
        """Seconds from the first to the last answer."""
        return max(a.at for a in self.answers) - min(a.at - a.seconds for a in self.answers)

    @property
    def goodput(self) -> float:
        """What was taken a second."""
        return len(self.taken) / self.span


class Course:
    """Peaks and storms in turn, and what the product costs meanwhile.

    Attributes:
        peaks: What was taken a second in each peak.
        costs: Seconds of processor that each of these cost app and database.
    """

    def __init__(self, flood: Flood, works: Callable[[], list[int]]) -> None:
        """Measures nothing yet; ``works`` gives the processes that serve."""
        self._flood, self._works = flood, works
        self.peaks: list[float] = []
        self.costs: list[float] = []

    async def peak(self, rate: float) -> float:
        """Measures the sustainable rate for as long as a storm lasts."""
        count = int(rate * SECONDS)
        worked = cpu_seconds(self._works())
        self.peaks.append(await self._flood.peak(count))
        self.costs.append((cpu_seconds(self._works()) - worked) / count)
        return self.peaks[-1]

    async def storm(self, rate: float) -> Storm:
        """Lets a storm come of so many times a rate."""
        idle = await self._flood.calm(20, 5)
        made = self._flood.make(int(TIMES * rate * SECONDS))
        worked, loaded = cpu_seconds(self._works()), cpu_seconds([os.getpid()])
        answers = await self._flood.storm(made, TIMES * rate)
        worked, loaded = cpu_seconds(self._works()) - worked, cpu_seconds([os.getpid()]) - loaded
        again = await self._flood.calm(20, 5)
        return Storm(answers, again, percentile((a.seconds for a in idle), 0.99), worked, loaded)


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with workplace() as home, servers(Path(home)) as (postgres, valkey):
        ours, port = postgres.createdb("ours"), product.free_port()
        env = environment(ours, valkey.url, Path(home), port) | IDLE_WORKERS
        numbers = await product.prepare(env, given.clients, "http://127.0.0.1:9")
        with process(product.role("serve"), env, Path(home) / "api.log") as api:
            await until_answers(f"http://127.0.0.1:{port}/health/live", api)
            flood = Flood(f"http://127.0.0.1:{port}", numbers)
            course = Course(flood, lambda: [*tree(api.pid), *postgres_pids(postgres)()])
            rate = await course.peak(await flood.peak(3000))
            storms = []
            for _ in range(given.rounds):
                before = await product.count(ours, "messages")
                storms.append(storm := await course.storm(rate))
                written = await product.count(ours, "messages") - before
                assert written >= len(storm.taken) + len(storm.calm), "A 200 without its row."
                rate = await course.peak(rate)
    tell(storms, course)


def tell(storms: list[Storm], course: Course) -> None:
    """Publishes the figures."""
    peaks = [(before + after) / 2 for before, after in itertools.pairwise(course.peaks)]
    goodput = [storm.goodput / peak for storm, peak in zip(storms, peaks, strict=True)]
    answered = [len(s.answers) / s.span / peak for s, peak in zip(storms, peaks, strict=True)]
    everything = [answer for storm in storms for answer in storm.answers]

    def middle(figure: Callable[[Storm], float]) -> float:
        return median(figure(storm) for storm in storms)

    publish(
        Path(__file__).parent,
        {
            "race": "P20 overload",
            "figures": {
                "goodput under overload / peak": median(goodput),
                "seconds until well again": max(recovery(s.calm, s.idle_p99) for s in storms),
                "answered with neither 200 nor 503 or 429": sum(a.status not in (200, 429, 503) for a in everything),
                "p99 of what was taken, ms": middle(lambda s: percentile((a.seconds for a in s.taken), 0.99)),
                "p99 idle, ms": middle(lambda s: s.idle_p99),
                "refused": middle(lambda s: s.refused / len(s.answers)),
                "answered / peak": median(answered),
                "app and database, CPU for each that was taken, storm / peak": middle(lambda s: s.works / len(s.taken))
                / median(course.costs),
                "the load's own processor in the storm": middle(lambda s: s.loads / s.span),
            },
            "goals": GOALS,
            "peaks, per second": course.peaks,
            "goodput / peak, storm by storm": goodput,
        },
    )


if __name__ == "__main__":
    run(main())

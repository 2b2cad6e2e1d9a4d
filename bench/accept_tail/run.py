"""P2 webhook-ack-tail: how long a platform waits for its 200 while the workers have more to do than they can.

Twenty webhooks a second at their moments, each a question of somebody new: first while nothing else happens, then while
as many workers as the machine has processors work off a backlog of turns, more than they can until the end. They stand
still while it piles up. The log's files are used ones, as after a server's first day. What a hundredth waits for longer
is told of all rounds together: of one it would be its worst few. Only the shares of the same run are compared.
"""

import argparse
import asyncio
import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from bench import knowledge, product
from bench.graph import Graph
from bench.lib import aged, environment, process, publish, run, servers, workplace
from bench.load import percentile, post_all, post_at, request

PER_SECOND, SECONDS, WORKERS = 20, 20, 2
GOALS = {"p99 busy / p99 idle": "<= 2", "turns still waiting at the end": "> 0: it was saturated all the time"}


class Tail:
    """One installation, asked in two states."""

    def __init__(self, url: str, numbers: list[str], database: str) -> None:
        self._url, self._numbers, self._database = url, numbers, database
        self._serial, self._chance = itertools.count(), random.Random(7)  # noqa: S311

    def _ask(self, text: str) -> bytes:
        serial, n = next(self._serial), self._chance.randrange(len(self._numbers))
        raw, headers = product.body(self._numbers[n], f"96650{serial:07d}", text, int(time.time()))
        return request(self._url, f"/webhook/whatsapp/client-{n}", raw, headers)

    async def measure(self) -> list[float]:
        """Seconds until each 200."""
        asked = [self._ask("Do you deliver to Hittin?") for _ in range(PER_SECOND * SECONDS)]
        answers = await post_at(self._url, asked, PER_SECOND, lines=16)
        assert {answer.status for answer in answers} == {200}
        return [answer.seconds for answer in answers]

    async def pile_up(self, count: int) -> None:
        """Gives the workers a backlog."""
        questions = [question for question, _ in knowledge.faq()]
        await post_all(self._url, [self._ask(self._chance.choice(questions)) for _ in range(count)], 64)

    async def waiting(self) -> int:
        """Turns that nobody has begun."""
        return await product.count(self._database, "jobs WHERE kind = 'answer_message'")

    async def until_quiet(self) -> None:
        """Waits until everything is answered."""
        while await product.count(self._database, "jobs"):
            await asyncio.sleep(0.2)


@contextmanager
def standing_still(pids: Sequence[int]) -> Iterator[None]:
    """Stops processes meanwhile."""
    for pid in pids:
        os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, SIGCONT)


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backlog", type=int, default=14000)
    given = parser.parse_args()
    with workplace() as place, servers(Path(place)) as (postgres, valkey):
        home, ours = Path(place), postgres.createdb("ours")
        aged(postgres)
        async with Graph() as graph:
            env = environment(ours, valkey.url, home, product.free_port())
            numbers = await product.prepare(env, 5, graph.url)
            async with product.running(env, home) as installed:
                await product.teach(env, [f"client-{n}" for n in range(5)], knowledge.as_text())
                tail = Tail(installed.url, numbers, ours)
                await tail.measure()
                await tail.until_quiet()
                idle, busy, left, done = [], [], [], []
                with ExitStack() as more:
                    further = [
                        more.enter_context(process(product.role("work"), env, home / f"work{n}.log")).pid
                        for n in range(1, WORKERS)
                    ]
                    for _ in range(given.rounds):
                        await tail.until_quiet()
                        idle.append(await tail.measure())
                        with standing_still([installed.worker, *further]):
                            await tail.pile_up(given.backlog)
                        before = await tail.waiting()
                        busy.append(await tail.measure())
                        left.append(await tail.waiting())
                        done.append((before + PER_SECOND * SECONDS - left[-1]) / SECONDS)
    shares = [[percentile(answers, 0.99) for answers in rounds] for rounds in (idle, busy)]
    whole = {share: [percentile(chain(*rounds), share) for rounds in (idle, busy)] for share in (0.5, 0.99)}
    publish(
        Path(__file__).parent,
        {
            "race": "P2 webhook-ack-tail",
            "figures": {
                "p99 busy / p99 idle": whole[0.99][1] / whole[0.99][0],
                "p50 busy / p50 idle": whole[0.5][1] / whole[0.5][0],
                "p99 idle, ms": whole[0.99][0],
                "p99 busy, ms": whole[0.99][1],
                "turns begun a second meanwhile, the worst round": min(done),
                "turns still waiting at the end": min(left),
            },
            "goals": GOALS,
            "rounds": {"p99 idle, ms": shares[0], "p99 busy, ms": shares[1]},
        },
    )


if __name__ == "__main__":
    run(main())

"""People who write: one thing after the other, now and then a burst; and a platform that repeats itself."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress

from simulators._meta_payloads import Payload
from simulators.meta import MetaSimulator, SendReceived
from tests.chaos.stage import NUMBER

ANSWER_SECONDS = 60.0


class Crowd:
    """Everybody who writes."""

    def __init__(
        self, meta: MetaSimulator, contacts: int, seed: int, numbers: str = "96650"
    ) -> None:
        self._meta = meta
        self._contacts = contacts
        self._seed = seed
        self._numbers = numbers
        self._answered: dict[str, asyncio.Event] = {}
        self._posted: list[Payload] = []
        self._closing = asyncio.Event()

    def fall_silent(self) -> None:
        """Nobody begins anything more."""
        self._closing.set()

    async def write(self) -> None:
        """Everybody writes until they fall silent, then waits for the last answer."""
        news = asyncio.create_task(self._read())
        echo = asyncio.create_task(self._repeat())
        people = [asyncio.create_task(self._person(n)) for n in range(self._contacts)]
        await asyncio.gather(*people)
        for task in (news, echo):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _person(self, n: int) -> None:
        rng = random.Random(f"{self._seed} {n}")  # noqa: S311 - chance, not secrecy.
        asked = 0
        while not self._closing.is_set():
            last = ""
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                asked += 1
                last = await self._say(
                    f"{self._numbers}{n:07d}", f"How much is a flat white? {asked}"
                )
            with suppress(TimeoutError):  # The checker will see what is lost.
                await asyncio.wait_for(self._answer(last).wait(), ANSWER_SECONDS)
            await asyncio.sleep(rng.uniform(0.0, 0.5))

    async def _say(self, sender: str, words: str) -> str:
        """Posted until it is taken, before anything else of this person: so that there is an order to keep."""
        payload = self._meta.says(NUMBER, sender, words)
        self._posted.append(payload)
        while await self._meta.deliver(payload, retry=True) != 200:
            pass  # The simulator waits between its tries.
        message_id: str = payload["entry"][0]["changes"][0]["value"]["messages"][0]["id"]
        return message_id

    def _answer(self, message_id: str) -> asyncio.Event:
        return self._answered.setdefault(message_id, asyncio.Event())

    async def _read(self) -> None:
        """Notes which messages were answered."""
        records = self._meta.history.watch()
        while True:
            record = await records.get()
            if isinstance(record, SendReceived) and record.accepted:
                self._answer(record.body.get("context", {}).get("message_id", "")).set()

    async def _repeat(self) -> None:
        """The platform posts again what it posted before, in any order, and slips in forgeries."""
        rng = random.Random(f"{self._seed} again")  # noqa: S311
        while True:
            await asyncio.sleep(rng.uniform(0.05, 0.5))
            if self._posted:
                await self._meta.deliver(rng.choice(self._posted), forged=rng.random() < 0.05)


PEOPLE = 64
NEAR = 20
"""Within so many places a storm shuffles what a person's platform posts."""


async def storm(meta: MetaSimulator, size: int, seed: int) -> None:
    """Posts so many webhooks: each of many people's messages twice, near to each other, until each is taken."""
    people = min(PEOPLE, max(1, size // 20))

    async def rages(n: int) -> None:
        rng = random.Random(f"{seed} storm {n}")  # noqa: S311 - chance, not secrecy.
        for payload in list(_shuffled(meta, f"96655{n:07d}", len(range(n, size, people)), rng)):
            while await meta.deliver(payload, retry=True) != 200:
                pass  # The simulator waits between its tries.

    await asyncio.gather(*(rages(n) for n in range(people)))


def _shuffled(meta: MetaSimulator, sender: str, size: int, rng: random.Random) -> Iterator[Payload]:
    distinct = [
        meta.says(NUMBER, sender, f"How much is a flat white? {n}") for n in range(size - size // 2)
    ]
    places = [(n + rng.uniform(0, NEAR), n) for n in (*range(len(distinct)), *range(size // 2))]
    return (distinct[n] for _, n in sorted(places))

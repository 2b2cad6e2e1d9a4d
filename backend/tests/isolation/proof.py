"""The proof: sends the attempts, compares each answer with its control's, and looks for what isn't the caller's."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from fastapi import FastAPI
from starlette.types import ASGIApp

from tests.isolation.asgi import Answer, Request, send
from tests.isolation.attempts import Attempt, Caller, attempts, unknown_like
from tests.isolation.operations import operations
from tests.isolation.world import QUESTION, House, World

AT_ONCE = 8
HEALTH = "GET /health/ready"
"""Tells how the installation is at the moment, with 503 too: of a busy machine two answers may differ."""
ASKED_AGAIN, PAUSE_SECONDS = 60, 0.5
"""Then both are asked again until they agree: what whoever is named makes of the answer, it makes each time."""
Send = Callable[[ASGIApp, Request], Awaitable[Answer]]
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Lasting = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]


@dataclass
class Report:
    """What came of it.

    Attributes:
        attempts: How many requests named what isn't the caller's.
        controls: How many were sent to compare with.
        leaks: What was found, in words.
        statuses: How attempts were answered.
        shown: Operations that showed callers their own planted words: there the planted words would be seen.
    """

    attempts: int = 0
    controls: int = 0
    seconds: float = 0.0
    leaks: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    shown: set[str] = field(default_factory=set)
    tried: set[tuple[str, str]] = field(default_factory=set)

    def __str__(self) -> str:
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(self.statuses.items()))
        rate = self.attempts / self.seconds if self.seconds else 0
        return (
            f"{self.attempts:,} attempts and {self.controls:,} controls on "
            f"{len({title for title, _ in self.tried})} operations "
            f"in {self.seconds:.1f} s ({rate:,.0f}/s); {told}; {len(self.leaks)} leaks"
        )


class Proof:
    """Tries one application."""

    def __init__(self, app: FastAPI, world: World, send: Send = send) -> None:
        self._app = app
        self._send = send
        self._world = world
        self._controls: dict[tuple[object, ...], set[Lasting]] = {}
        self.report = Report()

    async def run(self, most: int, only: Callable[[str], bool] = lambda _: True) -> Report:
        """Makes up to ``most`` attempts, then compares what clients have with what they had."""
        begun, before = time.monotonic(), await self._world.sums()
        queue = self._queue(most, only)
        await asyncio.gather(*(self._work(queue) for _ in range(AT_ONCE)))
        await self._read_own(only)
        if only("POST /v1/answers"):
            await self._ask_alike()
        self._compare_sums(before, await self._world.sums())
        self._note_if("tables without a fence", await self._world.unfenced())
        self.report.seconds = time.monotonic() - begun
        return self.report

    def _queue(self, most: int, only: Callable[[str], bool]) -> Iterator[Attempt]:
        """One of each stream in turn, until it's enough."""
        streams = list(attempts(self._app, self._world.houses, only))
        count = 0
        while streams:
            alive = []
            for stream in streams:
                found = next(stream, None)
                if found is None:
                    continue
                alive.append(stream)
                yield found
                count += 1
                if count >= most:
                    return
            streams = alive

    async def _work(self, queue: Iterable[Attempt]) -> None:
        for attempt in queue:
            await self._try(attempt)

    async def _try(self, attempt: Attempt) -> None:
        answer = await self._send(self._app, attempt.request(attempt.named))
        title = attempt.operation.title
        self.report.attempts += 1
        self.report.statuses[answer.status] += 1
        self.report.tried.add((title, attempt.caller))
        self.look(
            attempt.house, attempt.caller, title, answer, sent=attempt.named, where=attempt.place
        )
        if attempt.operation.writes and answer.status < 300:
            self._leak(title, attempt.caller, attempt.place, f"was done: {answer.status}")
        await self._match(attempt, answer.lasting())

    async def _match(self, attempt: Attempt, found: Lasting) -> None:
        """Compares with the controls known for such a place, and before it is called a leak, with its own."""
        form = "id" if attempt.named[0].count("-") > 3 else "text"
        kind = attempt.place.partition(" ")[0]
        key = (attempt.operation.title, attempt.house.id, attempt.caller, kind, form)
        known = self._controls.setdefault(key, set())
        again = ASKED_AGAIN if attempt.operation.title == HEALTH and not self.report.leaks else 0
        while found not in known:
            self.report.controls += 1
            nobody = attempt.request(unknown_like(attempt.named))
            control = (await self._send(self._app, nobody)).lasting()
            known.add(control)
            if control == found:
                return
            if not again:
                apart = f"{_apart(found, control)!r}, not {_apart(control, found)!r}"
                what = f"differs from an unknown name's answer: {apart}"
                self._leak(attempt.operation.title, attempt.caller, attempt.place, what)
                return
            again -= 1
            await asyncio.sleep(PAUSE_SECONDS)
            found = (await self._send(self._app, attempt.request(attempt.named))).lasting()

    def look(
        self,
        house: House,
        caller: str,
        title: str,
        answer: Answer,
        *,
        sent: Iterable[str] = (),
        where: str = "",
    ) -> None:
        """Looks for what belongs to others, and for answers that no request may bring about."""
        told = answer.body + b" ".join(value for _, value in answer.headers)
        if answer.status >= 500 and (title, answer.status) != (HEALTH, 503):
            self._leak(title, caller, where, f"broke: {answer.status} {answer.body[:300]!r}")
        if house.secret in told:
            self.report.shown.add(title)
        lists_clients = title == "GET /v1/clients" and caller == "platform"
        ids = {id_.decode() for id_ in _ID.findall(told)} - {one.lower() for one in sent}
        for other in self._world.houses:
            if other is house:
                continue
            public = () if lists_clients else (other.public,)
            if any(word in told for word in (other.secret, *public)):
                self._leak(title, caller, where, f"shows words of another: {told[:200]!r}")
            if foreign := (ids & other.ids) - ({other.id} if lists_clients else set()) - house.ids:
                self._leak(title, caller, where, f"shows ids of another: {sorted(foreign)[:3]}")

    async def _read_own(self, only: Callable[[str], bool]) -> None:
        """Everybody reads what they may: there a caller sees planted words, and only their own."""
        reading = [one for one in operations(self._app) if one.method == "GET" and only(one.title)]
        for operation in reading:
            for house in self._world.houses:
                for name in house.callers:
                    answer = await self._send(self._app, Caller(operation, house, name).request())
                    self.look(house, name, operation.title, answer, where="their own")

    async def _ask_alike(self) -> None:
        """All clients ask the same: what one was answered must not be kept for the next."""
        body = f'{{"question": "{QUESTION}"}}'.encode()
        for _ in range(2):
            for house in self._world.houses:
                headers = (*house.callers["owner"](), ("Content-Type", "application/json"))
                asked = Request("POST", "/v1/answers", "", headers, body)
                answer = await self._send(self._app, asked)
                self.look(house, "owner", "POST /v1/answers", answer, where="the same question")

    def _compare_sums(
        self, before: dict[tuple[str, str], str], after: dict[tuple[str, str], str]
    ) -> None:
        changed = sorted(
            {key[1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        )
        self._note_if("rows changed", changed)

    def _note_if(self, what: str, found: list[str]) -> None:
        if found:
            self.report.leaks.append(f"{what}: {found}")

    def _leak(self, title: str, caller: str, place: str, what: str) -> None:
        self.report.leaks.append(f"{title} as {caller}, {place}: {what}")


def _apart(one: Lasting, other: Lasting) -> tuple[object, ...]:
    """What is different about an answer: its status, its headers, its body from some letters before on."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(one[2], other[2], strict=False))
    at = len(list(alike))
    headers = [pair for pair in one[1] if pair not in other[1]]
    return one[0], headers, one[2][max(0, at - 40) : at + 160]

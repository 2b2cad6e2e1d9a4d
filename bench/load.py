"""The load: HTTP requests written beforehand, over kept connections, at the least cost that Python can have.

``post_all`` is a closed loop: the next goes out when the last was answered. ``post_at`` is an open one: each goes out at
its moment, whatever became of those before, and its time counts from that moment. A connection that was told to come
again later (``Retry-After``) does so, as platforms back off: it rests meanwhile, and what was refused isn't sent again.
"""

import asyncio
import gc
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

BREATH_SECONDS = 0.001
"""Between two looks at what is due, and of a storm at what was answered."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def request(url: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def uncollected() -> Iterator[None]:
    """Looks for no garbage meanwhile: it takes 70 ms where the product is loaded too, and would count as an answer's."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Connection(asyncio.Protocol):
    """Sends the next request when the last was answered, until there are none left."""

    def __init__(self, left: list[bytes], done: asyncio.Future[None]) -> None:
        self._left, self._done = left, done
        self._answer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        if self._left:
            return self._transport.write(self._left.pop())
        self._transport.close()
        return self._done.set_result(None) if not self._done.done() else None

    def data_received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        self._answer = b"" if (whole := _is_whole(answer)) else answer
        if not whole:
            return None
        if not answer.startswith(b"HTTP/1.1 200"):
            return self._fail(RuntimeError(answer.decode(errors="replace")))
        return self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionError("The server hung up."))

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)
            self._left.clear()
            self._transport.close()


def _is_whole(answer: bytes) -> bool:
    head = answer.find(b"\r\n\r\n")
    return head >= 0 and len(answer) - head - 4 >= _length(answer[:head])


def _retry_after(head: bytes) -> float:
    """Seconds to wait, as the answer says; none where it says nothing."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"retry-after:"):
            return float(line.partition(b":")[2])
    return 0.0


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    if found is None:
        raise RuntimeError("An answer without a length.")
    return int(found[1])


async def post_all(url: str, requests: Iterable[bytes], at_once: int) -> int:
    """Posts every request, ``at_once`` at a time, in order. Every answer must be 200."""
    left = list(requests)[::-1]
    count = len(left)
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    dones: list[asyncio.Future[None]] = [loop.create_future() for _ in range(at_once)]
    with uncollected():
        for done in dones:
            await loop.create_connection(
                lambda done=done: _Connection(left, done), parts.hostname, parts.port
            )
        await asyncio.gather(*dones)
    return count


class _Line(asyncio.Protocol):
    """A kept connection of the open loop: one request at a time."""

    def __init__(self) -> None:
        self._answer = b""
        self._told: Callable[[int], None] | None = None
        self.rest = 0.0
        self.is_gone = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def post(self, request: bytes, told: Callable[[int], None]) -> None:
        """Sends a request; tells the answer's status, or 0 when the server hung up instead."""
        self._answer, self._told = b"", told
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer = self._answer + data if self._answer else data
        if _is_whole(answer):
            status = int(answer[9:12])
            self.rest = _retry_after(answer.partition(b"\r\n\r\n")[0]) if status != 200 else 0.0
            self._tell(status)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_gone = True  # A server hangs up what was idle for a while.
        self._tell(0)

    def _tell(self, status: int) -> None:
        told, self._told = self._told, None
        if told:
            told(status)

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()


class Answered:
    """How one request of the open loop ended: status, seconds since its moment, and when, by the loop's clock."""

    def __init__(self, status: int, seconds: float, at: float) -> None:
        self.status, self.seconds, self.at = status, seconds, at


async def post_at(
    url: str,
    requests: Iterable[bytes],
    per_second: float,
    lines: int = 256,
    *,
    patient: bool = True,
    begins: float | None = None,
) -> list[Answered]:
    """Posts requests at a steady rate over ``lines`` connections; one that finds none free waits, and its time runs.

    Args:
        url: Where to.
        requests: What is posted.
        per_second: The rate.
        lines: How many connections there are.
        patient: Whether what has found none by the end is posted afterwards; otherwise it never is.
        begins: When the first is due, by ``time.perf_counter``; as soon as the lines are open when absent.
    """
    with uncollected():
        return await _post_at(url, requests, per_second, lines, patient, begins)


async def _post_at(
    url: str, requests: Iterable[bytes], per_second: float, lines: int, patient: bool, begins: float | None
) -> list[Answered]:
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    free = [(await loop.create_connection(_Line, parts.hostname, parts.port))[1] for _ in range(lines)]
    every, ended, waiting, running = list(free), [], deque[tuple[bytes, float]](), 0
    done, renewals = loop.create_future(), set[asyncio.Future[None]]()

    def begin(request: bytes, moment: float) -> None:
        nonlocal running
        running += 1
        line = free.pop()
        if line.is_gone:
            renewals.add(asyncio.ensure_future(renewed(request, moment)))
        else:
            post(line, request, moment)

    async def renewed(request: bytes, moment: float) -> None:
        line = (await loop.create_connection(_Line, parts.hostname, parts.port))[1]
        every.append(line)
        post(line, request, moment)

    def post(line: _Line, request: bytes, moment: float) -> None:
        line.post(request, lambda status: end(line, status, moment))

    def end(line: _Line, status: int, moment: float) -> None:
        nonlocal running
        running -= 1
        now = time.perf_counter()
        ended.append(Answered(status, now - moment, now))
        if line.rest:
            loop.call_later(line.rest, release, line)
        else:
            release(line)

    def release(line: _Line) -> None:
        free.append(line)
        if waiting:
            begin(*waiting.popleft())
        elif sent_all and not running and not done.done():
            done.set_result(None)

    began, sent_all = begins or time.perf_counter(), False
    for number, request in enumerate(requests):
        moment = began + number / per_second
        while (ahead := moment - time.perf_counter()) > 0:
            if patient:
                await asyncio.sleep(max(ahead, BREATH_SECONDS))  # Waking for each would cost what they do.
            else:  # Asleep to answers too: whoever sends one pays for waking us, and a distant caller wakes nobody.
                time.sleep(BREATH_SECONDS)  # noqa: ASYNC251
                await asyncio.sleep(0)
        if number % 64 == 0:
            await asyncio.sleep(0)  # Late by itself: answers are read all the same.
        begin(request, moment) if free else waiting.append((request, moment))
    sent_all = True
    if not patient:
        waiting.clear()
    if running:
        await done
    await asyncio.gather(*renewals)
    for line in every:
        line.close()
    return ended


def percentile(seconds: "Iterable[float]", share: float) -> float:
    """The time within which a share of all ended, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

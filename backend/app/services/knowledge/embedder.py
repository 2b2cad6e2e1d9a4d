"""The embedding server: one model a host, behind a Unix socket; ``wafaa embed`` runs it.

Questions go before passages. Every text is a turn, and whoever is most urgent gets the next, so a question waits for
one passage at most. Among equals clients take turns: however many texts one of them has here, it is one text for each
of the others'.
"""

import asyncio
import heapq
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import UUID

from app.services.knowledge.base import Purpose
from app.services.knowledge.embedders import _wire
from app.services.knowledge.embedders._e5_build import ensure_built

T = TypeVar("T")

_URGENCY = {Purpose.QUERY: 0, Purpose.PASSAGE: 1}
_CLOSE_SECONDS = 2


class Model(Protocol):
    """What the server runs, in its one worker thread."""

    def vector(self, text: str, purpose: Purpose) -> bytes:
        """One text's vector, as little-endian float32."""


class Turns:
    """Lends one worker thread to whoever is most urgent; among equals, to one client after the other."""

    def __init__(self, worker: ThreadPoolExecutor) -> None:
        self._worker = worker
        self._waiting: list[tuple[int, int, int, UUID, asyncio.Future[None]]] = []
        self._queued: Counter[tuple[int, UUID]] = Counter()
        self._rounds: dict[int, int] = {}
        self._order = count()
        self._taken = False

    async def run(self, urgency: int, whose: UUID, work: Callable[[], T]) -> T:
        """Does ``work`` in the worker when it is this caller's turn; lower ``urgency`` goes first."""
        async with self._turn(urgency, whose):
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    @asynccontextmanager
    async def _turn(self, urgency: int, whose: UUID) -> AsyncIterator[None]:
        if self._taken:
            await self._wait(urgency, whose)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, urgency: int, whose: UUID) -> None:
        """Waits for as many rounds as this client has texts waiting already: in each round every client has one."""
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        round_ = self._rounds.get(urgency, 0) + self._queued[urgency, whose]
        self._queued[urgency, whose] += 1
        heapq.heappush(self._waiting, (urgency, round_, next(self._order), whose, ticket))
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                self._pass_on()  # The turn had come just before the caller went away.
            raise

    def _pass_on(self) -> None:
        """Wakes the next; the turn stays taken in between, so that nobody slips in."""
        while self._waiting:
            urgency, self._rounds[urgency], _, whose, ticket = heapq.heappop(self._waiting)
            self._queued[urgency, whose] -= 1
            if not self._queued[urgency, whose]:
                del self._queued[urgency, whose]
            if not ticket.done():
                ticket.set_result(None)
                return
        self._taken = False


class Server:
    """Answers the clients of one model."""

    def __init__(self, model: Model, turns: Turns) -> None:
        self._model = model
        self._turns = turns

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until it ends."""
        try:
            while True:
                request = _wire.unpack_request(await _wire.read_frame(reader))
                writer.write(await self._answer(*request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, _wire.Garbled):
            pass  # The client is gone, or is none of ours; either way there is nobody to tell.
        finally:
            writer.close()

    async def _answer(self, texts: list[str], purpose: Purpose, whose: UUID) -> bytes:
        try:
            return _wire.frame(_wire.DONE, *await self._embed(texts, purpose, whose))
        except Exception as error:  # The client is told, and the server lives on.
            return _wire.frame(
                _wire.FAILED, f"{type(error).__name__}: {error}".encode("utf-8", "replace")
            )

    async def _embed(self, texts: Sequence[str], purpose: Purpose, whose: UUID) -> list[bytes]:
        """Takes one turn a text, so that more urgent work and other clients' comes in between."""
        turn = partial(self._turns.run, _URGENCY[purpose], whose)
        return [await turn(partial(self._model.vector, text, purpose)) for text in texts]


async def serve(socket: Path, home: Path, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serves until cancelled; builds the model first where it is missing.

    The socket appears when the model is loaded: a client that finds it gets answers.

    Args:
        socket: Where to listen.
        home: The model is kept in ``home/models``.
        ready: Called when clients are answered.

    Raises:
        Misconfigured: The weights are missing or not the tested ones.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="embed") as worker:
        model = await asyncio.get_running_loop().run_in_executor(worker, _load, home)
        async with _listening(socket, Server(model, Turns(worker))) as server:
            ready()
            await server.serve_forever()


def _load(home: Path) -> Model:
    # Read when numpy loads: threads that spin for work cost more than they do.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Only this thread needs numpy and the runtime.
    from app.services.knowledge.embedders._e5_model import E5  # noqa: PLC0415

    return E5(ensure_built(home))


@asynccontextmanager
async def _listening(socket: Path, server: Server) -> AsyncIterator[asyncio.Server]:
    _make_way(socket)
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.handle(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    listener = await asyncio.start_unix_server(accept, socket)
    _make_private(socket)
    try:
        yield listener
    finally:
        listener.close()
        _make_way(socket)
        for task in connections:
            task.cancel()
        if connections:
            await asyncio.wait(connections, timeout=_CLOSE_SECONDS)


def _make_way(socket: Path) -> None:
    """Removes what a killed predecessor left."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)


def _make_private(socket: Path) -> None:
    """Only this installation's account may ask."""
    socket.chmod(0o600)

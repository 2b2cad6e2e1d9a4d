"""multilingual-e5-small on this host, through the embedding server (``wafaa embed``)."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.errors import UpstreamRefused, UpstreamUnavailable
from app.core.permits import HERE
from app.core.tools import Tools
from app.services.knowledge.base import Embedder, Purpose, Vector
from app.services.knowledge.embedders import _wire

_GONE = (OSError, asyncio.IncompleteReadError, _wire.Garbled)
_TEXTS = 16
"""Texts a request: an answer takes about a second, so a time-out means trouble."""


class Config(BaseModel):
    """Where the embedding server listens, and how long to wait for it."""

    socket: Path = Field(description="The server's Unix socket.")
    wait_seconds: float = Field(
        10.0, gt=0, description="How long to wait for a server that is starting."
    )
    answer_seconds: float = Field(30.0, gt=0, description="How long to wait for one answer.")


class Connection:
    """One conversation with the server: a request, then its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> bytes:
        """Sends a frame and reads the payload that answers it."""
        self._writer.write(request)
        await self._writer.drain()
        return await _wire.read_frame(self._reader)

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()


class LocalEmbedder:
    """Asks the server over idle connections that it keeps, and opens more when all are busy."""

    name: ClassVar[str] = "e5-small-int8"
    region: str = HERE

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config
        self._idle: list[Connection] = []
        self.dimensions = 384

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, whose: UUID | None = None
    ) -> list[Vector]:
        """One vector a text, in order.

        Raises:
            UpstreamUnavailable: The server doesn't answer in time.
            UpstreamRefused: The server can't embed this.
        """
        groups = (texts[at : at + _TEXTS] for at in range(0, len(texts), _TEXTS))
        found = [await self._embed(group, purpose, whose) for group in groups]
        return list(chain.from_iterable(found))

    async def ping(self) -> None:
        """Asks for one vector.

        Raises:
            UpstreamUnavailable: There is none.
        """
        await self.embed(["ping"], Purpose.QUERY)

    async def close(self) -> None:
        """Hangs up on the server."""
        while self._idle:
            self._idle.pop().close()

    async def _embed(
        self, texts: Sequence[str], purpose: Purpose, whose: UUID | None
    ) -> list[Vector]:
        request = _wire.pack_request(texts, purpose, whose)
        try:
            answer = await self._ask_idle(request) or await self._ask_new(request)
        except TimeoutError as error:
            raise UpstreamUnavailable(
                "The embedding server took too long. It will be tried again."
            ) from error
        if answer[:1] != _wire.DONE:
            raise UpstreamRefused(
                f"The embedding server refused: {answer[1:].decode('utf-8', 'replace')}"
            )
        return _wire.unpack_vectors(answer[1:], self.dimensions)

    async def _ask_idle(self, request: bytes) -> bytes | None:
        """The answer over a kept connection; None when the server hung up since, as a restarted one has."""
        while self._idle:
            try:
                return await self._ask(self._idle.pop(), request)
            except _GONE:
                continue
        return None

    async def _ask_new(self, request: bytes) -> bytes:
        try:
            return await self._ask(await self._connect(), request)
        except _GONE as error:
            raise UpstreamUnavailable(
                "The embedding server doesn't answer. It will be tried again."
            ) from error

    async def _ask(self, connection: Connection, request: bytes) -> bytes:
        """One exchange; a connection that failed in the middle of one is never used again."""
        kept = False
        try:
            async with asyncio.timeout(self._config.answer_seconds):
                answer = await connection.ask(request)
            self._idle.append(connection)
            kept = True
            return answer
        finally:
            if not kept:
                connection.close()

    async def _connect(self) -> Connection:
        """Opens a connection; a server that is just starting is waited for."""
        async with asyncio.timeout(self._config.wait_seconds):
            while True:
                try:
                    return Connection(*await asyncio.open_unix_connection(self._config.socket))
                except (FileNotFoundError, ConnectionRefusedError):
                    await asyncio.sleep(0.1)


adapter: Callable[[Config, Tools], Embedder] = LocalEmbedder

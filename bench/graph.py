"""A Graph API that says yes at once: it takes messages and counts them, and does nothing else."""

import asyncio
import uuid
from typing import cast

import orjson


class Graph:
    """Listens on loopback while it is entered.

    Attributes:
        taken: How many messages it took.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._changed = asyncio.Event()
        self._server: asyncio.Server

    async def __aenter__(self) -> "Graph":
        """Begins to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Call(self), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops listening."""
        self._server.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def take(self, message: bytes) -> bytes:
        """Takes a message; gives the answer."""
        self.taken += 1
        self._changed.set()
        body = orjson.dumps(
            {"messaging_product": "whatsapp", "messages": [{"id": f"wamid.{uuid.uuid4().hex}"}]}
        )
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    async def until(self, taken: int, seconds: float = 90.0) -> None:
        """Waits until so many messages were taken."""
        async with asyncio.timeout(seconds):
            while self.taken < taken:
                self._changed.clear()
                await self._changed.wait()


class _Call(asyncio.Protocol):
    def __init__(self, graph: Graph) -> None:
        self._graph, self._received = graph, b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = next(
            (
                int(line[15:])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        if end and len(body) >= length:
            self._received = b""
            self._transport.write(self._graph.take(body))

"""The load: HTTP requests written beforehand, over kept connections, at the least cost that Python can have."""

import asyncio
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit


def request(url: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection(asyncio.Protocol):
    """Sends the next request when the last was answered, until there are none left."""

    def __init__(self, left: list[bytes], done: asyncio.Future[None]) -> None:
        self._left, self._done = left, done
        self._answer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        self._answer = b""
        if self._left:
            return self._transport.write(self._left.pop())
        self._transport.close()
        return self._done.set_result(None) if not self._done.done() else None

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            if not head.startswith(b"HTTP/1.1 200"):
                return self._fail(RuntimeError(self._answer.decode(errors="replace")))
            self._next()
        return None

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(error or ConnectionError("The server hung up."))

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)
            self._left.clear()
            self._transport.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise RuntimeError("An answer without a length.")


async def post_all(url: str, requests: Iterable[bytes], at_once: int) -> int:
    """Posts every request, ``at_once`` at a time, in order. Every answer must be 200."""
    left = list(requests)[::-1]
    count = len(left)
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    dones: list[asyncio.Future[None]] = [loop.create_future() for _ in range(at_once)]
    for done in dones:
        await loop.create_connection(lambda done=done: _Connection(left, done), parts.hostname, parts.port)
    await asyncio.gather(*dones)
    return count

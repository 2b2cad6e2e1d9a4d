"""The same requests as bytes on a socket: what a server does before and after the application is in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h11
import uvicorn
from starlette.types import ASGIApp

from app.api.wire import Http
from tests.isolation.asgi import Answer, Request


class Wire:
    """A raw client: one connection a request, and nothing that mends what is sent."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __call__(self, _app: ASGIApp, request: Request) -> Answer:
        """Sends a request and reads the whole answer."""
        scope = request.scope()
        target = scope["raw_path"] + (b"?" + scope["query_string"] if request.query else b"")
        lines = [b"%s %s HTTP/1.1" % (request.method.encode(), target), b"connection: close"]
        lines += [b"%s: %s" % pair for pair in scope["headers"]]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + request.body)
            return await _read(reader, request.method)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/", headers=[("host", "wafaa.test")]))
    answer = Answer()
    while True:
        match parser.next_event():
            case h11.NEED_DATA:
                parser.receive_data(await reader.read(65536))
            case h11.Response() as head:
                answer.status = head.status_code
                answer.headers = [(bytes(name), bytes(value)) for name, value in head.headers]
            case h11.Data() as part:
                answer.body += bytes(part.data)
            case _:
                return answer


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[Wire]:
    """The application on a free port, served as the product serves it; its services are open already."""
    config = uvicorn.Config(
        app,
        port=0,
        http=Http,
        log_config=None,
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "The API did not start."
        await asyncio.sleep(0.01)
    try:
        yield Wire(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task

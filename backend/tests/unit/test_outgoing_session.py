"""The one session that calls go out by remembers nothing of whom it called for."""

import asyncio

from app.bootstrap import make_tools
from app.core.clock import SteadyClock


async def test_a_cookie_that_is_set_for_one_client_goes_out_with_nobodys_call() -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 204 No Content\r\nSet-Cookie: whose=ours\r\nConnection: close\r\n\r\n"
        )
        writer.close()

    tools = make_tools(SteadyClock())
    async with await asyncio.start_server(answer, "localhost", 0) as server, tools.http as http:
        port = server.sockets[0].getsockname()[1]
        for _ in range(2):
            async with http.get(f"http://localhost:{port}/") as told:
                assert told.status == 204
    assert len(heads) == 2
    assert not any(b"cookie" in head.lower() for head in heads)

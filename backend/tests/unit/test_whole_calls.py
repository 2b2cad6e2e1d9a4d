"""A webhook that the server reads to its end and hands on whole is answered as the server's own way answers it."""

import asyncio
from collections.abc import Sequence

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.intake import Intake
from app.api.wire import MOST_WHOLE, Http
from app.services.channels.base import WebhookRequest
from app.utils.places import Places
from tests.unit.test_intake import FAILURES, front

DATE = (b"date", b"Thu, 26 Nov 2026 08:00:00 GMT")


class Line(asyncio.Transport):
    """The caller's end of a connection: notes what was written to it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("203.0.113.7", 40000), "sockname": ("127.0.0.1", 8000)})
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Connection:
    """A connection to an application."""

    def __init__(self, kind: type[HttpToolsProtocol] = Http) -> None:
        app, self.services = front("https://wafaa.example")
        app.middleware_stack = app.build_middleware_stack()
        config = uvicorn.Config(app, access_log=False, log_config=None, proxy_headers=False)
        self.state = ServerState()
        self.state.default_headers = [DATE]
        self.line = Line()
        self.protocol = kind(config, self.state, {}, asyncio.get_running_loop())
        self.protocol.connection_made(self.line)

    @property
    def admitted(self) -> list[tuple[str, str, WebhookRequest]]:
        return self.services.ingress.admitted

    @property
    def intake(self) -> Intake:
        """What serves webhooks."""
        app = self.protocol.config.app
        assert isinstance(app, FastAPI)
        assert isinstance(app.middleware_stack, Intake)
        return app.middleware_stack

    async def say(self, *pieces: bytes) -> bytes:
        """Says something, and gives what was answered by the time that nothing is left to do."""
        for piece in pieces:
            self.protocol.data_received(piece)
            await asyncio.sleep(0)
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
        await asyncio.sleep(0.01)
        self.protocol._unset_keepalive_if_required()
        return self.line.written


def post(
    slug: str = "bakery", body: bytes = b'{"a": 1}', *headers: str, version: str = "1.1"
) -> bytes:
    """A webhook as it comes over the wire."""
    given = ["host: wafaa.test", "x-request-id: request-0001", *headers]
    if not any(one.startswith(("transfer-", "content-length")) for one in given):
        given.append(f"content-length: {len(body)}")
    head = "\r\n".join([f"POST /webhook/whatsapp/{slug} HTTP/{version}", *given])
    return head.encode() + b"\r\n\r\n" + body


async def both(*pieces: bytes) -> tuple[Connection, Connection]:
    """The same said by the way of this server, and by the library's own."""
    ours, theirs = Connection(), Connection(HttpToolsProtocol)
    assert await ours.say(*pieces) == await theirs.say(*pieces) != b""
    assert ours.admitted == theirs.admitted
    assert ours.line.closed == theirs.line.closed
    return ours, theirs


@pytest.mark.parametrize("slug", ["bakery", *FAILURES])
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_every_answer_is_the_same_to_the_byte(slug: str, language: str) -> None:
    ours, _ = await both(post(slug, b"{}", f"accept-language: {language}"))
    assert ours.protocol.cycle.__class__.__name__ == "Call"
    assert DATE[1] in ours.line.written


@pytest.mark.parametrize(
    "said",
    [
        [post("bakery?a=1")],
        [post("b%61kery")],
        [post("a/b")],
        [post("bakery", b"x" * (MOST_WHOLE + 1))],
        [post("bakery", b"", "content-length: 5000000")],
        [post("bakery", b"2\r\n{}\r\n0\r\n\r\n", "transfer-encoding: chunked")],
        [post("bakery", b"{}", "expect: 100-continue")],
        [post("bakery", b"{}", "connection: close")],
        [post("bakery", b"{}", "x-large: " + "x" * 40_000)],
        [post("bakery", b"{}", "x-twice: a", "x-twice: b")],
        [post("bakery", version="1.0")],
        [post("bakery", b"x" * MOST_WHOLE)],
        [bytes([one]) for one in post("bakery")],
        [post("bakery") + post("forged") + post("busy")],
        [
            post("bakery")
            + b"GET /health/live HTTP/1.1\r\nx-request-id: request-0002\r\n\r\n"
            + post("bakery")
        ],
    ],
)
async def test_what_is_odd_is_answered_the_same_as_well(said: Sequence[bytes]) -> None:
    ours, _ = await both(*said)
    assert ours.line.written.startswith(b"HTTP/1.1 ")


async def test_a_connection_serves_one_call_after_the_other() -> None:
    connection = Connection()
    for count in (1, 2, 3):
        assert (await connection.say(post())).count(b"HTTP/1.1 200 OK") == count
    assert len(connection.admitted) == 3


async def test_a_caller_who_leaves_in_the_middle_has_said_nothing() -> None:
    connection = Connection()
    await connection.say(post()[:-1])
    connection.protocol.connection_lost(ConnectionResetError())
    assert (connection.admitted, connection.line.written) == ([], b"")


async def test_a_caller_who_leaves_meanwhile_is_told_nothing() -> None:
    connection = Connection()
    connection.services.ingress.leave = leave = asyncio.Event()
    connection.protocol.data_received(post())
    await asyncio.sleep(0.01)
    connection.protocol.connection_lost(None)
    leave.set()
    assert await connection.say() == b""


async def test_a_server_that_stops_answers_first_and_says_that_it_goes() -> None:
    connection = Connection()
    connection.services.ingress.leave = leave = asyncio.Event()
    connection.protocol.data_received(post()[:-1])
    connection.protocol.shutdown()
    assert not connection.line.closed
    connection.protocol.data_received(post()[-1:])
    leave.set()
    answered = await connection.say()
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in answered
    assert connection.line.closed


async def test_who_has_not_said_all_takes_nobodys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.intake.MOST_AT_ONCE", 1)
    slow = Connection()
    slow.protocol.data_received(post()[:-1])
    await asyncio.sleep(0)
    other = Http(slow.protocol.config, slow.state, {}, asyncio.get_running_loop())
    other.connection_made(line := Line())
    other.data_received(post())
    await slow.say()
    other._unset_keepalive_if_required()
    assert line.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert slow.line.written == b""


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("waiting", [0, 1])
async def test_who_finds_no_place_is_answered_alike_and_may_come_again(
    language: str, waiting: int
) -> None:
    """Whether the queue is full, or nobody's place became free in time; and once there are places again."""
    connections = Connection(), Connection(HttpToolsProtocol)
    asks = post("bakery", b"{}", f"accept-language: {language}")
    told = []
    for connection in connections:
        intake = connection.intake
        places, intake.places = intake.places, Places(0, seconds=0.005, waiting=waiting)
        await connection.say(asks)
        await connection.say()
        intake.places = places
        told.append(await connection.say(asks))
    ours, theirs = told
    assert ours == theirs
    assert ours.startswith(b"HTTP/1.1 503 ")
    assert ours.count(b"HTTP/1.1 200 OK") == len(connections[0].admitted) == 1


async def test_who_waits_for_a_place_is_served_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.intake.MOST_AT_ONCE", 1)
    first = Connection()
    first.services.ingress.leave = leave = asyncio.Event()
    lines = []
    for number in range(4):
        other = Http(first.protocol.config, first.state, {}, asyncio.get_running_loop())
        other.connection_made(line := Line())
        other.data_received(post(f"bakery-{number}"))
        lines.append((other, line))
    await asyncio.sleep(0)
    assert len(first.state.tasks) == 1  # The others are nothing but what they said.
    leave.set()
    await first.say()
    assert [slug for _, slug, _ in first.admitted] == [f"bakery-{n}" for n in range(4)]
    for other, line in lines:
        other._unset_keepalive_if_required()
        assert line.written.startswith(b"HTTP/1.1 200 OK")

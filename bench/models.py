"""A model service that answers at once, in OpenAI's protocol: embeddings of words, and chat that repeats a passage.

It knows nothing: a text's vector is a hash of its words beside a part that all texts share, and an answer is the first
passage that stands in the prompt.
"""

import asyncio
import base64
import math
import re
import zlib
from array import array
from typing import Any

import orjson

DIMENSIONS = 384
_SHARED = 0.8
"""The cosine of texts without a common word: about that of the built-in embedder."""

_PASSAGE = re.compile(r"CONTEXT \[1\][^\n]*\n(.*?)\n(?:END|CONTEXT)", re.DOTALL)
_PIECES = 8


def vector(text: str) -> list[float]:
    """A text's vector, of length one."""
    counts = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        counts[1 + zlib.crc32(word.encode()) % (DIMENSIONS - 1)] += 1.0
    length = math.sqrt(sum(count * count for count in counts)) or 1.0
    scaled = [math.sqrt(1 - _SHARED) * count / length for count in counts]
    return [math.sqrt(_SHARED), *scaled[1:]]


class Models:
    """Listens on loopback while it is entered."""

    def __init__(self) -> None:
        self._server: asyncio.Server

    async def __aenter__(self) -> "Models":
        """Begins to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(_Call, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stops listening."""
        self._server.close()

    @property
    def url(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"


class _Call(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: *(\d+)", head.lower())
        if end and len(body) >= int(found[1] if found else 0):
            self._received = b""
            embeds = head.split(b" ", 2)[1].endswith(b"/embeddings")
            self._transport.write(_embedded(body) if embeds else _chatted(body))


def _embedded(body: bytes) -> bytes:
    asked = orjson.loads(body)
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    packed = asked.get("encoding_format") == "base64"
    data = [
        {"index": n, "embedding": _packed(found) if packed else found}
        for n, found in enumerate(map(vector, texts))
    ]
    return _answer("application/json", orjson.dumps({"data": data}))


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(array("f", numbers).tobytes()).decode()


def _chatted(body: bytes) -> bytes:
    asked = orjson.loads(body)
    text, usage = _said(asked), {"prompt_tokens": 400, "completion_tokens": 30}
    if not asked.get("stream"):
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return _answer("application/json", orjson.dumps({"choices": [choice], "usage": usage}))
    size = max(1, math.ceil(len(text) / _PIECES))
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    events: list[dict[str, Any]] = [{"choices": [{"delta": {"content": p}}]} for p in pieces]
    events += [{"choices": [{"delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": usage}]
    lines = [b"data: " + orjson.dumps(event) for event in events]
    return _answer("text/event-stream", b"\n\n".join([*lines, b"data: [DONE]\n\n"]))


def _said(asked: dict[str, Any]) -> str:
    """The first passage's words, cited."""
    found = _PASSAGE.search(asked["messages"][-1]["content"])
    return f"{found[1].splitlines()[-1]} [1]" if found else "NO_ANSWER"


def _answer(kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body

"""OpenAI's chat completions on loopback, well-behaved or hostile. ``python -m simulators.openai --port N`` runs it."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from simulators._models import Asked, Mode, Server, main, pieces, tokens

MODEL = "gpt-4o-2024-08-06"


class OpenAISimulator(Server):
    """OpenAI's chat completions, simulated."""

    path: ClassVar[str] = "/v1/chat/completions"

    @property
    def base_url(self) -> str:
        """What the adapter is given."""
        return f"{self.url}/v1"

    def read(self, body: dict[str, Any], headers: dict[str, str]) -> Asked:
        """A request: the rules are the system message."""
        said = [(m["role"], m["content"]) for m in body["messages"]]
        system = "\n".join(text for role, text in said if role == "system")
        turns = tuple((role, text) for role, text in said if role != "system")
        return Asked(system, turns, bool(body.get("stream")), body, headers)

    def whole(self, asked: Asked, text: str) -> dict[str, Any]:
        """A chat completion."""
        message = {"role": "assistant", "content": text}
        return {
            "id": "chatcmpl-simulated",
            "object": "chat.completion",
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            **self._usage(asked, text),
        }

    def events(self, asked: Asked, text: str) -> Iterator[bytes]:
        """Deltas, the reason why it ends, the usage if it was asked for, and the end."""
        yield _event(_delta({"role": "assistant", "content": ""}))
        for piece in pieces(text):
            yield _event(_delta({"content": piece}))
        yield _event(_delta({}, "stop"))
        if (asked.body.get("stream_options") or {}).get("include_usage"):
            yield _event({"choices": [], **self._usage(asked, text)})
        yield b"data: [DONE]\n\n"

    def _usage(self, asked: Asked, text: str) -> dict[str, Any]:
        if self.model.mode is Mode.NO_USAGE:
            return {}
        sent = tokens(asked.system) + sum(tokens(said) for _, said in asked.messages)
        return {"usage": {"prompt_tokens": sent, "completion_tokens": tokens(text)}}


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-simulated",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    main(OpenAISimulator, "simulators.openai")

"""Anthropic's messages on loopback, well-behaved or hostile. ``python -m simulators.anthropic --port N`` runs it."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from simulators._models import Asked, Mode, Server, main, pieces, tokens

MODEL = "claude-3-5-sonnet-20241022"


class AnthropicSimulator(Server):
    """Anthropic's messages, simulated."""

    path: ClassVar[str] = "/v1/messages"

    @property
    def base_url(self) -> str:
        """What the adapter is given."""
        return self.url

    def read(self, body: dict[str, Any], headers: dict[str, str]) -> Asked:
        """A request: the rules stand beside the messages."""
        turns = tuple((m["role"], m["content"]) for m in body["messages"])
        return Asked(body.get("system", ""), turns, bool(body.get("stream")), body, headers)

    def whole(self, asked: Asked, text: str) -> dict[str, Any]:
        """A message."""
        return {
            "id": "msg_simulated",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            **self._usage(input_tokens=_sent(asked), output_tokens=tokens(text)),
        }

    def events(self, asked: Asked, text: str) -> Iterator[bytes]:
        """The message's beginning, its one block piece by piece, and its end."""
        message = {
            "id": "msg_simulated",
            "type": "message",
            "role": "assistant",
            "content": [],
            **self._usage(input_tokens=_sent(asked), output_tokens=1),
        }
        yield _event("message_start", message=message)
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield _event("ping")
        for piece in pieces(text):
            yield _event(
                "content_block_delta", index=0, delta={"type": "text_delta", "text": piece}
            )
        yield _event("content_block_stop", index=0)
        yield _event(
            "message_delta",
            delta={"stop_reason": "end_turn"},
            **self._usage(output_tokens=tokens(text)),
        )
        yield _event("message_stop")

    def _usage(self, **counts: int) -> dict[str, Any]:
        return {} if self.model.mode is Mode.NO_USAGE else {"usage": counts}


def _sent(asked: Asked) -> int:
    return tokens(asked.system) + sum(tokens(said) for _, said in asked.messages)


def _event(kind: str, **fields: Any) -> bytes:
    told = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {told}\n\n".encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    main(AnthropicSimulator, "simulators.anthropic")

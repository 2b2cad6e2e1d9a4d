"""The chat-completions dialect, which OpenAI, vLLM, Ollama, llama.cpp and many others speak."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from app.core.errors import UpstreamUnavailable
from app.core.tools import Tools
from app.services.ai.base import Chunk, Completion, Prompt
from app.services.ai.providers import _http, _sse


class OpenAICompatible:
    """A model behind ``{base_url}/chat/completions``."""

    def __init__(
        self, tools: Tools, endpoint: _http.Endpoint, model: str, temperature: float, region: str
    ) -> None:
        self.region = region
        self._http = tools.http
        self._endpoint = endpoint
        self._model = model
        self._temperature = temperature

    async def complete(self, prompt: Prompt) -> Completion:
        """Answers at once."""
        answer = await _http.ask(self._http, self._endpoint, self._body(prompt), prompt.deadline)
        try:
            choice = answer["choices"][0]
            text = choice["message"].get("content") or ""
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise UpstreamUnavailable(
                f"{self._endpoint.name} sent JSON of another shape."
            ) from error
        return self._completion(prompt, str(text), answer.get("usage"), choice.get("finish_reason"))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Answers piece by piece."""
        body = self._body(prompt) | {"stream": True, "stream_options": {"include_usage": True}}
        async with (
            _http.first_token(self._endpoint.name, prompt.deadline) as limit,
            _http.posting(self._http, self._endpoint, body, prompt.deadline) as response,
            aclosing(_http.pieces(response, self._endpoint.name)) as arriving,
        ):
            text, usage, finish, done = [], None, None, False
            async for payload in _events(self._endpoint.name, arriving):
                if payload == b"[DONE]":
                    done = True
                    break
                event = _http.read_object(self._endpoint.name, payload)
                usage = event.get("usage") or usage
                piece, ended = _delta(self._endpoint.name, event)
                finish = ended or finish
                if piece:
                    limit.reschedule(None)
                    text.append(piece)
                    yield Chunk(piece)
        if not done and finish is None:
            raise UpstreamUnavailable(f"{self._endpoint.name} broke off in the middle.")
        yield Chunk(completion=self._completion(prompt, "".join(text), usage, finish))

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        """The request."""
        return {
            "model": self._model,
            "messages": [{"role": "system", "content": prompt.system}, *messages(prompt)],
            "max_tokens": prompt.max_tokens,
            "temperature": self._temperature,
        }

    def _completion(self, prompt: Prompt, text: str, usage: object, finish: object) -> Completion:
        """The answer with its accounting."""
        tokens = _http.tokens(usage, prompt.system + prompt.user, text)
        return Completion(text, self._model, tokens, str(finish or "stop"))


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Earlier turns and the question; roles alternate, as every dialect accepts."""
    turns = [("assistant" if t.author == "assistant" else "user", t.text) for t in prompt.history]
    joined: list[dict[str, str]] = []
    for role, text in [*turns, ("user", prompt.user)]:
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += "\n\n" + text
        elif joined or role == "user":
            joined.append({"role": role, "content": text})
    return joined


async def _events(name: str, arriving: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The payloads of a stream; an endless line is the provider's failure."""
    try:
        async for payload in _sse.payloads(arriving):
            yield payload
    except _sse.TooLong as error:
        raise UpstreamUnavailable(f"{name} sent an event without end.") from error


def _delta(name: str, event: dict[str, Any]) -> tuple[str, str | None]:
    """The new words of an event and why the answer ended, if it did."""
    if "error" in event:
        raise UpstreamUnavailable(f"{name} reported an error in the middle.")
    try:
        choices = event.get("choices") or ()
        if not choices:
            return "", None
        return (choices[0].get("delta") or {}).get("content") or "", choices[0].get("finish_reason")
    except (AttributeError, TypeError, KeyError, IndexError) as error:
        raise UpstreamUnavailable(f"{name} sent JSON of another shape.") from error

"""Anthropic, through its messages API."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, ClassVar

from pydantic import BaseModel, Field, SecretStr

from app.core.errors import RateLimited, UpstreamUnavailable
from app.core.tools import Tools
from app.services.ai.base import Chunk, Completion, Prompt, Provider
from app.services.ai.providers import _http
from app.services.ai.providers._openai_compatible import _events, messages

API_VERSION = "2023-06-01"


class Config(BaseModel):
    """One account at Anthropic."""

    api_key: SecretStr = Field(description="A secret key of the workspace that pays.")
    model: str = Field("claude-3-5-sonnet-latest", description="The model's id.")
    base_url: str = Field(
        "https://api.anthropic.com", description="Another address that speaks the same API."
    )
    region: str = Field("us", description="Where texts go: local, or a code such as us or sa.")
    temperature: float = Field(
        0.0, ge=0, le=1, description="0 repeats itself; more is livelier and less exact."
    )


class Anthropic:
    """A model of Anthropic."""

    name: ClassVar[str] = "anthropic"

    def __init__(self, config: Config, tools: Tools) -> None:
        headers = {"x-api-key": config.api_key.get_secret_value(), "anthropic-version": API_VERSION}
        self._endpoint = _http.Endpoint(
            self.name, f"{config.base_url.rstrip('/')}/v1/messages", headers
        )
        self._http = tools.http
        self._config = config
        self.region = config.region

    async def complete(self, prompt: Prompt) -> Completion:
        """Answers at once."""
        answer = await _http.ask(self._http, self._endpoint, self._body(prompt), prompt.deadline)
        try:
            text = "".join(part["text"] for part in answer["content"] if part["type"] == "text")
        except (KeyError, TypeError) as error:
            raise UpstreamUnavailable("anthropic sent JSON of another shape.") from error
        return self._completion(prompt, text, answer.get("usage"), answer.get("stop_reason"))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Answers piece by piece."""
        async with (
            _http.first_token(self.name, prompt.deadline) as limit,
            _http.posting(
                self._http, self._endpoint, self._body(prompt) | {"stream": True}, prompt.deadline
            ) as response,
            aclosing(_http.pieces(response, self.name)) as arriving,
        ):
            answer = _Answer()
            async for payload in _events(self.name, arriving):
                if piece := answer.take(_http.read_object(self.name, payload)):
                    limit.reschedule(None)
                    yield Chunk(piece)
                if answer.ended:
                    break
        if not answer.ended:
            raise UpstreamUnavailable("anthropic broke off in the middle.")
        yield Chunk(
            completion=self._completion(
                prompt, "".join(answer.text), answer.usage, answer.stop_reason
            )
        )

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        """The request."""
        return {
            "model": self._config.model,
            "system": prompt.system,
            "messages": messages(prompt),
            "max_tokens": prompt.max_tokens,
            "temperature": self._config.temperature,
        }

    def _completion(self, prompt: Prompt, text: str, usage: object, finish: object) -> Completion:
        """The answer with its accounting."""
        tokens = _http.tokens(usage, prompt.system + prompt.user, text)
        return Completion(
            text,
            self._config.model,
            tokens,
            "stop" if finish in (None, "end_turn") else str(finish),
        )


class _Answer:
    """A streamed answer so far."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.usage: dict[str, Any] = {}
        self.stop_reason: str | None = None
        self.ended = False

    def take(self, event: dict[str, Any]) -> str:
        """Takes one event in and gives back its new words.

        Raises:
            RateLimited: The provider is overloaded.
            UpstreamUnavailable: It reports another error, or sends another shape.
        """
        try:
            return self._take(event)
        except (AttributeError, TypeError, KeyError) as error:
            raise UpstreamUnavailable("anthropic sent JSON of another shape.") from error

    def _take(self, event: dict[str, Any]) -> str:
        match event.get("type"):
            case "message_start":
                self.usage |= event["message"].get("usage") or {}
            case "content_block_delta":
                piece = event["delta"].get("text") or ""
                self.text.append(piece)
                return str(piece)
            case "message_delta":
                self.usage |= event.get("usage") or {}
                self.stop_reason = event["delta"].get("stop_reason")
            case "message_stop":
                self.ended = True
            case "error":
                if (event.get("error") or {}).get("type") in (
                    "overloaded_error",
                    "rate_limit_error",
                ):
                    raise RateLimited("anthropic asks for a pause.")
                raise UpstreamUnavailable("anthropic reported an error in the middle.")
        return ""


adapter: Callable[[Config, Tools], Provider] = Anthropic

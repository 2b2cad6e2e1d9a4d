"""OpenAI's embeddings, or those of any server that speaks its protocol."""

import base64
import math
from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, ClassVar
from uuid import UUID

import aiohttp
from pydantic import BaseModel, Field, SecretStr

from app.core.errors import RateLimited, UpstreamRefused, UpstreamUnavailable
from app.core.hands import resting
from app.core.tools import Tools
from app.services.knowledge.base import Embedder, Purpose, Vector

_TEXTS = 64
_CHARACTERS = 8000
"""Fewer than the model's 8,191 tokens in any script."""


class Config(BaseModel):
    """An account, and which of its models embeds."""

    api_key: SecretStr = Field(description="The account's API key.")
    base_url: str = Field("https://api.openai.com/v1", description="Where the API is.")
    region: str = Field("us", description="Where texts go: local, or a code such as us or sa.")
    embedding_model: str = Field("text-embedding-3-large", description="The embedding model.")
    embedding_dimensions: int = Field(
        1024, ge=64, le=3072, description="Length of a vector; shorter is cheaper."
    )
    embedding_seconds: float = Field(20.0, gt=0, description="How long to wait for one answer.")


class OpenAIEmbedder:
    """Embeds questions and passages alike: these models make no difference."""

    name: ClassVar[str] = "openai"

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config
        self._http = tools.http
        self._timeout = aiohttp.ClientTimeout(total=config.embedding_seconds)
        self.dimensions = config.embedding_dimensions
        self.region = config.region

    async def embed(
        self, texts: Sequence[str], purpose: Purpose, whose: UUID | None = None
    ) -> list[Vector]:
        """One vector a text, in order.

        Raises:
            UpstreamUnavailable: The service doesn't answer, or fails.
            RateLimited: The account's limit is reached.
            UpstreamRefused: The key, the model or the request is wrong.
        """
        groups = (texts[at : at + _TEXTS] for at in range(0, len(texts), _TEXTS))
        return list(chain.from_iterable([await self._embed(group) for group in groups]))

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        answer = await self._post(
            {
                "model": self._config.embedding_model,
                "dimensions": self.dimensions,
                "encoding_format": "base64",
                "input": [_printable(text) for text in texts],
            }
        )
        try:
            found = sorted(answer["data"], key=lambda item: item["index"])
            vectors = [_vector(item["embedding"]) for item in found]
        except (KeyError, TypeError, ValueError) as error:
            raise UpstreamUnavailable("The embedding service sent something unreadable.") from error
        if [len(vector) for vector in vectors] != [self.dimensions] * len(texts):
            raise UpstreamUnavailable(
                "The embedding service sent vectors of the wrong number or length."
            )
        return vectors

    async def _post(self, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {self._config.api_key.get_secret_value()}"}
        url = f"{self._config.base_url.rstrip('/')}/embeddings"
        try:
            async with (
                resting(),
                self._http.post(url, json=body, headers=headers, timeout=self._timeout) as response,
            ):
                _check(response)
                return await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UpstreamUnavailable(
                "The embedding service doesn't answer. It will be tried again."
            ) from error


def _check(response: aiohttp.ClientResponse) -> None:
    match response.status:
        case 200:
            return
        case 429:
            wait = response.headers.get("Retry-After", "")
            raise RateLimited(
                "The embedding service limits us.",
                retry_after=float(wait) if wait.isdigit() else None,
            )
        case status if status >= 500 or status == 408:
            raise UpstreamUnavailable(
                f"The embedding service failed ({status}). It will be tried again."
            )
        case status:
            raise UpstreamRefused(
                f"The embedding service refused ({status}). Check its key and model."
            )


def _printable(text: str) -> str:
    """Something for every text: the service refuses empty ones, and JSON can't carry lone surrogates."""
    return text[:_CHARACTERS].encode("utf-8", "replace").decode().strip() or "-"


def _vector(embedding: str | list[float]) -> Vector:
    """A vector of length one, from base64 float32 or, where a server ignores that wish, from numbers."""
    floats = array("f", base64.b64decode(embedding)) if isinstance(embedding, str) else embedding
    length = math.sqrt(sum(x * x for x in floats)) or 1.0
    return tuple(x / length for x in floats)


adapter: Callable[[Config, Tools], Embedder] = OpenAIEmbedder

"""Llama, or any other model, on a server that speaks OpenAI's API: vLLM, Ollama, llama.cpp, LM Studio."""

from collections.abc import Callable
from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr

from app.core.tools import Tools
from app.services.ai.base import Provider
from app.services.ai.providers._http import Endpoint
from app.services.ai.providers._openai_compatible import OpenAICompatible


class Config(BaseModel):
    """One server."""

    base_url: str = Field(description="Such as http://localhost:11434/v1.")
    model: str = Field("llama3", description="The model's name on that server.")
    api_key: SecretStr | None = Field(None, description="Only where the server asks for one.")
    region: str = Field("local", description="Where texts go: local, or a code such as us or sa.")
    temperature: float = Field(
        0.0, ge=0, le=2, description="0 repeats itself; more is livelier and less exact."
    )


class Llama(OpenAICompatible):
    """A model on a server of one's own."""

    name: ClassVar[str] = "llama"

    def __init__(self, config: Config, tools: Tools) -> None:
        headers = (
            {"Authorization": f"Bearer {config.api_key.get_secret_value()}"}
            if config.api_key
            else {}
        )
        endpoint = Endpoint(self.name, f"{config.base_url.rstrip('/')}/chat/completions", headers)
        super().__init__(tools, endpoint, config.model, config.temperature, config.region)


adapter: Callable[[Config, Tools], Provider] = Llama

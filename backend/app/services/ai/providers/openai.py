"""OpenAI, through its chat completions."""

from collections.abc import Callable
from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr

from app.core.tools import Tools
from app.services.ai.base import Provider
from app.services.ai.providers._http import Endpoint
from app.services.ai.providers._openai_compatible import OpenAICompatible


class Config(BaseModel):
    """One account at OpenAI."""

    api_key: SecretStr = Field(description="A secret key of the project that pays.")
    model: str = Field("gpt-4o", description="The model's id.")
    base_url: str = Field(
        "https://api.openai.com/v1", description="Another address that speaks the same API."
    )
    region: str = Field("us", description="Where texts go: local, or a code such as us or sa.")
    temperature: float = Field(
        0.0, ge=0, le=2, description="0 repeats itself; more is livelier and less exact."
    )


class OpenAI(OpenAICompatible):
    """A model of OpenAI."""

    name: ClassVar[str] = "openai"

    def __init__(self, config: Config, tools: Tools) -> None:
        headers = {"Authorization": f"Bearer {config.api_key.get_secret_value()}"}
        endpoint = Endpoint(self.name, f"{config.base_url.rstrip('/')}/chat/completions", headers)
        super().__init__(tools, endpoint, config.model, config.temperature, config.region)


adapter: Callable[[Config, Tools], Provider] = OpenAI

"""The description of the HTTP API, without an installation."""

import asyncio
import secrets
import tempfile
from pathlib import Path
from typing import Any

from app.api.app import create_app
from app.bootstrap import bootstrap
from app.core.config import GENERATED, Settings


def describe() -> dict[str, Any]:
    """What ``/openapi.json`` serves. Nothing is connected to, no secret of anybody is needed."""
    throwaway = {name: secrets.token_urlsafe(48) for name in GENERATED}
    database = "postgresql+asyncpg://nobody@127.0.0.1/nothing"
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(
            _env_file=None, WAFAA_HOME=Path(home), DATABASE_URL=database, **throwaway  # type: ignore[arg-type] # By alias.
        )
        return asyncio.run(_describe(settings))


async def _describe(settings: Settings) -> dict[str, Any]:
    services = bootstrap(settings)
    try:
        return create_app(services).openapi()
    finally:
        await services.close()

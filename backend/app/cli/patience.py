"""Waiting for what a role needs: it may have been started at the same moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.bootstrap import Services
from app.cli.parts import EmbeddingServer
from app.core.errors import Unavailable
from app.core.revision import wanted


async def until_migrated(services: Services, seconds: float) -> None:
    """Waits until the database has this code's revision; after ``seconds`` the role finds out why not.

    A connection that was opened before knows none of the types that came with it.
    """

    async def migrated() -> bool:
        with suppress(Unavailable):
            return await services.db.revision() == wanted()
        return False

    await _until(migrated, seconds)
    services.db.renew()


async def until_embedding(services: Services, seconds: float) -> None:
    """Waits for this host's embedding server: what can't be embedded is tried again later, and later still."""

    async def embedding() -> bool:
        return EmbeddingServer(services.settings.home).running()

    if services.settings.embedder == "local":
        await _until(embedding, seconds)


async def _until(true: Callable[[], Awaitable[bool]], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if await true():
            return
        await asyncio.sleep(0.05)

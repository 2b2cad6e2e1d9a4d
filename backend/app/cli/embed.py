"""The role that embeds for every process of this host. It imports little: its memory is the model's."""

import asyncio

from app.cli.parts import embed_socket
from app.cli.roles import on_stop
from app.core.config import Settings
from app.core.priority import stand_back
from app.services.knowledge import embedder


async def embed(settings: Settings) -> None:
    """Embeds until asked to stop."""
    stand_back()
    serving = asyncio.ensure_future(embedder.serve(embed_socket(settings.home), settings.home))
    on_stop(serving.cancel)
    await serving

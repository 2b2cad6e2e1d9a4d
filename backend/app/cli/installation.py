"""The installation that a command works on: its settings, its servers, its services."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from app.bootstrap import Services, bootstrap
from app.cli import parts
from app.core.config import Settings
from app.core.errors import Misconfigured
from app.core.observability import configure_logging

T = TypeVar("T")

ENV_FILE = Path(".env")
NOT_HERE = "Nothing is set up in this directory. Go where your .env is, or start here: `make up`."


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation at work.

    Attributes:
        services: What the command works with.
        alone: Whether no worker runs: the servers run for this command only, and what it enqueues it has to do itself.
    """

    services: Services
    alone: bool

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Inside, jobs are done: by the workers there are, or by this process if there are none."""
        if not self.alone:
            yield
            return
        worker = self.services.worker
        working = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await working

    async def finish(self) -> None:
        """Does what was enqueued, if nobody else does."""
        if self.alone:
            await self.services.worker.drain()


def read_settings() -> Settings:
    """The settings of the installation in this directory; unlike ``up``, a command invents no secrets.

    Raises:
        Misconfigured: There is none here.
    """
    settings = Settings.read(ENV_FILE)
    if not all(
        (settings.jwt_secret_key.get_secret_value(), settings.tenant_key.get_secret_value())
    ):
        raise Misconfigured(NOT_HERE)
    return parts.as_posted(settings)


def with_services(work: Callable[[Installation], Awaitable[T]], *, embedder: bool = False) -> T:
    """Does a piece of work with the services, and lets go of everything afterwards.

    Args:
        work: What to do.
        embedder: Whether it needs embeddings.
    """
    configure_logging(json=False, level="ERROR")
    settings = read_settings()
    with servers(settings, embedder=embedder) as (reached, alone):
        return asyncio.run(_with_services(reached, alone, work))


async def _with_services(
    settings: Settings, alone: bool, work: Callable[[Installation], Awaitable[T]]
) -> T:
    services = bootstrap(settings)
    try:
        await services.open()
        return await work(Installation(services, alone))
    finally:
        await services.close()


@contextmanager
def servers(settings: Settings, *, embedder: bool) -> Iterator[tuple[Settings, bool]]:
    """The servers that come along, running: those of `wafaa up` if it runs, else our own for as long as this lasts.

    Yields:
        The settings to reach them with, and whether they run for us alone.
    """
    with ExitStack() as stack:
        addresses: dict[str, object] = {"pool_size": 5, "pool_overflow": 5}
        alone = False
        if settings.database_url is None:
            database = parts.postgres(settings)
            if not (database.data / "PG_VERSION").exists():
                raise Misconfigured(NOT_HERE)
            alone = not database.supervised()
            addresses["database_url"] = SecretStr(stack.enter_context(database).url)
        if settings.redis_url is None and not alone:
            cache = parts.valkey(settings)
            if cache.supervised():
                addresses["redis_url"] = SecretStr(stack.enter_context(cache).url)
        if embedder and settings.embedder == "local":
            stack.enter_context(parts.EmbeddingServer(settings.home))
        yield settings.model_copy(update=addresses), alone

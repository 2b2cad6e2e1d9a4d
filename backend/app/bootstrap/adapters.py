"""Which class stands behind which seam: settings name it, its config comes along."""

from typing import Any

import aiohttp

from app.bootstrap.locations import embed_socket
from app.core import effects, plugins
from app.core.clock import SteadyClock
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.core.shared import circuit_of
from app.core.tools import Tools
from app.services.ai.base import Provider
from app.services.cache.base import Cache
from app.services.keys.base import KeyService
from app.services.knowledge.base import Embedder, VectorStore, model_of
from app.services.queue.base import TOPICS, EventLog

PROVIDERS = "app.services.ai.providers"


def make_tools(clock: SteadyClock, *, calls: int = 100) -> Tools:
    """What adapters may use; made inside a running event loop, and closed by who made it.

    Args:
        clock: The process's.
        calls: How many go out at once, a hundred at least.
    """
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max(100, calls)),
        timeout=aiohttp.ClientTimeout(total=30),
        trace_configs=[effects.tracing()],
        cookie_jar=aiohttp.DummyCookieJar(),  # One client's calls must not carry what another's were given.
    )
    return Tools(http=session, now=clock.now)


def _adapter(settings: Settings, package: str, name: str, tools: Tools, **known: Any) -> Any:
    """Makes an adapter by its name; its config comes from what is known here, else from the environment."""
    module = plugins.load(package, name)
    config = module.Config(**known) if known else settings.adapter(name, module.Config)
    return module.adapter(config, tools)


def key_service(settings: Settings, tools: Tools) -> KeyService:
    """Who holds the key that clients' keys are wrapped with."""
    known: dict[str, Any] = {}
    if settings.key_service == "file":
        path = settings.key_file or settings.home / "master.keys"
        known = {"master_key": settings.master_key, "path": path}
    service: KeyService = _adapter(
        settings, "app.services.keys", settings.key_service, tools, **known
    )
    return service


def event_log_for(settings: Settings, tools: Tools) -> EventLog | None:
    """The event log, where one is wanted."""
    if settings.queue_broker is None:
        return None
    log: EventLog = _adapter(settings, "app.services.queue.brokers", settings.queue_broker, tools)
    return log


async def prepare_event_log(settings: Settings) -> list[str]:
    """Makes the topics that are missing, where there is an event log, and names them.

    Raises:
        Misconfigured: The log refuses.
        Unavailable: It can't be reached.
    """
    async with aiohttp.ClientSession() as http:
        event_log = event_log_for(settings, Tools(http, SteadyClock().now))
        return await event_log.prepare(TOPICS) if event_log else []


def cache_for(settings: Settings, tools: Tools) -> Cache:
    """Redis where there is one, else this process's own memory."""
    package = "app.services.cache"
    if settings.redis_url is None:
        memory: Cache = _adapter(settings, package, "memory", tools)
        return memory
    redis: Cache = _adapter(settings, package, "redis", tools, url=settings.redis_url)
    return redis


def embedder_for(settings: Settings, tools: Tools) -> Embedder:
    """Who turns words into vectors."""
    known: dict[str, Any] = (
        {"socket": embed_socket(settings)} if settings.embedder == "local" else {}
    )
    embedder: Embedder = _adapter(
        settings, "app.services.knowledge.embedders", settings.embedder, tools, **known
    )
    return embedder


def store_for(settings: Settings, db: Database, embedder: Embedder, tools: Tools) -> VectorStore:
    """Where passages are searched."""
    name = settings.vector_db_provider
    known = {"database": db, "model": model_of(embedder)} if name == "postgres" else {}
    store: VectorStore = _adapter(settings, "app.services.knowledge.stores", name, tools, **known)
    return store


def providers_for(settings: Settings, tools: Tools) -> list[Provider]:
    """The language models in order of preference. The extractive one is always last: it can't fail."""
    names = _provider_names(settings)
    return [_adapter(settings, PROVIDERS, name, tools) for name in names]


def _provider_names(settings: Settings) -> list[str]:
    names = [name.strip() for name in settings.llm_providers.split(",") if name.strip()]
    return [*(name for name in names if name != "extractive"), "extractive"]


def circuits_for(settings: Settings) -> dict[str, str]:
    """What fails together: each provider with the credential and the address that it is asked with."""
    configs = {
        n: settings.adapter(n, plugins.load(PROVIDERS, n).Config) for n in _provider_names(settings)
    }
    return {name: circuit_of(name, config) for name, config in configs.items()}


def shared_credentials(settings: Settings) -> dict[str, dict[str, Any]]:
    """The installation's own credentials at platforms, for accounts that bring none."""
    secret = settings.meta_app_secret
    return {"whatsapp": {"app_secret": secret.get_secret_value()}} if secret else {}

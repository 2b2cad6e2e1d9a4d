"""Bringing the database to this version, or looking whether it is."""

import asyncio

from app.bootstrap import key_service, make_tools, owner_url, prepare_event_log, signer
from app.cli.installation import ENV_FILE, read_settings, servers
from app.core.clock import SteadyClock
from app.core.config import Settings, generate_secrets
from app.core.observability import configure_logging
from app.migration import Revisions, migrate, revisions


async def bring_up(settings: Settings) -> Revisions:
    """Migrates, and makes the topics that are missing.

    The application's role gets its password unless somebody else takes care of that role.
    """
    ours = settings.admin_database_url is None
    password = settings.app_database_password.get_secret_value() if ours else None
    tools = make_tools(SteadyClock())
    try:
        found = await migrate(
            owner_url(settings),
            signer(settings),
            password,
            key_service(settings, tools),
            settings.master_key.get_secret_value(),
            publishing=settings.queue_broker is not None,
        )
    finally:
        await tools.http.close()
    await prepare_event_log(settings)
    return found


def migrate_now() -> Revisions:
    """Migrates the installation in this directory; on a server of one's own it may be the first command of all."""
    configure_logging(json=False, level="ERROR")
    if Settings.read(ENV_FILE).database_url is not None:
        generate_secrets(ENV_FILE)
    with servers(read_settings(), embedder=False) as (settings, _):
        return asyncio.run(bring_up(settings))


def check_now() -> Revisions:
    """Looks, and changes nothing."""
    configure_logging(json=False, level="ERROR")
    with servers(read_settings(), embedder=False) as (settings, _):
        return asyncio.run(revisions(owner_url(settings)))

"""Backing an installation up, and restoring one."""

import asyncio
from pathlib import Path

from app.bootstrap import owner_url
from app.cli import parts
from app.cli.installation import read_settings, servers
from app.cli.migrating import bring_up
from app.core.errors import Misconfigured
from app.core.observability import configure_logging
from app.embedded import dumps
from app.migration import make_roles

KEPT_APART = (
    "Keep the two apart, and both apart from .env and master.keys: whoever has all of them reads everything; "
    "without the keys nobody reads anything."
)


def back_up(data: Path) -> Path:
    """Writes the data to a file, the keys to one beside it; gives the latter.

    Raises:
        Misconfigured: A file is there already, or PostgreSQL's tools say why not.
    """
    configure_logging(json=False, level="ERROR")
    if data.exists() or dumps.keys_file(data).exists():
        raise Misconfigured(f"{data.name} is there already. Name another file.")
    with servers(read_settings(), embedder=False) as (settings, _):
        return dumps.back_up(owner_url(settings), data)


def restore(data: Path, keys: Path | None) -> None:
    """Fills an empty database, and brings it to this version.

    Raises:
        Misconfigured: The database isn't empty, a file is missing, or PostgreSQL's tools say why not.
    """
    configure_logging(json=False, level="ERROR")
    keys = keys or dumps.keys_file(data)
    missing = [path.name for path in (data, keys) if not path.exists()]
    if missing:
        raise Misconfigured(f"There is no file {missing[0]}.")
    settings = read_settings()
    if settings.database_url is None:
        parts.postgres(settings).prepare()  # A new machine has none yet.
    with servers(settings, embedder=False) as (reached, _):
        ours = reached.admin_database_url is None
        password = reached.app_database_password.get_secret_value() if ours else None
        asyncio.run(make_roles(owner_url(reached), password))
        dumps.restore(owner_url(reached), data, keys)
        asyncio.run(bring_up(reached))

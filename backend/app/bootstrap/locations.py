"""Where this installation is found: its database, its pages, its files. Settings alone decide."""

from pathlib import Path

from app.core.clock import SteadyClock
from app.core.config import Settings
from app.core.errors import Misconfigured
from app.core.multi_tenant import APP_ROLE, Database
from app.core.tenant_token import TenantSigner


def app_url(settings: Settings) -> str:
    """How the product itself signs in to the database.

    Raises:
        Misconfigured: There is no database.
    """
    if settings.database_url is None:
        raise Misconfigured("There is no DATABASE_URL. `wafaa up` brings a database along.")
    return _as_app(settings, settings.database_url.get_secret_value())


def direct_url(settings: Settings) -> str | None:
    """The same past a pooler, where there is one."""
    url = settings.direct_database_url
    return _as_app(settings, url.get_secret_value()) if url else None


def _as_app(settings: Settings, url: str) -> str:
    if settings.admin_database_url is not None:
        return url
    return Database.as_role(url, APP_ROLE, settings.app_database_password.get_secret_value())


def owner_url(settings: Settings) -> str:
    """How migrations sign in.

    Raises:
        Misconfigured: There is no database.
    """
    url = settings.admin_database_url or settings.direct_database_url or settings.database_url
    if url is None:
        raise Misconfigured("There is no DATABASE_URL. `wafaa up` brings a database along.")
    return url.get_secret_value()


def signer(settings: Settings, clock: SteadyClock | None = None) -> TenantSigner:
    """Signs tenant tokens."""
    return TenantSigner(settings.tenant_key.get_secret_value(), clock)


def public_url(settings: Settings) -> str:
    """How people reach this installation."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


def embed_socket(settings: Settings) -> Path:
    """Where the embedding server of this host listens."""
    return settings.home / "embed.sock"


def heads_file(settings: Settings) -> Path:
    """Where the heads of audit logs are kept beside the database."""
    return settings.home / "audit-heads.jsonl"


def database_disk(settings: Settings) -> Path | None:
    """Where the embedded database keeps its files; None where the database is somebody else's care."""
    files = settings.home / "postgres"
    return files if files.is_dir() else None

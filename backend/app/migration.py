"""Brings a database to the present revision: roles, tables, fences, keys. Never destroys data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.errors import Misconfigured
from app.core.multi_tenant import APP_ROLE
from app.core.revision import MIGRATIONS, wanted
from app.core.tenant_token import TenantSigner
from app.models import outbox
from app.models.knowledge_search import make_vectors
from app.services.keys.base import KeyService

_LOCK = 0x5741464141  # "WAFAA": two starters don't migrate at once.
DEFINER_ROLE = "wafaa_definer"


@dataclass(frozen=True, slots=True)
class Revisions:
    """Where a database stands, and where it should."""

    present: str | None
    wanted: str

    @property
    def current(self) -> bool:
        """Whether there is nothing to do."""
        return self.present == self.wanted


def _config(connection: Connection, **more: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes.update(more, connection=connection)
    return config


async def revisions(url: str) -> Revisions:
    """Compares a database with this code."""
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            present = await connection.run_sync(
                lambda c: MigrationContext.configure(c).get_current_revision()
            )
    finally:
        await engine.dispose()
    return Revisions(present, wanted())


async def migrate(
    owner_url: str,
    signer: TenantSigner,
    app_password: str | None,
    keys: KeyService | None = None,
    master_key: str = "",
    *,
    publishing: bool = False,
) -> Revisions:
    """Brings the database to the present revision.

    Args:
        owner_url: The tables' owner, who may make roles.
        signer: Its key is what tenant tokens are checked with from now on; older keys stay.
        app_password: The password of ``wafaa_app``; None when that role is somebody else's care.
        keys: Who wraps clients' keys: needed where an older database holds rows in clear.
        master_key: What such a database's credentials were sealed with.
        publishing: Whether what happens is to be published.

    Raises:
        Misconfigured: The role may not do what is needed; the message says what.
    """
    engine = create_async_engine(owner_url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.run_sync(_make_roles, make_url(owner_url).database or "", app_password)
            await connection.run_sync(
                lambda c: command.upgrade(_config(c, keys=keys, master_key=master_key), "head")
            )
            await connection.execute(text(f"GRANT SELECT ON alembic_version TO {APP_ROLE}"))
            await connection.run_sync(make_vectors)
            await connection.execute(text("SELECT app.make_partitions()"))
            await connection.run_sync(_keep_key, signer)
            await connection.run_sync(lambda c: outbox.fill(c, wanted=publishing))
    finally:
        await engine.dispose()
    return await revisions(owner_url)


async def make_roles(owner_url: str, app_password: str | None) -> None:
    """Makes the roles that a restored database names.

    Raises:
        Misconfigured: There is something in the database already, or the role may not do what is needed.
    """
    engine = create_async_engine(owner_url)
    try:
        async with engine.begin() as connection:
            if await connection.scalar(text("SELECT to_regclass('public.clients') IS NOT NULL")):
                raise Misconfigured("This database isn't empty. Restore into an empty one.")
            await connection.run_sync(_make_roles, make_url(owner_url).database or "", app_password)
    finally:
        await engine.dispose()


def _make_roles(connection: Connection, database: str, app_password: str | None) -> None:
    known = set(connection.scalars(text("SELECT rolname FROM pg_roles")))
    may = connection.scalar(
        text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    )
    if not may and not {APP_ROLE, DEFINER_ROLE} <= known:
        raise Misconfigured(
            f"This role may not make roles. Let an administrator run: CREATE ROLE {APP_ROLE} LOGIN; "
            f"CREATE ROLE {DEFINER_ROLE} NOLOGIN; GRANT {DEFINER_ROLE} TO CURRENT_USER; then `wafaa migrate` again."
        )
    if DEFINER_ROLE not in known:
        connection.execute(text(f"CREATE ROLE {DEFINER_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS"))
        connection.execute(text(f"GRANT {DEFINER_ROLE} TO CURRENT_USER"))
    if APP_ROLE not in known:
        connection.execute(
            text(f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE")
        )
    if may and app_password:
        literal = connection.scalar(text("SELECT quote_literal(:p)"), {"p": app_password})
        connection.exec_driver_sql(f"ALTER ROLE {APP_ROLE} PASSWORD {literal}")
    name = connection.scalar(text("SELECT quote_ident(:d)"), {"d": database})
    connection.exec_driver_sql(f"REVOKE TEMP ON DATABASE {name} FROM PUBLIC")
    connection.exec_driver_sql(f"REVOKE CREATE ON DATABASE {name} FROM PUBLIC")
    connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {name} TO {APP_ROLE}")


def run_script(connection: Connection, path: Path) -> None:
    """Runs a file of several statements on a migration's connection and transaction."""
    script = path.read_text("utf-8")
    driver: Any = connection.connection.dbapi_connection
    driver.run_async(lambda raw: raw.execute(script))


def _keep_key(connection: Connection, signer: TenantSigner) -> None:
    ipad, opad = signer.pads()
    connection.execute(
        text(
            "INSERT INTO vault.tenant_keys (key_id, ipad, opad) VALUES (:key_id, :ipad, :opad) "
            "ON CONFLICT (key_id) DO UPDATE SET ipad = excluded.ipad, opad = excluded.opad"
        ),
        {"key_id": signer.key_id, "ipad": ipad, "opad": opad},
    )

"""The doctor's look at what runs: database, fence, stored credentials, cache, embedder, mail server."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

from app.bootstrap import Services, bootstrap
from app.cli.findings import FAIL, OK, WARN, Finding
from app.cli.installation import servers
from app.core.config import Settings
from app.core.errors import Misconfigured, WafaaError
from app.core.observability import check_parts
from app.core.revision import MIGRATIONS, wanted
from app.core.weak_role import refuse_strong_role
from app.models.channel_config import ChannelConfig
from app.models.client import Client

OLDEST_POSTGRES = 15
LINT: Path = MIGRATIONS / "rls_lint.sql"

LOOKED_AT = ("database", "event log")

Look = Callable[[Services], Awaitable[Finding]]


def examine_live(settings: Settings) -> list[Finding]:
    """Findings about everything that has to be asked. A database that can't be had hides the rest."""
    try:
        with servers(settings, embedder=False) as (reached, _):
            found = asyncio.run(_examine(reached))
    except WafaaError as error:
        found = [Finding("postgresql", FAIL, error.message, "Start it: `make up`.")]
    return [*found, mail(settings)]


async def _examine(settings: Settings) -> list[Finding]:
    try:
        services = bootstrap(settings)
    except Misconfigured as error:
        return [Finding("settings", FAIL, error.message, "Correct .env, then look again.")]
    try:
        looks: tuple[tuple[str, Look], ...] = (
            ("postgresql", postgresql), ("role", role), ("revision", revision), ("pgvector", pgvector),
            ("fence", fence), ("credentials", credentials), ("event log", event_log),
        )  # fmt: skip
        found = [await _look(name, look, services) for name, look in looks]
        return [*found, *await _parts(services)]
    finally:
        await services.close()


async def _look(name: str, look: Look, services: Services) -> Finding:
    try:
        return await look(services)
    except WafaaError as error:
        return Finding(name, FAIL, error.message, "Run `wafaa migrate`; check DATABASE_URL.")


async def postgresql(services: Services) -> Finding:
    """Whether it answers, and is new enough."""
    async with services.db.directory() as tx:
        number = int(await tx.value("SHOW server_version_num"))
    if number // 10000 < OLDEST_POSTGRES:
        return Finding(
            "postgresql", FAIL, f"It is version {number // 10000}.",
            f"Upgrade to {OLDEST_POSTGRES} or newer, or leave DATABASE_URL unset.",
        )  # fmt: skip
    return Finding("postgresql", OK, f"version {number // 10000}.{number % 10000}")


async def role(services: Services) -> Finding:
    """Whether row-level security binds us."""
    try:
        await refuse_strong_role(services.db)
    except WafaaError as error:
        fix = "Let DATABASE_URL name a plain role, and WAFAA_ADMIN_DATABASE_URL the owner."
        return Finding("role", FAIL, error.message, fix)
    return Finding("role", OK, "row-level security binds it")


async def revision(services: Services) -> Finding:
    """Whether the tables are this version's."""
    found = await services.db.revision()
    if found != wanted():
        return Finding("revision", FAIL, f"{found}, not {wanted()}", "Run `wafaa migrate`.")
    return Finding("revision", OK, wanted())


async def pgvector(services: Services) -> Finding:
    """Whether vectors can be kept, where they are to be kept here."""
    if services.settings.vector_db_provider != "postgres":
        return Finding("pgvector", OK, f"not needed with {services.settings.vector_db_provider}")
    async with services.db.directory() as tx:
        version = await tx.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if version is None:
        return Finding(
            "pgvector", FAIL, "The extension isn't there.",
            "Install it and run `wafaa migrate`, or set VECTOR_DB_PROVIDER to another store.",
        )  # fmt: skip
    return Finding("pgvector", OK, f"version {version}")


async def fence(services: Services) -> Finding:
    """Whether any client could see another's rows."""
    lint = _lint()
    if lint is None:
        return Finding("fence", WARN, "Not looked at: its lint isn't part of this package.")
    async with services.db.directory() as tx:
        holes = await tx.all(lint)
    if holes:
        told = "; ".join(f"{hole['hole']}: {hole['name']}" for hole in holes[:3])
        return Finding(
            "fence",
            FAIL,
            f"{len(holes)} holes: {told}",
            "Run `wafaa migrate`; undo manual changes.",
        )
    return Finding("fence", OK, "no client sees another's rows")


def _lint() -> str | None:
    return LINT.read_text("utf-8") if LINT.exists() else None


async def credentials(services: Services) -> Finding:
    """Whether every client's key opens what it sealed."""
    count = 0
    async with services.db.directory() as tx:
        clients = await Client.every(tx)
    for client in clients:
        async with services.db.tenant(client.id) as tenant:
            count += len(await ChannelConfig.of_kind(tenant))
    return Finding("credentials", OK, f"{count} channel accounts open with their clients' keys")


async def event_log(services: Services) -> Finding:
    """Whether the log in front lets us in, where there is one."""
    if services.event_log is None:
        return Finding("event log", OK, "There is none: webhooks are written directly.")
    try:
        return Finding("event log", OK, await services.event_log.ping())
    except WafaaError as error:
        return Finding(
            "event log", FAIL, error.message, "Correct KAFKA_… in .env, then look again."
        )


async def _parts(services: Services) -> list[Finding]:
    """The parts that readiness asks, beside those that were looked at."""
    states = await check_parts([part for part in services.parts if part.name not in LOOKED_AT])
    return [
        Finding(
            state.name,
            OK if state.ok else FAIL if state.needed else WARN,
            state.detail,
            "" if state.ok else "Start it: `make up`.",
        )
        for state in states
    ]


def mail(settings: Settings) -> Finding:
    """Whether the mail server can be reached, where there is one."""
    if settings.smtp_url is None:
        fix = "Set SMTP_URL, or watch `wafaa inbox list --waiting`."
        return Finding("mail", WARN, "Nobody is told by mail when a person is wanted.", fix)
    parts = urlsplit(settings.smtp_url.get_secret_value())
    try:
        with closing(create_connection((parts.hostname, parts.port or 587), timeout=3)):
            return Finding("mail", OK, f"{parts.hostname} takes connections")
    except OSError as error:
        detail = f"{parts.hostname} can't be reached: {error.strerror or type(error).__name__}."
        return Finding("mail", FAIL, detail, "Check SMTP_URL: smtp://user:password@host:port.")

"""Making and listing clients."""

import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer
from pydantic import ValidationError

from app.bootstrap import Services, public_url
from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import worded
from app.core.errors import InvalidInput
from app.core.multi_tenant import TenantTx
from app.core.security import hash_password
from app.models.client import Client, ClientSettings, Quota
from app.models.client_version import ClientVersion
from app.models.usage import UsageRecord
from app.schemas.clients import NewClientIn
from app.services.orchestrator import clients, configuration
from app.utils.differences import differences
from app.utils.misfits import first_misfit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client to be."""

    slug: str
    name: str
    email: str
    owner: str
    language: str


def create(wish: NewClient, password_file: Path | None) -> dict[str, Any]:
    """Makes a client; gives its address, and its owner's password if that was made up here."""
    given = _given_password(password_file)
    password = given or secrets.token_urlsafe(12)
    asked = _checked(wish, password)

    async def work(here: Installation) -> dict[str, Any]:
        services = here.services
        made = await clients.create(
            services.db, services.channels, name=asked.name, slug=asked.slug,
            settings=ClientSettings(language=wish.language),
            owner=(asked.owner.email, asked.owner.name, hash_password(password)), actor="cli",
        )  # fmt: skip
        page = f"{public_url(services.settings)}/c/{made.slug}"
        shown = None if given else password
        return {
            "id": made.id, "slug": made.slug, "name": made.name, "page": page, "password": shown
        }  # fmt: skip

    return with_services(work)


def _checked(wish: NewClient, password: str) -> NewClientIn:
    """Held to the same rules as a client that is made through the API."""
    owner = {"email": wish.email, "name": wish.owner, "password": password}
    fields = {
        "name": wish.name, "slug": wish.slug, "owner": owner, "settings": {"language": wish.language}
    }  # fmt: skip
    try:
        return NewClientIn.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidInput:
    return InvalidInput(": ".join(first_misfit(error)))


def _given_password(file: Path | None) -> str | None:
    if file is not None:
        return file.read_text("utf-8").partition("\n")[0]
    if not sys.stdin.isatty():
        return None
    return str(
        typer.prompt(
            worded("The owner's password (empty: made for you)"), default="", hide_input=True,
            confirmation_prompt=True, show_default=False, err=True,
        )
    ) or None  # fmt: skip


def _within(slug: str, act: Callable[[TenantTx, Services], Awaitable[T]]) -> T:
    """Does something in a client's transaction."""

    async def work(here: Installation) -> T:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return await act(tx, here.services)

    return with_services(work)


def look(slug: str) -> dict[str, Any]:
    """How a client stands."""

    async def act(tx: TenantTx, _: Services) -> dict[str, Any]:
        client = await Client.mine(tx)
        used = await UsageRecord.this_month(tx)
        return {
            "id": client.id, "slug": client.slug, "name": client.name, "active": client.is_active,
            "suspended_at": client.suspended_at, "suspended_for": client.suspended_for,
            "quota": client.allowed.model_dump(), "used": asdict(used),
        }  # fmt: skip

    return _within(slug, act)


def configure(slug: str, name: str | None, fields: dict[str, Any], note: str | None) -> int:
    """Publishes the configuration with some fields changed; gives its number."""

    async def act(tx: TenantTx, _: Services) -> int:
        client = await Client.mine(tx)
        try:
            settings = ClientSettings.model_validate(client.assistant.model_dump() | fields)
        except ValidationError as error:
            raise _invalid(error) from error
        return await configuration.publish(
            tx, name or client.name, settings, actor="cli", note=note, over=client.version
        )

    return _within(slug, act)


def history(slug: str) -> list[dict[str, Any]]:
    """What was published, newest first, with what each version changed."""

    async def act(tx: TenantTx, _: Services) -> list[dict[str, Any]]:
        versions = await ClientVersion.latest(tx)
        before = [configuration.plain(v.name, v.assistant) for v in versions[1:]]
        return [
            {
                "version": v.version, "author": v.author, "at": v.created_at, "note": v.note,
                "changes": [
                    asdict(change)
                    for change in differences(old, configuration.plain(v.name, v.assistant))
                ] if old is not None else [],
            }
            for v, old in zip(versions, [*before, None], strict=True)
        ]  # fmt: skip

    return _within(slug, act)


def restore(slug: str, version: int) -> int:
    """Publishes an earlier version again; gives its new number."""
    return _within(slug, lambda tx, _: configuration.restore(tx, version, actor="cli"))


def suspend(slug: str, reason: str) -> None:
    """Stops serving a client."""
    _within(slug, lambda tx, _: clients.suspend(tx, reason, actor="cli"))


def resume(slug: str) -> None:
    """Serves a client again."""
    _within(slug, lambda tx, _: clients.resume(tx, actor="cli"))


def allow(slug: str, quota: dict[str, int | None]) -> None:
    """Sets what a client may use."""
    _within(slug, lambda tx, _: clients.allow(tx, Quota(**quota), actor="cli"))


def usage(slug: str, days: int) -> list[dict[str, Any]]:
    """What a client used by day, model and channel, with its cost."""

    async def act(tx: TenantTx, services: Services) -> list[dict[str, Any]]:
        rows = [dict(row) for row in await UsageRecord.by_day(tx, days)]
        cost = services.prices.cost
        return [
            row | {"cost_usd": cost(row["model"], row["input_tokens"], row["output_tokens"])}
            for row in rows
        ]

    return _within(slug, act)


def every() -> list[dict[str, Any]]:
    """The clients."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        url = public_url(here.services.settings)
        async with here.services.db.directory() as tx:
            found = await Client.every(tx)
        return [
            {"id": c.id, "slug": c.slug, "name": c.name, "active": c.is_active, "page": f"{url}/c/{c.slug}"}
            for c in found
        ]  # fmt: skip

    return with_services(work)

"""Making and listing clients."""

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from app.bootstrap import public_url
from app.cli.installation import Installation, with_services
from app.core.errors import InvalidInput
from app.core.security import hash_password
from app.models.client import Client, ClientSettings
from app.schemas.clients import NewClientIn
from app.services.orchestrator import clients


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
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise InvalidInput(f"{place}: {problem['msg']}.") from error


def _given_password(file: Path | None) -> str | None:
    if file is not None:
        return file.read_text("utf-8").partition("\n")[0]
    if not sys.stdin.isatty():
        return None
    return str(
        typer.prompt(
            "The owner's password (empty: made for you)", default="", hide_input=True,
            confirmation_prompt=True, show_default=False, err=True,
        )
    ) or None  # fmt: skip


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

"""API keys, OAuth applications, and the rotation of signing keys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.cli.choosing import choose_client, choose_colleague
from app.cli.installation import Installation, with_services
from app.core.errors import Conflict, InvalidInput
from app.core.security import Role, Scope
from app.core.token_keys import Algorithm
from app.models.api_key import ApiKey
from app.models.oauth import OAuthApplication
from app.models.staff import Staff
from app.services.identity import api_keys, applications

Rows = list[dict[str, Any]]


def create_key(
    slug: str | None,
    email: str | None,
    name: str,
    scopes: Sequence[str],
    mode: str,
    days: int | None,
) -> dict[str, Any]:
    """Makes a key that acts for a colleague; it is shown this once."""
    wish = api_keys.Wish(name, _scopes(scopes), _one_of(api_keys.Mode, mode), days)

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            staff_id = await choose_colleague(tx, email)
            role = Role((await Staff.colleague(tx, staff_id)).role)
            made = await api_keys.create(tx, wish, staff_id=staff_id, role=role, actor="cli")
        return _key(made.row) | {"key": made.key}

    return with_services(work)


def list_keys(slug: str | None) -> Rows:
    """A client's keys, newest first."""

    async def work(here: Installation) -> Rows:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return [_key(key) for key in await ApiKey.all(tx)]

    return with_services(work)


def revoke_key(slug: str | None, key_id: UUID) -> None:
    """Ends a key."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await api_keys.revoke(tx, key_id, actor="cli")

    with_services(work)


def create_application(
    slug: str | None,
    name: str,
    scopes: Sequence[str],
    redirects: Sequence[str],
    algorithm: str,
    *,
    public: bool,
) -> dict[str, Any]:
    """Makes an OAuth application; its secret is shown this once."""
    signed = _one_of(Algorithm, algorithm)
    if signed is Algorithm.HS256:
        raise InvalidInput("HS256 is for our own tokens. Say EdDSA or RS256.")
    wish = applications.Wish(name, _scopes(scopes), redirects, signed, not public)

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            made = await applications.create(tx, wish, actor="cli")
        return _application(made.row) | {"secret": made.secret}

    return with_services(work)


def list_applications(slug: str | None) -> Rows:
    """A client's applications, newest first."""

    async def work(here: Installation) -> Rows:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return [_application(one) for one in await OAuthApplication.all(tx)]

    return with_services(work)


def revoke_application(slug: str | None, application_id: UUID) -> None:
    """Ends an application."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await applications.revoke(tx, application_id, actor="cli")

    with_services(work)


def rotate(algorithm: str, *, at_once: bool) -> dict[str, Any]:
    """Makes the next signing key.

    Raises:
        Conflict: One was made a moment ago and doesn't sign yet.
    """
    signed = _one_of(Algorithm, algorithm)
    if signed is Algorithm.HS256:
        raise InvalidInput("HS256 is JWT_SECRET_KEY: change it in .env. Say EdDSA or RS256.")

    async def work(here: Installation) -> dict[str, Any]:
        kid = await here.services.signing_keys.rotate(signed, at_once=at_once)
        if kid is None:
            raise Conflict("A new key was made less than ten minutes ago. It signs soon.")
        return {"kid": kid, "algorithm": signed.value, "at_once": at_once}

    return with_services(work)


def _scopes(names: Sequence[str]) -> list[Scope]:
    return [_one_of(Scope, name) for name in names]


def _one_of(kind: Any, name: str) -> Any:
    try:
        return kind(name)
    except ValueError as error:
        known = ", ".join(one.value for one in kind)
        raise InvalidInput(f"There is no {name!r}. There are: {known}.") from error


def _key(key: ApiKey) -> dict[str, Any]:
    shown = ("id", "name", "mode", "scopes", "staff_id", "expires_at", "last_used_at", "revoked_at")
    return {name: getattr(key, name, None) for name in shown}


def _application(one: OAuthApplication) -> dict[str, Any]:
    shown = ("id", "name", "scopes", "redirect_uris", "algorithm", "revoked_at")
    return {name: getattr(one, name, None) for name in shown}

"""OAuth applications: programs that a client lets act for it, or for its colleagues."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from app.core.errors import InvalidInput
from app.core.multi_tenant import Database, TenantTx
from app.core.security import RIGHTS, Role, Scope
from app.core.token_keys import Algorithm
from app.models.audit import AuditEntry
from app.models.oauth import LivingApplication, OAuthApplication
from app.utils import base62
from app.utils.ids import uuid7

MOST_REDIRECTS: Final = 10
LONGEST_REDIRECT: Final = 500
LOOPBACK = frozenset({"127.0.0.1", "[::1]"})

_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()+,;=:@/?%\[\]-]+", re.ASCII)
_HOST = re.compile(
    r"(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?"
)
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+")
"""Of an app on a telephone: a domain backwards (RFC 8252), so no `javascript:` or `data:`."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An application to be.

    Attributes:
        name: As people are asked whether they trust it.
        scopes: The most it may ever be given.
        redirect_uris: Where codes may be sent; none for one that acts by itself alone.
        algorithm: How its access tokens are signed.
        confidential: Whether it can keep a secret.
    """

    name: str
    scopes: Iterable[Scope]
    redirect_uris: Sequence[str] = ()
    algorithm: Algorithm = Algorithm.EDDSA
    confidential: bool = True


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An application with its secret, which is shown this once."""

    row: OAuthApplication
    secret: str | None = field(repr=False)


async def create(tx: TenantTx, wish: Wish, *, actor: str) -> NewApplication:
    """Makes an application.

    Raises:
        InvalidInput: A redirect address isn't one, a scope is nobody's to give, or it could do nothing.
    """
    scopes = frozenset(wish.scopes)
    if beyond := scopes - RIGHTS[Role.SERVICE]:
        raise InvalidInput(f"No application is given {min(beyond)}.", pointer="/rights")
    if not wish.confidential and not wish.redirect_uris:
        raise InvalidInput(
            "Without a secret it needs an address to send people back to.", pointer="/redirect_uris"
        )
    for uri in wish.redirect_uris:
        check_redirect(uri)
    secret = new_secret("wfs_") if wish.confidential else None
    row = OAuthApplication(
        id=uuid7(),
        secret_hash=hash_of(secret) if secret else None,
        redirect_uris=list(dict.fromkeys(wish.redirect_uris)),
        scopes=sorted(scopes),
        algorithm=wish.algorithm,
    )
    made = await OAuthApplication.add(tx, row, wish.name)
    await AuditEntry.add(tx, actor, "application.created", str(made.id), {"scopes": sorted(scopes)})
    return NewApplication(made, secret)


async def revoke(tx: TenantTx, application_id: UUID, *, actor: str) -> None:
    """Ends an application, and within seconds every token that it has.

    Raises:
        NotFound: There is no such application.
    """
    await OAuthApplication.revoke(tx, application_id)
    await AuditEntry.add(tx, actor, "application.revoked", str(application_id))


async def find(db: Database, application_id: str) -> LivingApplication | None:
    """The application behind a public id."""
    try:
        wanted = UUID(application_id)
    except ValueError:
        return None
    if str(wanted) != application_id:  # One spelling.
        return None
    async with db.directory() as tx:
        return await OAuthApplication.living(tx, wanted)


def check_redirect(uri: str) -> None:
    """Refuses what isn't one whole address of the application's own: it will be compared letter by letter.

    Raises:
        InvalidInput: It isn't.
    """
    if len(uri) > LONGEST_REDIRECT or not _PLAIN.fullmatch(uri) or not _is_address(uri):
        raise InvalidInput(
            "Give whole addresses: https://shop.example/callback, http://127.0.0.1:8000/callback on one's own machine, "
            "or com.example.app:/callback of an app; without user, wildcard or fragment.",
            pointer="/redirect_uris",
        )


def _is_address(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    if not uri.startswith(f"{parts.scheme}:") or port == 0 or ".." in parts.path or "\\" in uri:
        return False
    if _OWN_SCHEME.fullmatch(parts.scheme):
        return not parts.netloc and parts.path.startswith("/")
    if not _HOST.fullmatch(parts.netloc) or parts.netloc != parts.netloc.lower():
        return False
    host = parts.netloc.rpartition(":")[0] if port else parts.netloc
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)


def is_listed(application: LivingApplication, uri: str) -> bool:
    """Whether a code may be sent there: to what was registered, letter by letter."""
    return uri in application.redirect_uris


def knows_secret(application: LivingApplication, secret: str | None) -> bool:
    """Whether somebody proves to be the application; one without a secret can't, and needn't."""
    if application.secret_hash is None:
        return secret is None
    return secret is not None and hmac.compare_digest(hash_of(secret), application.secret_hash)


def new_secret(prefix: str) -> str:
    """256 random bits, with a prefix by which a leak is recognised."""
    return prefix + base62.encode(secrets.token_bytes(32), 43)


def hash_of(secret: str) -> bytes:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode()).digest()

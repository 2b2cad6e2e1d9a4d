"""Identity providers: where a client's staff sign in, and who they are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.multi_tenant import DirectoryTx, TenantTx, cipher_of, client_of
from app.core.sealing import Cipher, join
from app.models.base import Created, TenantRow
from app.models.declared import (
    ARRAY,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Mapped,
    String,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn

_SECRET = SealedColumn("identity_providers", "sealed", "client_id")
_SETTINGS = SealedColumn("identity_providers", "settings", "client_id")


@dataclass(frozen=True, slots=True)
class ProviderRef:
    """Whose provider signs somebody in."""

    client_id: UUID
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One client's OpenID Connect issuer.

    Attributes:
        issuer: Its address, as it names itself.
        application: Our id there.
        secret: Ours there.
        domains: E-mail domains of the client's staff; nobody else comes in, and no other account is taken over.
        role_claim: Where in an ID token roles stand, such as ``realm_access.roles``.
        roles: Ours, by what stands there.
        default_role: For who has none there; nobody without one comes in when there is none.
        trusts_email: Whether an address counts as verified where the provider says nothing of it.
    """

    issuer: str
    application: str
    secret: str = field(default="", repr=False)
    domains: Sequence[str]
    role_claim: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    default_role: str | None = None
    trusts_email: bool = False


class IdentityProvider(Created, TenantRow):
    """A client's provider as it rests: sealed, but for the domains, by which it is found before its client is known."""

    __tablename__ = "identity_providers"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    settings: Mapped[bytes] = mapped_column(LargeBinary)
    domains: Mapped[list[str]] = mapped_column(ARRAY(String))
    default_role: Mapped[str | None]
    trusts_email: Mapped[bool] = mapped_column(server_default=text("false"))

    @classmethod
    async def mine(cls, tx: TenantTx) -> Provider | None:
        """The client's provider."""
        row = await tx.one("SELECT * FROM identity_providers WHERE client_id = $1", client_of(tx))
        if row is None:
            return None
        issuer, application, role_claim, roles = _SETTINGS.get(tx, row["settings"], client_of(tx))
        secret = _SECRET.get(tx, row["sealed"], client_of(tx))
        return Provider(
            issuer=issuer, application=application, secret=secret, domains=row["domains"], role_claim=role_claim,
            roles=roles, default_role=row["default_role"], trusts_email=row["trusts_email"],
        )  # fmt: skip

    @classmethod
    async def keep(cls, tx: TenantTx, provider: Provider) -> None:
        """Sets the client's provider."""
        me, one = client_of(tx), provider
        settings = (one.issuer, one.application, one.role_claim, one.roles)
        await tx.run(
            "INSERT INTO identity_providers (client_id, sealed, settings, domains, default_role, trusts_email) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (client_id) DO UPDATE SET sealed = excluded.sealed, "
            "settings = excluded.settings, domains = excluded.domains, default_role = excluded.default_role, "
            "trusts_email = excluded.trusts_email",
            me, _SECRET.put(tx, one.secret, me), _SETTINGS.put(tx, settings, me), one.domains, one.default_role,
            one.trusts_email,
        )  # fmt: skip

    @classmethod
    async def remove(cls, tx: TenantTx) -> bool:
        """Does without one; tells whether there was one. Who somebody was there is kept, should it come back."""
        return bool(
            await tx.run("DELETE FROM identity_providers WHERE client_id = $1", client_of(tx))
        )

    @classmethod
    async def find(cls, tx: DirectoryTx, wanted: str) -> ProviderRef | None:
        """Whose provider signs somebody in: by a client's slug, or the domain of an e-mail address."""
        row = await tx.one("SELECT * FROM app.find_identity_provider($1)", wanted)
        return ProviderRef(**dict(row)) if row else None


class StaffIdentity(Created, TenantRow):
    """Who a colleague is at an issuer. Its word for them never changes, as their e-mail address may."""

    __tablename__ = "staff_identities"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "staff_id"], ["staff.client_id", "staff.id"], ondelete="CASCADE"
        ),
        Index("ix_staff_identities_staff_id_client_id", "staff_id", "client_id"),
    )

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    staff_id: Mapped[UUID]

    @classmethod
    async def find(cls, tx: TenantTx, issuer: str, subject: str) -> UUID | None:
        """The colleague whom an issuer speaks of."""
        found: UUID | None = await tx.value(
            "SELECT staff_id FROM staff_identities WHERE client_id = $1 AND key = $2",
            client_of(tx), identity_key(cipher_of(tx), issuer, subject),
        )  # fmt: skip
        return found

    @classmethod
    async def link(cls, tx: TenantTx, issuer: str, subject: str, staff_id: UUID) -> None:
        """Notes whom an issuer speaks of."""
        await tx.run(
            "INSERT INTO staff_identities (client_id, key, staff_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            client_of(tx), identity_key(cipher_of(tx), issuer, subject), staff_id,
        )  # fmt: skip


def identity_key(cipher: Cipher, issuer: str, subject: str) -> bytes:
    """What tells somebody at an issuer from everybody else: a keyed hash, for nobody has to read who it is."""
    return cipher.index(join(issuer, subject), "identity")

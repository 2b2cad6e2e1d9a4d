"""Identity providers: where a client's staff sign in, and who they are there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.multi_tenant import DirectoryTx, TenantTx, client_of
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

_SECRET = SealedColumn("identity_providers", "sealed", "issuer")


@dataclass(frozen=True, slots=True)
class ProviderRef:
    """Whose provider signs somebody in."""

    client_id: UUID
    client: str


class IdentityProvider(Created, TenantRow):
    """One client's OpenID Connect issuer, its secret sealed.

    Attributes:
        issuer: Its address, as it names itself.
        application: Our id there.
        domains: E-mail domains of the client's staff; nobody else comes in, and no other account is taken over.
        role_claim: Where in an ID token roles stand, such as ``realm_access.roles``.
        roles: Ours, by what stands there.
        default_role: For who has none there; nobody without one comes in when there is none.
        trusts_email: Whether an address counts as verified where the provider says nothing of it.
    """

    __tablename__ = "identity_providers"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    issuer: Mapped[str]
    application: Mapped[str]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    domains: Mapped[list[str]] = mapped_column(ARRAY(String))
    role_claim: Mapped[str | None]
    roles: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    default_role: Mapped[str | None]
    trusts_email: Mapped[bool] = mapped_column(server_default=text("false"))

    @classmethod
    async def mine(cls, tx: TenantTx) -> "IdentityProvider | None":
        """The client's provider."""
        row = await tx.one("SELECT * FROM identity_providers WHERE client_id = $1", client_of(tx))
        return cls.of(row) if row else None

    def secret(self, tx: TenantTx) -> str:
        """Ours at the provider."""
        return str(_SECRET.get(tx, self.sealed, self.issuer))

    @classmethod
    async def keep(cls, tx: TenantTx, provider: "IdentityProvider", secret: str) -> None:
        """Sets the client's provider, and our secret there."""
        await tx.run(
            "INSERT INTO identity_providers (client_id, issuer, application, sealed, domains, role_claim, roles, "
            "default_role, trusts_email) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (client_id) DO UPDATE SET "
            "issuer = excluded.issuer, application = excluded.application, sealed = excluded.sealed, "
            "domains = excluded.domains, role_claim = excluded.role_claim, roles = excluded.roles, "
            "default_role = excluded.default_role, trusts_email = excluded.trusts_email",
            client_of(tx), provider.issuer, provider.application, _SECRET.put(tx, secret, provider.issuer),
            provider.domains, provider.role_claim,
            provider.roles, provider.default_role, provider.trusts_email,
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
        Index("ix_staff_identities_client_id_staff_id", "client_id", "staff_id"),
    )

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID]

    @classmethod
    async def find(cls, tx: TenantTx, issuer: str, subject: str) -> UUID | None:
        """The colleague whom an issuer speaks of."""
        found: UUID | None = await tx.value(
            "SELECT staff_id FROM staff_identities WHERE client_id = $1 AND issuer = $2 AND subject = $3",
            client_of(tx), issuer, subject,
        )  # fmt: skip
        return found

    @classmethod
    async def link(cls, tx: TenantTx, issuer: str, subject: str, staff_id: UUID) -> None:
        """Notes whom an issuer speaks of."""
        await tx.run(
            "INSERT INTO staff_identities (client_id, issuer, subject, staff_id) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT DO NOTHING",
            client_of(tx), issuer, subject, staff_id,
        )  # fmt: skip

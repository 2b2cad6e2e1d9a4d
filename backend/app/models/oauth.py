"""OAuth: a client's applications, what colleagues granted them, and the refresh tokens that keep a grant going."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import DirectoryTx, Row, TenantTx, client_of
from app.core.sealing import Cipher
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
)
from app.models.sealed import SealedColumn

_NAME = SealedColumn("oauth_applications", "name", "id")


@dataclass(frozen=True, slots=True)
class LivingApplication:
    """An application that may be used, as it is found before its client is known.

    Attributes:
        client_name: Whose it is, for people.
        sealed: What it is called, with that client's key.
        secret_hash: None for one that can keep no secret, such as an app on a telephone.
    """

    client_id: UUID
    id: UUID
    client_name: str
    sealed: bytes = field(repr=False)
    redirect_uris: Sequence[str]
    scopes: Sequence[str]
    algorithm: str
    secret_hash: bytes | None = field(repr=False)

    def name(self, cipher: Cipher) -> str:
        """What it is called."""
        name: str = _NAME.open(cipher, self.sealed, self.id)
        return name


class OAuthApplication(Created, TenantRow):
    """A program that acts for a client, or for its colleagues."""

    __tablename__ = "oauth_applications"
    __table_args__ = (Index("ix_oauth_applications_id", "id"),)  # Found before its client is known.

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name_sealed: Mapped[bytes] = mapped_column("name", LargeBinary)
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(String))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    algorithm: Mapped[str]
    revoked_at: Mapped[datetime | None]

    __allow_unmapped__ = True
    name: str

    @classmethod
    async def add(
        cls, tx: TenantTx, application: "OAuthApplication", name: str
    ) -> "OAuthApplication":
        """Keeps a new application."""
        one = application
        (row,) = await tx.all(
            "INSERT INTO oauth_applications (client_id, id, name, secret_hash, redirect_uris, scopes, algorithm) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *",
            client_of(tx), one.id, _NAME.put(tx, name, one.id), one.secret_hash, one.redirect_uris, one.scopes,
            one.algorithm,
        )  # fmt: skip
        return cls._opened(tx, row)

    @classmethod
    async def all(cls, tx: TenantTx) -> list["OAuthApplication"]:
        """The client's applications, newest first; revoked ones too."""
        rows = await tx.all(
            "SELECT * FROM oauth_applications WHERE client_id = $1 ORDER BY id DESC LIMIT 500",
            client_of(tx),
        )
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "OAuthApplication":
        columns = dict(row)
        name = columns.pop("name")
        application = cls(**columns)
        application.name = _NAME.get(tx, name, application.id)
        return application

    @classmethod
    async def revoke(cls, tx: TenantTx, application_id: UUID) -> None:
        """Ends an application. Again is no mistake.

        Raises:
            NotFound: There is no such application.
        """
        touched = await tx.run(
            "UPDATE oauth_applications SET revoked_at = coalesce(revoked_at, now()) WHERE client_id = $1 AND id = $2",
            client_of(tx), application_id,
        )  # fmt: skip
        if not touched:
            raise NotFound

    @classmethod
    async def living(cls, tx: DirectoryTx, application_id: UUID) -> LivingApplication | None:
        """The application with that id, if it isn't revoked and its client is served."""
        row = await tx.one("SELECT * FROM app.oauth_application($1)", application_id)
        return LivingApplication(**dict(row)) if row else None

    @classmethod
    async def stands(cls, tx: TenantTx, application_id: UUID) -> bool:
        """Whether it may still act by itself."""
        return bool(
            await tx.value(
                "SELECT EXISTS (SELECT FROM oauth_applications a JOIN clients c ON c.id = a.client_id AND c.is_active "
                "WHERE a.client_id = $1 AND a.id = $2 AND a.revoked_at IS NULL)",
                client_of(tx), application_id,
            )
        )  # fmt: skip


class OAuthGrant(Created, TenantRow):
    """What a colleague granted an application: the family that a code and every token after it belong to."""

    __tablename__ = "oauth_grants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "application_id"],
            ["oauth_applications.client_id", "oauth_applications.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["client_id", "staff_id"], ["staff.client_id", "staff.id"], ondelete="CASCADE"
        ),
        Index("ix_oauth_grants_code_hash_client_id", "code_hash", "client_id", unique=True),
        Index("ix_oauth_grants_application_id_client_id", "application_id", "client_id"),
        Index("ix_oauth_grants_staff_id_client_id", "staff_id", "client_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    application_id: Mapped[UUID]
    staff_id: Mapped[UUID]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    challenge: Mapped[str]
    redirect_uri: Mapped[str]
    code_until: Mapped[datetime]
    exchanged_at: Mapped[datetime | None]
    ends_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    @classmethod
    async def open(
        cls, tx: TenantTx, grant: "OAuthGrant", *, code_life: timedelta, life: timedelta
    ) -> None:
        """Writes a grant with its code. What ended long ago is forgotten."""
        await tx.run(
            "DELETE FROM oauth_grants WHERE client_id = $1 AND staff_id = $2 AND (ends_at < now() "
            "OR exchanged_at IS NULL AND code_until < now() - interval '1 day')",
            client_of(tx), grant.staff_id,
        )  # fmt: skip
        await tx.run(
            "INSERT INTO oauth_grants (client_id, id, application_id, staff_id, scopes, code_hash, challenge, redirect_uri, "
            "code_until, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::interval, now() + $10::interval)",
            client_of(tx), grant.id, grant.application_id, grant.staff_id, grant.scopes, grant.code_hash,
            grant.challenge, grant.redirect_uri, code_life, life,
        )  # fmt: skip

    @classmethod
    async def exchange(cls, tx: TenantTx, code_hash: bytes) -> "OAuthGrant | None":
        """Uses a code up, in one statement: of two at once, one gets the grant. None when it can't be used."""
        row = await tx.one(
            "UPDATE oauth_grants SET exchanged_at = now() WHERE client_id = $1 AND code_hash = $2 "
            "AND exchanged_at IS NULL AND code_until > now() AND revoked_at IS NULL RETURNING *",
            client_of(tx), code_hash,
        )  # fmt: skip
        return cls.of(row) if row else None

    @classmethod
    async def of_code(cls, tx: TenantTx, code_hash: bytes) -> UUID | None:
        """Whose code this was, used or not."""
        found: UUID | None = await tx.value(
            "SELECT id FROM oauth_grants WHERE client_id = $1 AND code_hash = $2",
            client_of(tx), code_hash,
        )  # fmt: skip
        return found

    @classmethod
    async def get(cls, tx: TenantTx, grant_id: UUID) -> "OAuthGrant":
        """One grant.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one(
            "SELECT * FROM oauth_grants WHERE client_id = $1 AND id = $2", client_of(tx), grant_id
        )
        if row is None:
            raise NotFound
        found: OAuthGrant = cls.of(row)
        return found

    @classmethod
    async def revoke(cls, tx: TenantTx, grant_id: UUID) -> None:
        """Ends a grant, and every token of its family with it."""
        await tx.run(
            "UPDATE oauth_grants SET revoked_at = coalesce(revoked_at, now()) WHERE client_id = $1 AND id = $2",
            client_of(tx), grant_id,
        )  # fmt: skip

    @classmethod
    async def role(cls, tx: TenantTx, grant_id: UUID) -> str | None:
        """The role that the colleague behind a living grant has now; None when the grant is over."""
        found: str | None = await tx.value(
            "SELECT s.role FROM oauth_grants g "
            "JOIN oauth_applications a ON a.client_id = g.client_id AND a.id = g.application_id AND a.revoked_at IS NULL "
            "JOIN staff s ON s.client_id = g.client_id AND s.id = g.staff_id AND s.is_active "
            "JOIN clients c ON c.id = g.client_id AND c.is_active "
            "WHERE g.client_id = $1 AND g.id = $2 AND g.revoked_at IS NULL AND g.ends_at > now()",
            client_of(tx), grant_id,
        )  # fmt: skip
        return found


class OAuthRefreshToken(Created, TenantRow):
    """One refresh token: good once."""

    __tablename__ = "oauth_refresh_tokens"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "grant_id"],
            ["oauth_grants.client_id", "oauth_grants.id"],
            ondelete="CASCADE",
        ),
        Index("ix_oauth_refresh_tokens_grant_id_client_id", "grant_id", "client_id"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    grant_id: Mapped[UUID]
    ends_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    @classmethod
    async def add(cls, tx: TenantTx, grant_id: UUID, token_hash: bytes, life: timedelta) -> None:
        """Keeps a new token; it ends with its grant, at the latest."""
        await tx.run(
            "INSERT INTO oauth_refresh_tokens (client_id, token_hash, grant_id, ends_at) "
            "SELECT client_id, $3, id, least(ends_at, now() + $4::interval) FROM oauth_grants WHERE client_id = $1 AND id = $2",
            client_of(tx), grant_id, token_hash, life,
        )  # fmt: skip

    @classmethod
    async def use(cls, tx: TenantTx, token_hash: bytes) -> UUID | None:
        """Uses a token up, in one statement: of two at once, one gets the grant's id. None when it can't be used."""
        found: UUID | None = await tx.value(
            "UPDATE oauth_refresh_tokens SET used_at = now() WHERE client_id = $1 AND token_hash = $2 "
            "AND used_at IS NULL AND ends_at > now() RETURNING grant_id",
            client_of(tx), token_hash,
        )  # fmt: skip
        return found

    @classmethod
    async def grant_of(cls, tx: TenantTx, token_hash: bytes) -> UUID | None:
        """Whose token this is or was, used or not."""
        found: UUID | None = await tx.value(
            "SELECT grant_id FROM oauth_refresh_tokens WHERE client_id = $1 AND token_hash = $2",
            client_of(tx), token_hash,
        )  # fmt: skip
        return found

"""Staff: people who sign in."""

from dataclasses import dataclass
from uuid import UUID

from app.core.errors import Conflict, NotFound
from app.core.multi_tenant import DirectoryTx, Row, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import ForeignKey, Mapped, UniqueConstraint, mapped_column, text
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class StaffLogin:
    """What signing in needs to know of a colleague."""

    client_id: UUID
    staff_id: UUID
    role: str
    password_hash: str
    name: str
    has_factor: bool
    needs_factor: bool


@dataclass(frozen=True, slots=True)
class Colleague:
    """A colleague as lists show them."""

    id: UUID
    email: str
    name: str
    role: str
    is_active: bool


class Staff(Created, TenantRow):
    """A colleague of one client, or one of ours (role ``platform``)."""

    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("client_id", "email"),)

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))

    @classmethod
    async def add(cls, tx: TenantTx, email: str, name: str, role: str, password_hash: str) -> UUID:
        """Adds a colleague.

        Raises:
            Conflict: The e-mail address is in use here.
        """
        row = await tx.one(
            "INSERT INTO staff (client_id, id, email, name, role, password_hash) VALUES ($1, $2, lower($3), $4, $5, $6) "
            "ON CONFLICT (client_id, email) DO NOTHING RETURNING id",
            client_of(tx), uuid7(), email, name, role, password_hash,
        )  # fmt: skip
        if row is None:
            raise Conflict(
                "A colleague with this e-mail address is there already.", pointer="/email"
            )
        return UUID(str(row["id"]))

    @classmethod
    async def get(cls, tx: TenantTx, staff_id: UUID) -> "Staff":
        """One colleague.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one(
            "SELECT * FROM staff WHERE client_id = $1 AND id = $2", client_of(tx), staff_id
        )
        if row is None:
            raise NotFound
        staff: Staff = cls.of(row)
        return staff

    @classmethod
    async def colleague(cls, tx: TenantTx, staff_id: UUID) -> "Staff":
        """One colleague whom the client's owner looks after; locked, as something is about to change.

        Raises:
            NotFound: There is none, or it is one of ours.
        """
        row = await tx.one(
            "SELECT * FROM staff WHERE client_id = $1 AND id = $2 AND role <> 'platform' FOR UPDATE",
            client_of(tx), staff_id,
        )  # fmt: skip
        if row is None:
            raise NotFound
        staff: Staff = cls.of(row)
        return staff

    @classmethod
    async def team(cls, tx: TenantTx) -> list[Row]:
        """The client's colleagues as their owner sees them, by name."""
        return await tx.all(
            "SELECT s.id, s.email, s.name, s.role, s.is_active, s.password_hash <> '' AS has_joined, "
            "f.confirmed_at IS NOT NULL AS second_factor, s.created_at FROM staff s "
            "LEFT JOIN staff_factors f ON f.client_id = s.client_id AND f.staff_id = s.id "
            "WHERE s.client_id = $1 AND s.role <> 'platform' ORDER BY NOT s.is_active, s.name, s.id",
            client_of(tx),
        )

    @classmethod
    async def readmit(cls, tx: TenantTx, email: str, name: str, role: str) -> UUID | None:
        """Takes a colleague back who was let go, without the password they had; None where there is none."""
        found: UUID | None = await tx.value(
            "UPDATE staff SET is_active = true, name = $3, role = $4, password_hash = '' "
            "WHERE client_id = $1 AND email = lower($2) AND NOT is_active AND role <> 'platform' RETURNING id",
            client_of(tx), email, name, role,
        )  # fmt: skip
        return found

    @classmethod
    async def of_email(cls, tx: TenantTx, email: str) -> "Staff | None":
        """Whoever has that e-mail address here, let go or not."""
        row = await tx.one(
            "SELECT * FROM staff WHERE client_id = $1 AND email = lower($2)", client_of(tx), email
        )
        return cls.of(row) if row else None

    @classmethod
    async def set_role(cls, tx: TenantTx, staff_id: UUID, role: str) -> None:
        """Changes what a colleague may do."""
        await tx.run(
            "UPDATE staff SET role = $3 WHERE client_id = $1 AND id = $2",
            client_of(tx),
            staff_id,
            role,
        )

    @classmethod
    async def deactivate(cls, tx: TenantTx, staff_id: UUID) -> None:
        """Lets a colleague go."""
        await tx.run(
            "UPDATE staff SET is_active = false WHERE client_id = $1 AND id = $2",
            client_of(tx),
            staff_id,
        )

    @classmethod
    async def count_owners(cls, tx: TenantTx) -> int:
        """How many owners the client has; locks them, so that two don't leave at once."""
        owners = (
            "SELECT id FROM staff WHERE client_id = $1 AND role = 'owner' AND is_active FOR UPDATE"
        )
        return len(await tx.all(owners, client_of(tx)))

    @classmethod
    async def set_password(cls, tx: TenantTx, staff_id: UUID, password_hash: str) -> None:
        """Changes a colleague's password."""
        await tx.run(
            "UPDATE staff SET password_hash = $3 WHERE client_id = $1 AND id = $2",
            client_of(tx), staff_id, password_hash,
        )  # fmt: skip

    @classmethod
    async def name_of(cls, tx: TenantTx, staff_id: UUID) -> str | None:
        """How a colleague is called."""
        name: str | None = await tx.value(
            "SELECT name FROM staff WHERE client_id = $1 AND id = $2", client_of(tx), staff_id
        )
        return name

    @classmethod
    async def named(cls, tx: TenantTx, email: str | None) -> UUID | None:
        """The active colleague with that e-mail address; without one, the client's first owner."""
        found: UUID | None = await tx.value(
            "SELECT id FROM staff WHERE client_id = $1 AND is_active "
            "AND CASE WHEN $2::text IS NULL THEN role = 'owner' ELSE email = lower($2) END ORDER BY id LIMIT 1",
            client_of(tx), email,
        )  # fmt: skip
        return found

    @classmethod
    async def all(cls, tx: TenantTx) -> list[Colleague]:
        """The client's colleagues, by their e-mail addresses; none of ours."""
        rows = await tx.all(
            "SELECT id, email, name, role, is_active FROM staff "
            "WHERE client_id = $1 AND role <> 'platform' ORDER BY email",
            client_of(tx),
        )
        return [Colleague(**dict(row)) for row in rows]

    @classmethod
    async def rename(cls, tx: TenantTx, staff_id: UUID, name: str) -> None:
        """Changes what a colleague is called."""
        await tx.run(
            "UPDATE staff SET name = $3 WHERE client_id = $1 AND id = $2",
            client_of(tx), staff_id, name,
        )  # fmt: skip

    @classmethod
    async def by_email(cls, tx: DirectoryTx, email: str) -> StaffLogin | None:
        """The active colleague behind an e-mail address; the oldest, where it is used at several clients."""
        row = await tx.one("SELECT * FROM app.staff_by_email(lower($1))", email)
        return StaffLogin(**dict(row)) if row else None

    @classmethod
    async def owners(cls, tx: TenantTx) -> list[str]:
        """Where the client's owners are reached by e-mail."""
        rows = await tx.all(
            "SELECT email FROM staff WHERE client_id = $1 AND role = 'owner' AND is_active ORDER BY id",
            client_of(tx),
        )
        return [row["email"] for row in rows]

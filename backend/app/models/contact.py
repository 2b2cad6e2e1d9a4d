"""Contacts: people who write to a client, and where they are reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class ContactAddressRef:
    """One address of a contact on one channel account."""

    kind: str
    value: str


class Contact(Created, TenantRow):
    """A person who writes to a client; may have several addresses."""

    __tablename__ = "contacts"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    display_name: Mapped[str | None]
    language: Mapped[str | None]
    opted_out: Mapped[bool] = mapped_column(server_default=text("false"))

    @classmethod
    async def resolve(
        cls, tx: TenantTx, account_id: UUID, addresses: Sequence[tuple[str, str]], name: str | None
    ) -> UUID:
        """The contact behind any of these addresses; made when there is none. Unknown addresses become aliases.

        Two webhooks do arrive at once: the first address (the most durable one) is the lock. Whoever inserts it
        first makes the contact; the other one waits for that commit and finds it.
        """
        found = await tx.value(
            "SELECT contact_id FROM contact_addresses WHERE client_id = $1 AND account_id = $2 "
            "AND (kind, value) IN (SELECT * FROM unnest($3::text[], $4::text[])) "
            "ORDER BY array_position($3::text[], kind) LIMIT 1",
            client_of(tx), account_id, [kind for kind, _ in addresses], [value for _, value in addresses],
        )  # fmt: skip
        contact_id = found or await cls._make(tx, account_id, addresses[0], name)
        await ContactAddress.alias(tx, account_id, contact_id, addresses)
        return UUID(str(contact_id))

    @classmethod
    async def _make(
        cls, tx: TenantTx, account_id: UUID, address: tuple[str, str], name: str | None
    ) -> UUID:
        """Makes a contact around its first address, in one statement; gives the winner's when another was faster."""
        made = await tx.value(
            "WITH made AS (INSERT INTO contacts (client_id, id, display_name) VALUES ($1, $2, $6) RETURNING id) "
            "INSERT INTO contact_addresses (client_id, account_id, kind, value, contact_id) "
            "SELECT $1, $3, $4, $5, id FROM made "
            "ON CONFLICT (client_id, account_id, kind, value) DO UPDATE SET value = excluded.value RETURNING contact_id",
            client_of(tx), (mine := uuid7()), account_id, *address, name,
        )  # fmt: skip
        if made != mine:
            await tx.run(
                "DELETE FROM contacts WHERE client_id = $1 AND id = $2", client_of(tx), mine
            )
        return UUID(str(made))

    @classmethod
    async def opt_out(cls, tx: TenantTx, contact_id: UUID, *, out: bool) -> None:
        """Notes that a contact wants to hear nothing more, or again."""
        await tx.run(
            "UPDATE contacts SET opted_out = $3 WHERE client_id = $1 AND id = $2",
            client_of(tx),
            contact_id,
            out,
        )


class ContactAddress(Created, TenantRow):
    """Where a contact is reached. Old addresses stay: late retries carry them."""

    __tablename__ = "contact_addresses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "contact_id"], ["contacts.client_id", "contacts.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["client_id", "account_id"],
            ["channel_configs.client_id", "channel_configs.id"],
            ondelete="CASCADE",
        ),
        Index(None, "client_id", "contact_id"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]

    @classmethod
    async def alias(
        cls, tx: TenantTx, account_id: UUID, contact_id: UUID, addresses: Sequence[tuple[str, str]]
    ) -> None:
        """Adds addresses to a contact; one that is known stays with whom it belongs to."""
        await tx.run(
            "INSERT INTO contact_addresses (client_id, account_id, kind, value, contact_id) "
            "SELECT $1, $2, kind, value, $3 FROM unnest($4::text[], $5::text[]) AS a(kind, value) "
            "ON CONFLICT DO NOTHING",
            client_of(tx), account_id, contact_id, [kind for kind, _ in addresses], [value for _, value in addresses],
        )  # fmt: skip

    @classmethod
    async def of_contact(
        cls, tx: TenantTx, account_id: UUID, contact_id: UUID
    ) -> list[ContactAddressRef]:
        """A contact's addresses on one account, newest first."""
        rows = await tx.all(
            "SELECT kind, value FROM contact_addresses WHERE client_id = $1 AND account_id = $2 AND contact_id = $3 "
            "ORDER BY created_at DESC",
            client_of(tx), account_id, contact_id,
        )  # fmt: skip
        return [ContactAddressRef(**dict(row)) for row in rows]

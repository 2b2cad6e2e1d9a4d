"""Contacts: people who write to a client, and where they are reached. Names and addresses rest sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Mapped,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

_NAME = SealedColumn("contacts", "name", "id")
_VALUE = SealedColumn("contact_addresses", "value", "account_id", "kind", "key")


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
    name: Mapped[bytes | None] = mapped_column(LargeBinary)
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
            "AND (kind, key) IN (SELECT * FROM unnest($3::text[], $4::bytea[])) "
            "ORDER BY array_position($3::text[], kind) LIMIT 1",
            client_of(tx), account_id, [kind for kind, _ in addresses],
            [address_key(cipher_of(tx), *address) for address in addresses],
        )  # fmt: skip
        contact_id = found or await cls._make(tx, account_id, addresses[0], name)
        await ContactAddress.alias(tx, account_id, contact_id, addresses)
        return UUID(str(contact_id))

    @classmethod
    async def known(cls, tx: TenantTx, account_id: UUID, address: tuple[str, str]) -> UUID | None:
        """The contact behind an address; None where there is none."""
        found: UUID | None = await tx.value(
            "SELECT contact_id FROM contact_addresses WHERE client_id = $1 AND account_id = $2 AND kind = $3 AND key = $4",
            client_of(tx), account_id, address[0], address_key(cipher_of(tx), *address),
        )  # fmt: skip
        return found

    @classmethod
    async def _make(
        cls, tx: TenantTx, account_id: UUID, address: tuple[str, str], name: str | None
    ) -> UUID:
        """Makes a contact around its first address, in one statement; gives the winner's when another was faster."""
        mine, kind = uuid7(), address[0]
        made = await tx.value(
            "WITH made AS (INSERT INTO contacts (client_id, id, name) VALUES ($1, $2, $7) RETURNING id) "
            "INSERT INTO contact_addresses (client_id, account_id, kind, key, value, contact_id) "
            "SELECT $1, $3, $4, $5, $6, id FROM made "
            "ON CONFLICT (client_id, account_id, kind, key) DO UPDATE SET kind = excluded.kind RETURNING contact_id",
            client_of(tx), mine, account_id, kind, *seal_address(cipher_of(tx), account_id, *address),
            seal_name(cipher_of(tx), mine, name),
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

    @classmethod
    async def is_out(cls, tx: TenantTx, contact_id: UUID) -> bool:
        """Whether a contact wants to hear nothing unasked."""
        return bool(
            await tx.value(
                "SELECT opted_out FROM contacts WHERE client_id = $1 AND id = $2",
                client_of(tx), contact_id,
            )
        )  # fmt: skip

    @classmethod
    async def addresses(cls, tx: TenantTx, contact_id: UUID) -> list[str]:
        """All addresses of a contact, on whichever account.

        Raises:
            NotFound: There is no such contact.
        """
        if not await tx.value(
            "SELECT true FROM contacts WHERE client_id = $1 AND id = $2", client_of(tx), contact_id
        ):
            raise NotFound("There is no such contact.")
        rows = await tx.all(
            "SELECT account_id, kind, key, value FROM contact_addresses WHERE client_id = $1 AND contact_id = $2",
            client_of(tx), contact_id,
        )  # fmt: skip
        return [_VALUE.get(tx, r["value"], r["account_id"], r["kind"], r["key"]) for r in rows]


class ContactAddress(Created, TenantRow):
    """Where a contact is reached. Old addresses stay: late retries carry them.

    Attributes:
        key: What the address is found by; ``value`` is the address, sealed.
    """

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
        Index(None, "contact_id", "client_id"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    contact_id: Mapped[UUID]

    @classmethod
    async def alias(
        cls, tx: TenantTx, account_id: UUID, contact_id: UUID, addresses: Sequence[tuple[str, str]]
    ) -> None:
        """Adds addresses to a contact; one that is known stays with whom it belongs to."""
        sealed = [seal_address(cipher_of(tx), account_id, *address) for address in addresses]
        await tx.run(
            "INSERT INTO contact_addresses (client_id, account_id, kind, key, value, contact_id) "
            "SELECT $1, $2, kind, key, value, $3 FROM unnest($4::text[], $5::bytea[], $6::bytea[]) AS a(kind, key, value) "
            "ON CONFLICT DO NOTHING",
            client_of(tx), account_id, contact_id, [kind for kind, _ in addresses], [key for key, _ in sealed],
            [value for _, value in sealed],
        )  # fmt: skip

    @classmethod
    async def of_contact(
        cls, tx: TenantTx, account_id: UUID, contact_id: UUID
    ) -> list[ContactAddressRef]:
        """A contact's addresses on one account, newest first."""
        rows = await tx.all(
            "SELECT kind, key, value FROM contact_addresses WHERE client_id = $1 AND account_id = $2 AND contact_id = $3 "
            "ORDER BY created_at DESC",
            client_of(tx), account_id, contact_id,
        )  # fmt: skip
        return [
            ContactAddressRef(
                row["kind"], _VALUE.get(tx, row["value"], account_id, row["kind"], row["key"])
            )
            for row in rows
        ]


def seal_name(cipher: Cipher, contact_id: UUID, name: str | None) -> bytes | None:
    """A contact's name as it rests."""
    return _NAME.seal(cipher, name, contact_id) if name is not None else None


def open_name(tx: TenantTx, contact_id: UUID, name: bytes | None) -> str | None:
    """A contact's name."""
    opened: str | None = _NAME.get(tx, name, contact_id)
    return opened


def address_key(cipher: Cipher, kind: str, value: str) -> bytes:
    """What an address is found by."""
    return cipher.index(f"{kind}\0{value}", "address")


def seal_address(cipher: Cipher, account_id: UUID, kind: str, value: str) -> tuple[bytes, bytes]:
    """An address as it rests: what it is found by, and its sealed value."""
    key = address_key(cipher, kind, value)
    return key, _VALUE.seal(cipher, value, account_id, kind, key)


def open_address(cipher: Cipher, account_id: UUID, kind: str, key: bytes, value: bytes) -> str:
    """An address's value."""
    opened: str = _VALUE.open(cipher, value, account_id, kind, key)
    return opened

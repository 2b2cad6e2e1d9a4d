"""Consent: what a contact agreed to or refused, when, how, and which words of ours they had before them."""

from typing import ClassVar
from uuid import UUID

from app.core.multi_tenant import Row, TenantTx, client_of
from app.models.base import Created, TenantRow
from app.models.declared import (
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Mapped,
    mapped_column,
)
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

MESSAGES = "messages"
"""The purpose of hearing from us unasked."""

_WORDING = SealedColumn("consents", "wording", "id")


class Consent(Created, TenantRow):
    """One word of a contact's on one purpose. The latest counts; rows are added, and only sealed anew."""

    __tablename__ = "consents"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "contact_id"], ["contacts.client_id", "contacts.id"], ondelete="CASCADE"
        ),
        Index(None, "contact_id", "client_id"),
    )
    grants: ClassVar[str] = "SELECT, INSERT"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]
    purpose: Mapped[str]
    granted: Mapped[bool]
    source: Mapped[str]
    wording_sealed: Mapped[bytes] = mapped_column("wording", LargeBinary)
    message_id: Mapped[UUID | None]

    __allow_unmapped__ = True
    wording: str

    @classmethod
    async def note(
        cls,
        tx: TenantTx,
        contact_id: UUID,
        *,
        granted: bool,
        source: str,
        wording: str,
        message_id: UUID | None = None,
        purpose: str = MESSAGES,
    ) -> None:
        """Notes what a contact agreed to or refused.

        Args:
            tx: The client's transaction.
            contact_id: Whose word it is.
            granted: Whether they agreed.
            source: How we know: ``message``, or ``staff`` for a form or a call that a colleague notes.
            wording: Our own words on it, never the contact's.
            message_id: The message in which they said so.
            purpose: What it is about.
        """
        id_ = uuid7()
        await tx.run(
            "INSERT INTO consents (client_id, id, contact_id, purpose, granted, source, wording, message_id) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            client_of(tx), id_, contact_id, purpose, granted, source, _WORDING.put(tx, wording, id_), message_id,
        )  # fmt: skip

    @classmethod
    async def of_contact(cls, tx: TenantTx, contact_id: UUID) -> list["Consent"]:
        """What a contact said on it, newest first."""
        rows = await tx.all(
            "SELECT * FROM consents WHERE client_id = $1 AND contact_id = $2 ORDER BY id DESC",
            client_of(tx), contact_id,
        )  # fmt: skip
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "Consent":
        columns = dict(row)
        wording = columns.pop("wording")
        consent = cls(**columns)
        consent.wording = _WORDING.get(tx, wording, consent.id)
        return consent

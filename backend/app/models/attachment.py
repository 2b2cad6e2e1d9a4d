"""Attachments: media of messages, by the platform's reference."""

from collections.abc import Mapping
from uuid import UUID

from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.base import TenantRow
from app.models.declared import ForeignKeyConstraint, Index, LargeBinary, Mapped, mapped_column
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

_MEDIUM = SealedColumn("attachments", "medium", "id")


class Attachment(TenantRow):
    """A medium of a message, by the platform's reference; its bytes stay there until they are needed."""

    __tablename__ = "attachments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "message_id"], ["messages.client_id", "messages.id"], ondelete="CASCADE"
        ),
        Index(None, "message_id", "client_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    medium: Mapped[bytes] = mapped_column(LargeBinary)

    @classmethod
    async def add(cls, tx: TenantTx, message_id: UUID, kind: str, **reference: str | None) -> None:
        """Keeps a reference to a medium: ``media_id, url, mime_type, sha256, filename, caption``."""
        id_ = uuid7()
        await tx.run(
            "INSERT INTO attachments (client_id, id, message_id, kind, medium) VALUES ($1, $2, $3, $4, $5)",
            client_of(tx), id_, message_id, kind, seal_medium(cipher_of(tx), id_, reference),
        )  # fmt: skip


def seal_medium(cipher: Cipher, attachment_id: UUID, reference: Mapping[str, str | None]) -> bytes:
    """A medium's reference as it rests."""
    return _MEDIUM.seal(cipher, dict(reference), attachment_id)

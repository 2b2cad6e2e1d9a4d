"""A client's configuration over time: published versions, each as it was, and the draft of the next."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Row, TenantTx, cipher_of, client_of
from app.models.base import Created, TenantRow
from app.models.client import ClientSettings, seal_settings
from app.models.declared import ForeignKey, Integer, LargeBinary, Mapped, mapped_column, text
from app.models.sealed import SealedColumn

_PUBLISHED = SealedColumn("client_versions", "configuration", "version")
_DRAFTED = SealedColumn("client_drafts", "configuration", "client_id")


class ClientVersion(Created, TenantRow):
    """One published configuration. The application may neither change nor remove it; it may seal it anew.

    Attributes:
        configuration: Name, settings, and why it was published; sealed.
    """

    __tablename__ = "client_versions"
    grants: ClassVar[str] = "SELECT, INSERT"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    configuration: Mapped[bytes] = mapped_column(LargeBinary)
    author: Mapped[str]

    __allow_unmapped__ = True
    name: str
    settings: dict[str, Any]
    note: str | None

    @classmethod
    async def publish(
        cls,
        tx: TenantTx,
        name: str,
        settings: ClientSettings,
        *,
        author: str,
        note: str | None = None,
        over: int | None = None,
    ) -> int | None:
        """Makes a configuration the one in use, and gives its number.

        Args:
            tx: The client's transaction.
            name: How the business is called.
            settings: How its assistant behaves.
            author: Who publishes.
            note: Why.
            over: The version it must replace; None where another was published meanwhile.
        """
        number: int | None = await tx.value(
            "UPDATE clients SET name = $2, settings = $3, retention = $4, version = version + 1 "
            "WHERE id = $1 AND ($5::int IS NULL OR version = $5) RETURNING version",
            client_of(tx), name, seal_settings(cipher_of(tx), settings), settings.retention.model_dump(), over,
        )  # fmt: skip
        if number is not None:
            configuration = (name, settings.model_dump(), note)
            await tx.run(
                "INSERT INTO client_versions (client_id, version, configuration, author) VALUES ($1, $2, $3, $4)",
                client_of(tx), number, _PUBLISHED.put(tx, configuration, number), author,
            )  # fmt: skip
        return number

    @classmethod
    async def get(cls, tx: TenantTx, version: int) -> "ClientVersion":
        """One version.

        Raises:
            NotFound: There is none of that number.
        """
        row = await tx.one(
            "SELECT * FROM client_versions WHERE client_id = $1 AND version = $2",
            client_of(tx),
            version,
        )
        if row is None:
            raise NotFound("There is no such version.")
        return cls._opened(tx, row)

    @classmethod
    async def latest(cls, tx: TenantTx, limit: int = 100) -> list["ClientVersion"]:
        """What was published, newest first."""
        rows = await tx.all(
            "SELECT * FROM client_versions WHERE client_id = $1 ORDER BY version DESC LIMIT $2",
            client_of(tx), limit,
        )  # fmt: skip
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "ClientVersion":
        one: ClientVersion = cls.of(row)
        one.name, one.settings, one.note = _PUBLISHED.get(tx, one.configuration, one.version)
        return one

    @property
    def assistant(self) -> ClientSettings:
        """The settings as a value."""
        return ClientSettings.model_validate(self.settings)


class ClientDraft(TenantRow):
    """The next configuration, as it is being prepared.

    Attributes:
        base: The published version that it was begun from, or last compared with.
        revision: Raised by every change of the draft.
        configuration: Name and settings, sealed.
    """

    __tablename__ = "client_drafts"

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    base: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    configuration: Mapped[bytes] = mapped_column(LargeBinary)
    author: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __allow_unmapped__ = True
    name: str
    settings: dict[str, Any]

    @classmethod
    async def find(cls, tx: TenantTx, *, lock: bool = False) -> "ClientDraft | None":
        """The draft, if there is one."""
        row = await tx.one(
            "SELECT * FROM client_drafts WHERE client_id = $1" + (" FOR UPDATE" if lock else ""),
            client_of(tx),
        )
        if row is None:
            return None
        draft: ClientDraft = cls.of(row)
        draft.name, draft.settings = _DRAFTED.get(tx, draft.configuration, draft.client_id)
        return draft

    @classmethod
    async def save(
        cls, tx: TenantTx, base: int, name: str, settings: ClientSettings, *, author: str
    ) -> None:
        """Writes the draft, in place of the one there is."""
        await tx.run(
            "INSERT INTO client_drafts AS d (client_id, base, configuration, author) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (client_id) DO UPDATE SET base = excluded.base, revision = d.revision + 1, "
            "configuration = excluded.configuration, author = excluded.author, updated_at = now()",
            client_of(tx), base, _DRAFTED.put(tx, (name, settings.model_dump()), client_of(tx)), author,
        )  # fmt: skip

    @classmethod
    async def discard(cls, tx: TenantTx) -> None:
        """Throws the draft away."""
        await tx.run("DELETE FROM client_drafts WHERE client_id = $1", client_of(tx))

    @property
    def assistant(self) -> ClientSettings:
        """The settings as a value."""
        return ClientSettings.model_validate(self.settings)

"""Channel accounts: one client's configured channels, with their sealed credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.core.errors import Conflict, NotFound
from app.core.multi_tenant import DirectoryTx, Row, TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import (
    ForeignKey,
    LargeBinary,
    Mapped,
    UniqueConstraint,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class Route:
    """Whose channel account this is: found before any tenant is known."""

    client_id: UUID
    account_id: UUID


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """One client's configured channel; ``fields`` are what it was connected with, its secrets among them."""

    client_id: UUID
    id: UUID
    kind: str
    name: str
    external_id: str
    fields: Mapping[str, Any] = field(repr=False)
    is_active: bool


_FIELDS = SealedColumn("channel_configs", "sealed", "id")
_NAME = SealedColumn("channel_configs", "name", "id")
_COLUMNS = "client_id, id, kind, name, external_id, sealed, is_active"


class ChannelConfig(Created, TenantRow):
    """A channel account. ``external_id`` is the platform's id of it, which webhooks carry."""

    __tablename__ = "channel_configs"
    __table_args__ = (UniqueConstraint("client_id", "kind", "external_id"),)

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[bytes] = mapped_column(LargeBinary)
    external_id: Mapped[str]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    public: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))

    @classmethod
    async def add(cls, tx: TenantTx, account: ChannelAccount) -> None:
        """Connects an account and claims its platform id for this client.

        Raises:
            Conflict: The platform's account is connected already, here or elsewhere.
        """
        if not await tx.value(
            "SELECT app.claim_route($1, $2, $3)", account.kind, account.external_id, account.id
        ):
            raise Conflict("This platform account is connected already.", pointer="/external_id")
        await tx.run(
            f"INSERT INTO channel_configs ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            client_of(tx), account.id, account.kind, _NAME.put(tx, account.name, account.id), account.external_id,
            _FIELDS.put(tx, dict(account.fields), account.id), account.is_active,
        )  # fmt: skip

    @classmethod
    async def change(cls, tx: TenantTx, account: ChannelAccount) -> None:
        """Gives an account another name and other credentials; one that was stopped works again.

        Raises:
            Conflict: Meanwhile the platform's account was connected elsewhere.
        """
        await tx.run("SELECT app.release_route($1)", account.id)
        if not await tx.value(
            "SELECT app.claim_route($1, $2, $3)", account.kind, account.external_id, account.id
        ):
            raise Conflict("This platform account is connected already.", pointer="/external_id")
        await tx.run(
            "UPDATE channel_configs SET name = $3, sealed = $4, is_active = true WHERE client_id = $1 AND id = $2",
            client_of(tx), account.id, _NAME.put(tx, account.name, account.id),
            _FIELDS.put(tx, dict(account.fields), account.id),
        )  # fmt: skip

    @classmethod
    async def stop(cls, tx: TenantTx, account_id: UUID) -> None:
        """Stops an account, and gives up the platform's id of it. What was said on it stays."""
        await tx.run("SELECT app.release_route($1)", account_id)
        await tx.run(
            "UPDATE channel_configs SET is_active = false WHERE client_id = $1 AND id = $2",
            client_of(tx),
            account_id,
        )

    @classmethod
    async def get(cls, tx: TenantTx, account_id: UUID) -> ChannelAccount:
        """One account.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one(
            f"SELECT {_COLUMNS} FROM channel_configs WHERE client_id = $1 AND id = $2",
            client_of(tx),
            account_id,
        )
        if row is None:
            raise NotFound
        return open_account(cipher_of(tx), row)

    @classmethod
    async def of_kind(cls, tx: TenantTx, kind: str | None = None) -> list[ChannelAccount]:
        """The client's accounts, oldest first; of one kind, or all."""
        rows = await tx.all(
            f"SELECT {_COLUMNS} FROM channel_configs WHERE client_id = $1 AND ($2::text IS NULL OR kind = $2) ORDER BY id",
            client_of(tx), kind,
        )  # fmt: skip
        return [open_account(cipher_of(tx), row) for row in rows]

    @classmethod
    async def route(cls, tx: DirectoryTx, kind: str, external_id: str) -> Route | None:
        """Whose account a platform's id is; None when nobody connected it, or its client is suspended."""
        row = await tx.one(
            "SELECT client_id, account_id FROM app.find_channel($1, $2)", kind, external_id
        )
        return Route(**dict(row)) if row else None

    @classmethod
    async def allow_origins(cls, tx: TenantTx, account_id: UUID, origins: list[str]) -> None:
        """Replaces the web pages that may show this chat."""
        await tx.run("SELECT app.set_web_origins($1, $2)", account_id, origins)

    @classmethod
    async def origin_allowed(
        cls, tx: DirectoryTx, origin: str, account_id: UUID | None = None
    ) -> bool:
        """Whether a web page may show this chat; or any, for a preflight that doesn't say which."""
        return bool(await tx.value("SELECT app.web_origin_allowed($1, $2)", origin, account_id))


def new_account_id() -> UUID:
    """The id of an account to be: its credentials are sealed for it."""
    return uuid7()


def open_account(cipher: Cipher, row: Row) -> ChannelAccount:
    """An account of a row of its columns."""
    columns = dict(row)
    fields = _FIELDS.open(cipher, columns.pop("sealed"), columns["id"])
    name = _NAME.open(cipher, columns.pop("name"), columns["id"])
    return ChannelAccount(name=name, fields=fields, **columns)

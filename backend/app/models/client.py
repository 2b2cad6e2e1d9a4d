"""Clients: the businesses that rent the service."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.core.errors import Conflict, NotFound
from app.core.multi_tenant import Database, DirectoryTx, Row, TenantTx, cipher_of, client_of
from app.core.permits import Permit
from app.core.sealing import Cipher
from app.models.base import Base, Created
from app.models.declared import (
    BigInteger,
    CheckConstraint,
    Integer,
    LargeBinary,
    Mapped,
    String,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

_SUSPENDED_FOR = SealedColumn("clients", "suspended_for", "id")
_SETTINGS = SealedColumn("clients", "settings", "id")

Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
Region = Annotated[str, StringConstraints(pattern="^[a-z]{2,12}$")]
Language = Annotated[str, StringConstraints(pattern="^(ar|en)$")]


Days = Annotated[int, Field(ge=1, le=3650)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""As many as JSON knows exactly everywhere."""


class Retention(BaseModel):
    """After how many days things are forgotten; nothing said is never."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Days | None = Field(
        None, description="What was said; conversations and contacts go with the last of it."
    )
    attachments: Days | None = Field(None, description="References to pictures and files.")
    traces: Days | None = Field(None, description="Why answers are what they are.")
    raw_events: Days | None = Field(None, description="Events that couldn't be processed.")


class ClientSettings(BaseModel):
    """How a client's assistant behaves. Everything here is shown in the console."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Language = Field("ar", description="The language of first resort.")
    tone: Line = Field("friendly", description="How the assistant speaks.")
    assistant_name: Line | None = None
    greeting: dict[Language, Words] = Field(default_factory=dict)
    starters: dict[Language, Annotated[list[Line], Field(max_length=8)]] = Field(
        default_factory=dict
    )
    color: str = Field("#0f766e", pattern="^#[0-9a-fA-F]{6}$")
    digits: Literal["latn", "arab"] = "latn"
    timezone: Line = "Asia/Riyadh"
    handover_email: str | None = Field(
        None,
        pattern=r"^[^@\s,;<>\x00-\x1f]+@[^@\s,;<>\x00-\x1f]+\.[^@\s,;<>\x00-\x1f]+$",
        max_length=254,
        description="Who is told when a human is wanted.",
    )
    handover_words: Annotated[list[Line], Field(max_length=100)] = Field(
        default_factory=list, description="Words that always call a human."
    )
    fallback: Words | None = Field(
        None, description="Said when there is no answer; ours when empty."
    )
    indeterminate: Literal["resend", "park"] = Field(
        "resend", description="A lost send whose status never came."
    )
    providers: Annotated[list[Line], Field(max_length=20)] = Field(
        default_factory=list,
        description="Model providers this client's text may go to; all configured when empty.",
    )
    data_transfer: StrictBool = Field(
        True,
        description="Whether texts may leave this installation for models and services elsewhere. Off: nothing leaves.",
    )
    transfer_regions: Annotated[list[Region], Field(max_length=20)] = Field(
        default_factory=list,
        description="Where they may go, such as sa or eu, if they may leave; anywhere when empty.",
    )
    retention: Retention = Field(default_factory=Retention)


class Quota(BaseModel):
    """What a client may use; nothing said is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Count | None = Field(None, description="Answers of the assistant in a month.")
    tokens: Count | None = Field(None, description="Tokens of language models in a month.")
    knowledge_bytes: Count | None = Field(None, description="Size of all documents together.")


def seal_settings(cipher: Cipher, settings: ClientSettings) -> bytes:
    """Settings as they rest."""
    return _SETTINGS.seal(cipher, settings.model_dump(), cipher.client_id)


def open_settings(cipher: Cipher, sealed: bytes | None) -> ClientSettings:
    """The settings that rest: opened and read once, for every turn that they count for."""
    if sealed is None:
        return ClientSettings()
    return cipher.once(
        sealed,
        lambda: ClientSettings.model_validate(_SETTINGS.open(cipher, sealed, cipher.client_id)),
    )


def permit_of(settings: ClientSettings) -> Permit:
    """Where a client's text may go, as its settings say."""
    if not settings.data_transfer:
        return Permit(regions=())
    return Permit(tuple(settings.transfer_regions) or None)


@dataclass(frozen=True, slots=True)
class ClientRef:
    """What anyone may know of a client: its id, slug, name, and whether it is served."""

    id: UUID
    name: str
    slug: str
    is_active: bool


class Client(Created, Base):
    """A business. Its own row is fenced by its id.

    Attributes:
        retention: After how many days what is forgotten, as its settings say: that goes on without the client's key.
        weight: How many lanes it takes in its turn, when there is more to do than workers can.
    """

    __tablename__ = "clients"
    grants: ClassVar[str] = "SELECT, INSERT, UPDATE"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    settings: Mapped[bytes | None] = mapped_column(LargeBinary)
    retention: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    knowledge_version: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    weight: Mapped[int] = mapped_column(
        CheckConstraint("weight BETWEEN 1 AND 100", name="weight"), server_default=text("1")
    )
    version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    suspended_at: Mapped[datetime | None]
    suspended_for_sealed: Mapped[bytes | None] = mapped_column("suspended_for", LargeBinary)
    erase_at: Mapped[datetime | None]
    quota: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    __allow_unmapped__ = True
    suspended_for: str | None
    assistant: ClientSettings

    @classmethod
    async def add(cls, tx: TenantTx, name: str, slug: str, settings: ClientSettings) -> ClientRef:
        """Writes a new client inside its own scope: the transaction was opened for the id it will have.

        Raises:
            Conflict: The slug is taken.
        """
        row = await tx.one(
            "INSERT INTO clients (id, name, slug, settings, retention) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (slug) DO NOTHING RETURNING id",
            client_of(tx), name, slug, seal_settings(cipher_of(tx), settings), settings.retention.model_dump(),
        )  # fmt: skip
        if row is None:
            raise Conflict(f"The slug {slug!r} is taken. Choose another one.", pointer="/slug")
        return ClientRef(client_of(tx), name, slug, True)

    @classmethod
    async def mine(cls, tx: TenantTx) -> "Client":
        """The client whose scope this is."""
        row = await tx.one("SELECT * FROM clients WHERE id = $1", client_of(tx))
        if row is None:
            raise NotFound
        return cls._opened(cipher_of(tx), row)

    @classmethod
    async def read(cls, db: Database, client_id: UUID) -> "Client":
        """The same in one round trip, in no transaction."""
        rows = await db.ask_rows(client_id, "SELECT * FROM app.my_client($1)")
        if not rows:
            raise NotFound
        return cls._opened(await db.cipher(client_id), rows[0])

    @classmethod
    def _opened(cls, cipher: Cipher, row: Row) -> "Client":
        columns = dict(row)
        reason = columns.pop("suspended_for")
        client = cls(**columns)
        client.suspended_for = reason and _SUSPENDED_FOR.open(cipher, reason, client.id)
        client.assistant = open_settings(cipher, client.settings)
        return client

    @classmethod
    async def rules(cls, tx: TenantTx) -> Retention:
        """For how long the client wants things kept: needs no key."""
        kept = await tx.value("SELECT retention FROM clients WHERE id = $1", client_of(tx))
        if kept is None:
            raise NotFound
        return Retention.model_validate(kept)

    @classmethod
    async def suspend(cls, tx: TenantTx, reason: str) -> None:
        """Stops serving the client: what it is sent is kept, and nobody is answered."""
        await tx.run(
            "UPDATE clients SET is_active = false, suspended_at = coalesce(suspended_at, now()), suspended_for = $2 "
            "WHERE id = $1",
            client_of(tx), _SUSPENDED_FOR.put(tx, reason, client_of(tx)),
        )  # fmt: skip

    @classmethod
    async def resume(cls, tx: TenantTx) -> None:
        """Serves the client again."""
        await tx.run(
            "UPDATE clients SET is_active = true, suspended_at = NULL, suspended_for = NULL WHERE id = $1",
            client_of(tx),
        )  # fmt: skip

    @classmethod
    async def erase_after(cls, tx: TenantTx, days: float | None) -> None:
        """Says after how many days the client may be erased; None for never."""
        await tx.run(
            "UPDATE clients SET erase_at = clock_timestamp() + make_interval(secs => $2 * 86400) WHERE id = $1",
            client_of(tx), days,
        )  # fmt: skip

    @classmethod
    async def allow(cls, tx: TenantTx, quota: Quota) -> None:
        """Sets what the client may use."""
        await tx.run(
            "UPDATE clients SET quota = $2 WHERE id = $1",
            client_of(tx), quota.model_dump(exclude_none=True),
        )  # fmt: skip

    @classmethod
    async def knowledge_changed(cls, tx: TenantTx) -> None:
        """Notes that knowledge changed: cached answers no longer apply."""
        await tx.run(
            "UPDATE clients SET knowledge_version = knowledge_version + 1 WHERE id = $1",
            client_of(tx),
        )

    @classmethod
    async def find(cls, tx: DirectoryTx, slug: str) -> ClientRef:
        """The client behind a slug.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one("SELECT id, name, slug, is_active FROM app.client_by_slug($1)", slug)
        if row is None:
            raise NotFound
        return ClientRef(**dict(row))

    @classmethod
    async def every(cls, tx: DirectoryTx) -> list[ClientRef]:
        """All clients by slug, for whoever runs the installation."""
        rows = await tx.all(
            "SELECT id, name, slug, is_active FROM app.list_clients() ORDER BY slug"
        )
        return [ClientRef(**dict(row)) for row in rows]

    @property
    def allowed(self) -> Quota:
        """The quota as a value."""
        return Quota.model_validate(self.quota)


def new_client_id() -> UUID:
    """The id of a client to be: open its scope with it, then ``add``."""
    return uuid7()

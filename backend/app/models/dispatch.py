"""A reply on its way out: the intent to send it, written down and read in one round trip."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.multi_tenant import Database
from app.core.sealing import Cipher
from app.models.channel_config import ChannelAccount, open_account
from app.models.contact import open_address
from app.models.said import open_said

LEAST_WINDOW_SECONDS = 60.0
"""For how long we must still be allowed to write."""

_ACCOUNT = ("kind", "external_id", "is_active")


@dataclass(frozen=True, slots=True)
class Dispatch:
    """All that sending a reply needs.

    Attributes:
        account: The account it goes out on.
        addresses: The contact's addresses as (kind, value), best first.
        citations: What it rests on, plain.
        original: The platform's id of the message that is answered, if it has one.
    """

    account: ChannelAccount
    addresses: tuple[tuple[str, str], ...]
    text: str | None
    language: str | None
    citations: list[dict[str, Any]]
    original: str | None

    @classmethod
    async def intend(
        cls,
        db: Database,
        client_id: UUID,
        conversation_id: UUID,
        message_id: UUID,
        lease: tuple[int, UUID],
        most_seconds: float,
    ) -> "Dispatch | None":
        """Writes down that a reply is about to be sent; None, with nothing written, where that isn't plain.

        Args:
            db: Where it stands.
            client_id: Whose it is.
            conversation_id: Its conversation.
            message_id: The reply.
            lease: The number under which the lane is held, and its job.
            most_seconds: For how long an answer's job may have waited.
        """
        cipher = await db.cipher(client_id)
        row = await db.ask(
            client_id, "SELECT app.intend($1, $2, $3, $4, $5, $6, $7, $8)", client_id, conversation_id, message_id,
            LEAST_WINDOW_SECONDS, *lease, most_seconds,
        )  # fmt: skip
        return cls.opened(cipher, message_id, row) if row else None

    @classmethod
    def opened(cls, cipher: Cipher, message_id: UUID, row: dict[str, Any]) -> "Dispatch":
        """The same of what ``app.intend`` gave."""
        text, _, citations, _ = open_said(cipher, message_id, _bytes(row["said"]))
        account = _account(cipher, row["account"])
        addresses = (
            (a["kind"], open_address(cipher, account.id, a["kind"], _bytes(a["key"]), _bytes(a["value"])))
            for a in row["addresses"]
        )  # fmt: skip
        original = row["original"] and open_said(
            cipher, UUID(row["original"]["id"]), _bytes(row["original"]["said"])
        )
        return cls(
            account=account,
            addresses=tuple(addresses),
            text=text,
            language=row["language"],
            citations=citations,
            original=original[3] if original else None,
        )


def _account(cipher: Cipher, row: dict[str, Any]) -> ChannelAccount:
    ids = {"id": UUID(row["id"]), "client_id": cipher.client_id}
    known = {name: row[name] for name in _ACCOUNT}
    sealed = {name: _bytes(row[name]) for name in ("name", "sealed")}
    return open_account(cipher, {**known, **ids, **sealed})


def _bytes(told: str) -> bytes:
    r"""Bytes of PostgreSQL's JSON: ``\x`` and hex."""
    return bytes.fromhex(told[2:])

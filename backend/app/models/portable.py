"""Everything of a client, or of one contact, as plain rows: what a copy to take along is made of.

Told by the tables themselves: a table that is added is exported, unless it is named here with the reason why not.
"""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core.multi_tenant import TenantTx, client_of
from app.models import declared
from app.models.base import Base
from app.models.sealed import SEALED, SealedColumn

if TYPE_CHECKING:
    from sqlalchemy import Table

OMITTED: Mapping[str, str] = {
    "client_keys": "keys",
    "idempotency_keys": "sealed answers to repeated requests, for a day",
    "staff_sessions": "credentials",
    "staff_factors": "credentials",
    "staff_recovery_codes": "credentials",
    "staff_tickets": "credentials",
    "oauth_refresh_tokens": "credentials",
    "oauth_grants": "credentials",
    "lanes": "the order of work, for workers",
    "knowledge_postings": "made from knowledge_chunks",
    "knowledge_vectors": "made from knowledge_chunks",
    "exports": "this copy itself",
    "export_parts": "this copy itself",
}
"""Tables that aren't exported, and what they hold."""

OMITTED_COLUMNS: Mapping[str, str] = {
    "staff.password_hash": "a credential",
    "channel_configs.sealed": "credentials of a platform",
    "identity_providers.sealed": "a credential",
    "staff_identities.key": "a keyed hash of who somebody is there",
    "api_keys.secret_hash": "a credential",
    "oauth_applications.secret_hash": "a credential",
    "contact_addresses.key": "a keyed hash of the address",
    "messages.platform_key": "a keyed hash of the platform's id",
    "knowledge_documents.original": "a file of its own, under documents/",
}
"""Columns that aren't, and what they hold."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "messages.said": ("text", "content", "citations", "platform_message_id"),
    "client_versions.configuration": ("name", "settings", "note"),
    "client_drafts.configuration": ("name", "settings"),
    "identity_providers.settings": ("issuer", "application", "role_claim", "roles"),
}
"""What the parts are called of columns that seal several values in one piece."""

_TALKS = "SELECT id FROM conversations WHERE client_id = $1 AND contact_id = $2"
_SAID = f"SELECT id FROM messages WHERE client_id = $1 AND conversation_id IN ({_TALKS})"

OF_CONTACT: Mapping[str, str] = {
    "contacts": "id = $2",
    "contact_addresses": "contact_id = $2",
    "consents": "contact_id = $2",
    "conversations": "contact_id = $2",
    "conversation_events": f"conversation_id IN ({_TALKS})",
    "messages": f"conversation_id IN ({_TALKS})",
    "attachments": f"message_id IN ({_SAID})",
    "answer_traces": f"message_id IN ({_SAID})",
    "usage_records": f"message_id IN ({_SAID})",
    "jobs": f"payload ->> 'conversation_id' IN (SELECT id::text FROM ({_TALKS}) t)",
}
"""Which rows are one contact's; tables that aren't named hold nothing of a contact."""


def tables(contact_id: UUID | None) -> list[str]:
    """The tables of a copy, in an order in which what is referred to comes first."""
    sorted_tables = declared.tables(Base).sorted_tables
    every = [str(table.name) for table in sorted_tables if table.name not in OMITTED]
    return [name for name in every if name in OF_CONTACT] if contact_id else every


async def rows(tx: TenantTx, name: str, contact_id: UUID | None) -> AsyncIterator[dict[str, Any]]:
    """The rows of a table, with sealed values opened."""
    table = declared.tables(Base).tables[name]
    columns = [c for c in table.columns if f"{name}.{c.name}" not in OMITTED_COLUMNS]
    needed = ", ".join(
        f'"{c.name}"' for c in table.columns if c in columns or c.name in _keys(name)
    )
    mine = next((one.client for one in _sealed(name)), "client_id")
    condition = f" AND {OF_CONTACT[name]}" if contact_id else ""
    order = ", ".join(column.name for column in table.primary_key.columns)
    sql = f"SELECT {needed} FROM {name} WHERE {mine} = $1{condition} ORDER BY {order}"
    args = (client_of(tx), contact_id) if contact_id else (client_of(tx),)
    async for row in tx.each(sql, *args):
        opened = _opened(tx, table, dict(row))
        yield {str(column.name): opened[column.name] for column in columns}


def _sealed(name: str) -> list[SealedColumn]:
    return [one for one in SEALED if one.table == name]


def _keys(name: str) -> set[str]:
    return {key for one in _sealed(name) for key in one.key}


def _opened(tx: TenantTx, table: "Table", row: dict[str, Any]) -> dict[str, Any]:
    for one in _sealed(table.name):
        if one.column in row:
            parts = [row[key] for key in one.key]
            value = one.get(tx, row[one.column], *parts)
            names = NAMES.get(f"{one.table}.{one.column}")
            row[one.column] = dict(zip(names, value, strict=True)) if names and value else value
    return row

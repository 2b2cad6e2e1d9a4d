"""What rests in clear is known by name: each column of text is sealed, holds only words of ours, or is on the page."""

import re
from pathlib import Path

from sqlalchemy import LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB

from app import models as _models  # noqa: F401  # Names every table.
from app.models.base import Base
from app.models.declared import tables
from app.models.sealed import SEALED

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
OURS = """
access_grants.state api_keys.mode api_keys.scopes attachments.kind audit_log.action audit_log.actor audit_log.target
channel_configs.kind client_drafts.author client_keys.under client_versions.author clients.quota clients.retention
consents.purpose consents.source contact_addresses.kind contacts.language conversation_events.type
conversations.handover_reason conversations.language conversations.owner conversations.status exports.requested_by
exports.state identity_providers.default_role inbound_events.state jobs.code jobs.kind jobs.payload jobs.state
knowledge_chunks.language knowledge_chunks.model knowledge_documents.digest knowledge_documents.indexed
knowledge_documents.media_type knowledge_documents.status knowledge_documents.vector_id knowledge_postings.language
knowledge_sources.kind lanes.queue messages.author messages.delivery_state messages.kind messages.language
notices.kind notices.period oauth_applications.algorithm oauth_applications.scopes oauth_grants.challenge
oauth_grants.scopes staff.password_hash staff.role staff_sessions.stage staff_tickets.kind usage_records.channel
usage_records.model
"""
"""Kinds, states, languages, names of models, ids, numbers and hashes: nothing that anybody wrote."""
HASHES = """
api_keys.secret_hash audit_seals.digest audit_seals.head audit_seals.signature contact_addresses.key
idempotency_keys.fingerprint idempotency_keys.name inbound_events.event_key knowledge_documents.title_key
knowledge_postings.term knowledge_sources.name_key messages.platform_key oauth_applications.secret_hash
oauth_grants.code_hash oauth_refresh_tokens.token_hash staff_identities.key staff_recovery_codes.code_hash
staff_sessions.secret_hash staff_tickets.token_hash
"""
SEALED_OTHERWISE = "client_keys.wrapped idempotency_keys.answer"
"""By the key service; for a day, by `core/once.py`, so that no rotation has to come by."""


def _texts() -> set[str]:
    """Every column that could hold what somebody wrote."""
    return _columns(String, JSONB)


def _columns(*kinds: type) -> set[str]:
    """Every column of such a type, or of lists of it."""
    return {
        f"{table.name}.{column.name}"
        for table in tables(Base).tables.values()
        for column in table.columns
        if isinstance(getattr(column.type, "item_type", column.type), kinds)
    }


def _told() -> set[str]:
    """The columns that the page names."""
    [section] = re.findall(r"^### What stays in clear\n(.+?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    return {column for row in rows for column in re.findall(r"`(\w+\.\w+)`", row)}


def test_every_text_in_clear_is_on_the_page_or_is_ours() -> None:
    ours, told = set(OURS.split()), _told()
    assert not ours & told
    assert _texts() == ours | told


def test_what_is_sealed_is_bytes() -> None:
    """A sealed value in a column of text would be an oversight, as would bytes that nobody seals."""
    sealed = {f"{column.table}.{column.column}" for column in SEALED}
    assert not _texts() & sealed
    assert _columns(LargeBinary) == sealed | set(HASHES.split()) | set(SEALED_OTHERWISE.split())

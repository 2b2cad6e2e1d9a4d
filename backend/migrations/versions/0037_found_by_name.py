"""What is looked for by its name is found by one index alone: only that one begins with the name.

Ids, keys and hashes are rare; a client is not. While a table is small, every index that begins with the client costs the
planner the same, and it keeps its plan when the table isn't small any more: a turn read all of a client's messages, six
times over, for the one that it looked for. Who writes waits while they are made: some seconds a million messages.
"""

from dataclasses import dataclass

from alembic import op

revision = "0037"
down_revision = "0036"


@dataclass(frozen=True, slots=True)
class _Index:
    """An index made anew; ``old`` is its name until now, where it takes another."""

    table: str
    name: str
    columns: str
    only: str = ""
    old: str = ""
    unique: bool = False

    def make(self) -> None:
        """Drops it and makes it."""
        op.execute(f"DROP INDEX IF EXISTS {self.old or self.name}")
        kind = "UNIQUE INDEX" if self.unique else "INDEX"
        where = f" WHERE {self.only}" if self.only else ""
        op.execute(f"CREATE {kind} {self.name} ON {self.table} ({self.columns}){where}")


_INDEXES = (
    _Index("messages", "ix_messages_conversation", "conversation_id, seq, client_id"),
    _Index("messages", "ix_messages_platform_key", "platform_key, client_id", "platform_key IS NOT NULL"),
    _Index("attachments", "ix_attachments_message_id_client_id", "message_id, client_id",
           old="ix_attachments_client_id_message_id"),
    _Index("contact_addresses", "ix_contact_addresses_contact_id_client_id", "contact_id, client_id",
           old="ix_contact_addresses_client_id_contact_id"),
    _Index("consents", "ix_consents_contact_id_client_id", "contact_id, client_id",
           old="ix_consents_client_id_contact_id"),
    _Index("conversations", "uq_conversations_open", "contact_id, account_id, client_id", "status = 'open'", unique=True),
    _Index("jobs", "ix_jobs_pending", "lane_id, id, client_id", "state = 'pending'"),
    _Index("idempotency_keys", "ix_idempotency_keys_created_at_client_id", "created_at, client_id",
           old="ix_idempotency_keys_client_id_created_at"),
    _Index("knowledge_documents", "uq_knowledge_documents_title_key", "title_key, source_id, client_id", unique=True),
    _Index("knowledge_chunks", "ix_knowledge_chunks_document", "document_id, ordinal, client_id"),
    _Index("knowledge_postings", "ix_knowledge_postings_document", "document_id, client_id"),
    _Index("api_keys", "ix_api_keys_staff_id_client_id", "staff_id, client_id", old="ix_api_keys_client_id_staff_id"),
    _Index("oauth_grants", "ix_oauth_grants_code_hash_client_id", "code_hash, client_id",
           old="ix_oauth_grants_client_id_code_hash", unique=True),
    _Index("oauth_grants", "ix_oauth_grants_application_id_client_id", "application_id, client_id",
           old="ix_oauth_grants_client_id_application_id"),
    _Index("oauth_grants", "ix_oauth_grants_staff_id_client_id", "staff_id, client_id",
           old="ix_oauth_grants_client_id_staff_id"),
    _Index("oauth_refresh_tokens", "ix_oauth_refresh_tokens_grant_id_client_id", "grant_id, client_id",
           old="ix_oauth_refresh_tokens_client_id_grant_id"),
    _Index("staff_sessions", "ix_staff_sessions_staff_id_client_id", "staff_id, client_id",
           old="ix_staff_sessions_client_id_staff_id"),
    _Index("staff_identities", "ix_staff_identities_staff_id_client_id", "staff_id, client_id",
           old="ix_staff_identities_client_id_staff_id"),
)  # fmt: skip


def upgrade() -> None:
    """Makes each anew; one that nothing asked for goes."""
    op.execute("DROP INDEX ix_conversations_waiting")
    for index in _INDEXES:
        index.make()
    if op.get_bind().exec_driver_sql("SELECT to_regclass('public.knowledge_vectors')").scalar():
        _Index(
            "knowledge_vectors", "ix_knowledge_vectors_document", "document_id, client_id"
        ).make()

"""Erasing: what goes with a contact, and with a client. Rows that hang on others go with them, by their keys."""

from uuid import UUID

from app.core.multi_tenant import DirectoryTx, TenantTx, client_of

BATCH = 200


async def conversations_of(tx: TenantTx, contacts: list[UUID]) -> list[UUID]:
    """The conversations of contacts."""
    rows = await tx.all(
        "SELECT id FROM conversations WHERE client_id = $1 AND contact_id = ANY($2)",
        client_of(tx), contacts,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def erase_contacts(
    tx: TenantTx, contacts: list[UUID], conversations: list[UUID]
) -> dict[str, int]:
    """Erases contacts with all that was said to and by them, and the work that waits for it; tells how much it was."""
    me = client_of(tx)
    counts = {
        "messages": await tx.value(
            "SELECT count(*) FROM messages WHERE client_id = $1 AND conversation_id = ANY($2)",
            me, conversations,
        ),
        "answer_traces": await tx.run(
            "DELETE FROM answer_traces WHERE client_id = $1 AND message_id IN ("
            "SELECT id FROM messages WHERE client_id = $1 AND conversation_id = ANY($2))",
            me, conversations,
        ),
        "jobs": await tx.run(
            "DELETE FROM jobs WHERE client_id = $1 AND payload ->> 'conversation_id' = ANY($2::uuid[]::text[])",
            me, conversations,
        ),
        "conversations": len(conversations),
    }  # fmt: skip
    await tx.run("DELETE FROM lanes WHERE client_id = $1 AND id = ANY($2)", me, conversations)
    counts["contacts"] = await tx.run(
        "DELETE FROM contacts WHERE client_id = $1 AND id = ANY($2)", me, contacts
    )
    return counts


async def some_contacts(tx: TenantTx) -> list[UUID]:
    """Some of the client's contacts."""
    rows = await tx.all(
        "SELECT id FROM contacts WHERE client_id = $1 ORDER BY id LIMIT $2", client_of(tx), BATCH
    )
    return [row["id"] for row in rows]


async def some_documents(tx: TenantTx) -> list[UUID]:
    """Some of the client's documents."""
    rows = await tx.all(
        "SELECT id FROM knowledge_documents WHERE client_id = $1 ORDER BY id LIMIT 20",
        client_of(tx),
    )
    return [row["id"] for row in rows]


async def forget_documents(tx: TenantTx, documents: list[UUID]) -> int:
    """Erases documents with their chunks, postings and vectors."""
    return await tx.run(
        "DELETE FROM knowledge_documents WHERE client_id = $1 AND id = ANY($2)",
        client_of(tx), documents,
    )  # fmt: skip


async def drop_events(tx: TenantTx, keys: list[tuple[UUID, bytes]]) -> int:
    """Erases kept events by account and key."""
    accounts, names = [a for a, _ in keys], [k for _, k in keys]
    return await tx.run(
        "DELETE FROM inbound_events WHERE client_id = $1 "
        "AND (account_id, event_key) IN (SELECT * FROM unnest($2::uuid[], $3::bytea[]))",
        client_of(tx), accounts, names,
    )  # fmt: skip


async def erase_client(tx: TenantTx) -> bool:
    """Erases the client itself with all that is left; False when its time hasn't come."""
    return bool(await tx.value("SELECT app.erase_client()"))


async def due(tx: DirectoryTx) -> list[UUID]:
    """The clients whose time has come."""
    rows = await tx.all("SELECT client_id FROM app.clients_to_erase()")
    return [row["client_id"] for row in rows]

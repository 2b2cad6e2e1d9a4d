"""What grows is kept by months: made ahead, pruned when read, dropped when nobody keeps it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.core.multi_tenant import Database
from app.models import partition
from app.models.client import Client, ClientSettings, Retention, new_client_id
from app.models.client_version import ClientVersion
from app.utils.ids import floor_of, moment_of, uuid7, uuid7_at

TABLES = ("attachments", "answer_traces", "messages", "conversation_events")
Connection = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def client_id(db: Database) -> UUID:
    made = new_client_id()
    async with db.tenant(made) as tx:
        await Client.add(tx, "One", "one", ClientSettings())
    return made


async def parts(owner: Connection, table: str) -> list[str]:
    rows = await owner.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = $1::regclass ORDER BY c.relname COLLATE \"C\"", table,
    )  # fmt: skip
    return [row["relname"] for row in rows]


async def plant(owner: Connection, client_id: UUID, moment: datetime) -> UUID:
    """A conversation of that time with a message, its event, its trace and a medium."""
    conversation, message, account, contact = (uuid7_at(moment), uuid7_at(moment), uuid7(), uuid7())
    await owner.execute(
        "INSERT INTO channel_configs (client_id, id, kind, name, external_id, sealed) "
        "VALUES ($1, $2, 'web', 'W', $3, '')",
        client_id, account, str(account),
    )  # fmt: skip
    await owner.execute("INSERT INTO contacts (client_id, id) VALUES ($1, $2)", client_id, contact)
    await owner.execute(
        "INSERT INTO conversations (client_id, id, account_id, contact_id) VALUES ($1, $2, $3, $4)",
        client_id, conversation, account, contact,
    )  # fmt: skip
    for table, columns, values in (
        ("messages", "id, conversation_id, seq, author, said", (message, conversation, 1, "contact", b"")),
        ("attachments", "id, message_id, kind, medium", (uuid7(), message, "image", b"")),
        ("answer_traces", "message_id, trace", (message, b"")),
        ("conversation_events", "conversation_id, seq, id, type, created_at",
         (conversation, 1, message, "message.created", moment)),
    ):  # fmt: skip
        marks = ", ".join(f"${n}" for n in range(2, len(values) + 2))
        await owner.execute(
            f"INSERT INTO {table} (client_id, {columns}) VALUES ($1, {marks})", client_id, *values
        )
    return conversation


async def test_the_months_ahead_are_there_and_made_once(db: Database, owner: Connection) -> None:
    assert await partition.make_ahead(db) == 0
    for table in TABLES:
        found = await parts(owner, table)
        assert len(found) == 5, found  # What was before, three months ahead, and the rest.
        assert f"{table}_before" in found
        assert f"{table}_rest" in found
    await owner.execute(f"DROP TABLE parts.{(await parts(owner, 'answer_traces'))[1]}")
    assert await partition.make_ahead(db) == 1
    assert len(await parts(owner, "answer_traces")) == 5


async def test_no_partition_can_be_read_but_through_its_table(
    settings, owner: Connection, db: Database, client_id: UUID
) -> None:
    await plant(owner, client_id, datetime.now(UTC))
    async with db.tenant(client_id) as tx:
        assert await tx.value("SELECT count(*) FROM messages") == 1
    for table in TABLES:
        for part in await parts(owner, table):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with db.tenant(client_id) as tx:
                    await tx.all(f"SELECT * FROM parts.{part}")
    unfenced = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'parts'::regnamespace "
        "AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert unfenced == []


async def test_what_fits_in_no_month_is_kept_where_it_is(
    db: Database, owner: Connection, client_id: UUID
) -> None:
    far = datetime.now(UTC) + timedelta(days=62)
    for table in TABLES:
        await owner.execute(f"ALTER TABLE {table} DETACH PARTITION parts.{table}_{far:%Y_%m}")
        await owner.execute(f"DROP TABLE parts.{table}_{far:%Y_%m}")
    await plant(owner, client_id, far)
    for table in TABLES:
        assert await owner.fetchval(f"SELECT count(*) FROM parts.{table}_rest") == 1
    assert await partition.make_ahead(db) == 0
    async with db.tenant(client_id) as tx:
        for table in TABLES:
            assert await tx.value(f"SELECT count(*) FROM {table}") == 1


async def test_a_month_is_dropped_when_the_client_that_keeps_longest_keeps_it_no_more(
    db: Database, owner: Connection, client_id: UUID
) -> None:
    other = new_client_id()
    async with db.tenant(other) as tx:
        await Client.add(tx, "Two", "two", ClientSettings())
    past = datetime(2024, 2, 1, tzinfo=UTC)
    for table in TABLES:
        low, high = past, past + timedelta(days=28)
        until = _next_month()
        if (
            table != "conversation_events"
        ):  # Those are kept by their moments, the rest by their ids.
            low, high, until = _bound(low), _bound(high), _bound(until)
        await owner.execute(
            f"ALTER TABLE {table} DETACH PARTITION parts.{table}_before; "
            f"CREATE TABLE parts.{table}_2024_02 PARTITION OF {table} FOR VALUES FROM ('{low}') TO ('{high}'); "
            f"ALTER TABLE parts.{table}_2024_02 OWNER TO wafaa_definer; ALTER TABLE {table} ATTACH PARTITION "
            f"parts.{table}_before FOR VALUES FROM ('{high}') TO ('{until}')"
        )
    await plant(owner, client_id, past + timedelta(days=3))
    await plant(owner, client_id, datetime.now(UTC))

    async def keep(client: UUID, days: int) -> None:
        settings = ClientSettings(retention=Retention(messages=days))
        async with db.tenant(client) as tx:
            await ClientVersion.publish(tx, "A client", settings, author="test")

    assert await partition.drop_old(db) == []  # Nobody has said for how long.
    await keep(client_id, 30)
    assert await partition.drop_old(db) == []  # The other keeps everything.
    await keep(other, 3650)
    assert await partition.drop_old(db) == []
    await keep(other, 1)
    assert sorted(await partition.drop_old(db)) == [
        f"parts.{table}_2024_02" for table in sorted(TABLES)
    ]
    assert await owner.fetchval("SELECT count(*) FROM messages") == 1  # This month's.
    assert await owner.fetchval("SELECT count(*) FROM attachments") == 1


def _bound(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _next_month() -> datetime:
    today = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=32)).replace(day=1)


async def test_reading_one_conversation_plans_its_months_only(
    db: Database, owner: Connection, client_id: UUID
) -> None:
    """Rows of months before a conversation began can't be its own: the plan doesn't name their partitions."""
    conversation = uuid7()
    async with db.tenant(client_id) as tx:
        for sql, bound in (
            ("SELECT * FROM messages WHERE client_id = $1 AND conversation_id = $2 AND id >= $3 "
             "ORDER BY seq DESC LIMIT 12", floor_of(conversation)),
            ("SELECT * FROM conversation_events WHERE client_id = $1 AND conversation_id = $2 AND created_at >= $3 "
             "ORDER BY seq", moment_of(floor_of(conversation))),
        ):  # fmt: skip
            plan = await tx.all(f"EXPLAIN (COSTS OFF) {sql}", client_id, conversation, bound)
            text = "\n".join(row["QUERY PLAN"] for row in plan)
            assert "Seq Scan" not in text, text
            assert "Subplans Removed" not in text, text
        one = await tx.all(
            "EXPLAIN (COSTS OFF) SELECT * FROM messages WHERE client_id = $1 AND id = $2", client_id, uuid4()
        )  # fmt: skip
        assert sum("Index Scan" in row["QUERY PLAN"] for row in one) == 1

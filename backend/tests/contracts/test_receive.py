"""Ingress writes before it knows whose scope it is in: its two functions add what came, and can do nothing else.

Called as whoever can inject SQL would call it: on a bare connection of the application's role, without a token.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.bootstrap import app_url, signer
from app.core.multi_tenant import Database, cipher_of
from app.core.sealing import Cipher
from app.models.arrival import Arrival, write
from app.models.client import Client, ClientSettings, new_client_id
from app.services.orchestrator.herald import Herald
from app.utils.ids import uuid7
from tests.fixtures.keys import sealed

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
RECEIVE = f"SELECT * FROM app.receive({', '.join(f'${n}' for n in range(1, 23))})"
NOTE = f"SELECT app.note_statuses({', '.join(f'${n}' for n in range(1, 9))})"
WRITTEN = (
    "contacts", "contact_addresses", "conversations", "conversation_events", "messages", "attachments", "jobs", "lanes",
    "inbound_events",
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """One arrival, of which a caller may name everything."""

    client: UUID
    account: UUID
    addresses: tuple[bytes, ...]
    contact: UUID = field(default_factory=uuid7)
    conversation: UUID = field(default_factory=uuid7)
    message: UUID = field(default_factory=uuid7)
    event_key: bytes = field(default_factory=lambda: uuid4().bytes)

    def row(self) -> tuple[object, ...]:
        return (
            self.client, self.account, self.event_key, self.contact, None, self.conversation, self.message, uuid7(),
            "text", b"sealed", None, NOW, None, 0.0,
        )  # fmt: skip


async def receive(app: "asyncpg.Connection[asyncpg.Record]", *said: Said) -> list[dict[str, Any]]:
    columns = list(zip(*(one.row() for one in said), strict=True))
    ways = [
        (place, "phone", key, b"") for place, one in enumerate(said, 1) for key in one.addresses
    ]
    media = [(place, uuid7(), "image", b"") for place, _ in enumerate(said, 1)]
    found = await app.fetch(RECEIVE, *columns, *zip(*ways, strict=True), *zip(*media, strict=True))
    return sorted((dict(row) for row in found), key=lambda row: row["place"])


@dataclass(frozen=True)
class House:
    """A client that somebody has written to already."""

    account: UUID
    first: Said

    @property
    def client(self) -> UUID:
        return self.first.client


@pytest.fixture
async def two(settings, app: "asyncpg.Connection[asyncpg.Record]") -> tuple[House, House]:
    db = sealed(Database.connect(app_url(settings), signer(settings), size=2, overflow=0))
    one, other = [await _house(db, app, slug) for slug in ("one", "two")]
    await db.close()
    return one, other


async def _house(db: Database, app: "asyncpg.Connection[asyncpg.Record]", slug: str) -> House:
    client, account = new_client_id(), uuid7()
    async with db.tenant(client) as tx:
        await Client.add(tx, slug.title(), slug, ClientSettings())
        await tx.run(
            "INSERT INTO channel_configs (client_id, id, kind, name, external_id, sealed) "
            "VALUES ($1, $2, 'web', 'W', $3, '')",
            client, account, str(account),
        )  # fmt: skip
    first = Said(client, account, (b"layla",))
    assert len(await receive(app, first)) == 1
    return House(account, first)


async def rows(owner: "asyncpg.Connection[asyncpg.Record]") -> dict[str, set[str]]:
    """Every row of every table that the function writes, as the owner of the tables sees it."""
    return {
        table: {row["row"] for row in await owner.fetch(f"SELECT t::text AS row FROM {table} t")}
        for table in WRITTEN
    }


async def test_it_adds_what_came_and_leaves_what_was_there(owner, app, two) -> None:
    _, other = two
    before = await rows(owner)
    told = await receive(app, Said(other.client, other.account, (b"omar",)))
    after = await rows(owner)
    assert [set(row) for row in told] == [{"place", "conversation_id", "seq"}]
    for table in WRITTEN:
        assert before[table] < after[table], table
        assert all(str(other.client) in row for row in after[table] - before[table]), table
        assert await app.fetch(f"SELECT * FROM {table}") == [], table


async def test_of_a_known_contact_it_moves_the_counters_of_their_conversation_alone(
    owner, app, two
) -> None:
    _, other = two
    before = await rows(owner)
    [told] = await receive(app, Said(other.client, other.account, (b"layla",)))
    after = await rows(owner)
    assert (told["conversation_id"], told["seq"]) == (other.first.conversation, 2)
    changed = {row for table in WRITTEN for row in before[table] - after[table]}
    assert all(str(other.first.conversation) in row for row in changed)
    assert {table for table in WRITTEN if before[table] - after[table]} <= {
        "conversations",
        "lanes",
    }


async def test_who_is_known_who_has_a_new_address_and_who_is_new_may_come_together(
    app, two
) -> None:
    _, other = two
    client, account = other.client, other.account
    first, second, third = await receive(
        app,
        Said(client, account, (b"layla", b"layla's new one")),
        Said(client, account, (b"omar", b"omar's other one")),
        Said(client, account, (b"layla",)),
    )
    assert first["conversation_id"] == third["conversation_id"] == other.first.conversation
    assert [told["seq"] for told in (first, second, third)] == [2, 1, 3]
    by_new_address = await receive(
        app,
        Said(client, account, (b"layla's new one",)),
        Said(client, account, (b"omar's other one",)),
    )
    talks = [told["conversation_id"] for told in by_new_address]
    assert talks == [first["conversation_id"], second["conversation_id"]]


async def test_what_is_known_changes_nothing(owner, app, two) -> None:
    _, other = two
    before = await rows(owner)
    again = Said(other.client, other.account, (b"omar",), event_key=other.first.event_key)
    assert await receive(app, again) == []
    assert await rows(owner) == before


@pytest.mark.parametrize("what", ["account", "message", "client"])
async def test_what_does_not_fit_is_refused_as_a_whole(owner, app, two, what: str) -> None:
    """An account of another client's, a message that is there, a client that nobody knows."""
    one, other = two
    wrong = {
        "account": Said(other.client, one.account, (b"omar",)),
        "message": Said(other.client, other.account, (b"omar",), message=other.first.message),
        "client": Said(new_client_id(), one.account, (b"omar",)),
    }[what]
    before = await rows(owner)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await receive(app, Said(other.client, other.account, (b"noor",)), wrong)
    assert await rows(owner) == before


async def test_ids_of_another_client_name_nothing_of_theirs(owner, app, two) -> None:
    """Keys lead with the client: the same ids are other rows, of one's own."""
    one, other = two
    before = await rows(owner)
    await receive(
        app,
        Said(
            other.client, other.account, (b"omar",),
            contact=one.first.contact, conversation=one.first.conversation, message=one.first.message,
        ),
    )  # fmt: skip
    after = await rows(owner)
    for table in WRITTEN:
        assert before[table] <= after[table], table
        assert all(str(other.client) in row for row in after[table] - before[table]), table


async def test_a_contact_that_came_to_nothing_takes_no_other_along(owner, app, two) -> None:
    """Two arrivals share an address, so one's new contact is dropped again; another client's has the same id."""
    one, other = two
    before = await rows(owner)
    await receive(
        app,
        Said(one.client, one.account, (b"a", b"b")),
        Said(one.client, one.account, (b"b", b"c"), contact=other.first.contact),
        Said(other.client, other.account, (), contact=other.first.contact, event_key=other.first.event_key),
    )  # fmt: skip
    after = await rows(owner)
    for table in WRITTEN:
        assert before[table] <= after[table], table


async def test_it_makes_nobody_wait_who_notifies_and_what_came_in_is_told_afterwards(
    settings, app, two
) -> None:
    _, other = two
    heard: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
    for channel in ("wafaa_events", "wafaa_lanes"):
        await app.add_listener(channel, lambda _, pid, name, told: heard.put_nowait((name, told)))
    await receive(app, Said(other.client, other.account, (b"omar",)))
    db = sealed(Database.connect(app_url(settings), signer(settings), size=2, overflow=0))
    async with db.tenant(other.client) as tx:
        cipher = cipher_of(tx)
    arrivals = [_arrival(cipher, other.account, key) for key in ("first", "second", "first")]
    received = await write(db, arrivals)
    Herald(db).tell([(one.conversation_id, other.client) for one in received if one])
    async with asyncio.timeout(60):
        told = [await heard.get(), await heard.get()]
    assert told == [
        ("wafaa_events", str(received[0].conversation_id)),
        ("wafaa_lanes", f"chat {other.client}"),
    ]
    assert received[2] is None
    await db.close()


def _arrival(cipher: Cipher, account: UUID, key: str) -> Arrival:
    return Arrival(
        cipher=cipher,
        account_id=account,
        event_key=key,
        addresses=(("phone", "966500000001"),),
        name=None,
        kind="text",
        text="Are you open?",
        content={},
        platform_message_id=None,
        occurred_at=NOW,
        window_hours=24,
        quiet=0.0,
    )


async def sent_by(owner: "asyncpg.Connection[asyncpg.Record]", house: House) -> UUID:
    """A reply of ours that the platform has."""
    id_ = uuid7()
    await owner.execute(
        "INSERT INTO messages (client_id, id, conversation_id, seq, author, said, delivery_state) "
        "VALUES ($1, $2, $3, 2, 'assistant', 'sealed', 'sent')",
        house.client, id_, house.first.conversation,
    )  # fmt: skip
    return id_


async def status(
    app: "asyncpg.Connection[asyncpg.Record]", house: House, message: UUID, state: str
) -> list[UUID]:
    """The conversations that something was told of."""
    risen: list[UUID] = await app.fetchval(
        NOTE, [house.client], [house.account], [uuid4().bytes], [message], [b"key"], [state], [None], [uuid7()]
    )  # fmt: skip
    return risen


async def test_a_status_raises_one_delivery_and_leaves_the_rest_as_it_was(owner, app, two) -> None:
    _, other = two
    message = await sent_by(owner, other)
    before = await rows(owner)
    assert await status(app, other, message, "delivered") == [other.first.conversation]
    after = await rows(owner)
    changed = {table for table in WRITTEN if before[table] - after[table]}
    assert changed == {"messages", "conversations"}
    assert [len(before[table] - after[table]) for table in sorted(changed)] == [1, 1]
    added = {table for table in WRITTEN if len(after[table]) > len(before[table])}
    assert added == {"conversation_events", "inbound_events"}


@pytest.mark.parametrize("state", ["queued", "sending", "accepted", "sent", "cancelled", "x"])
async def test_no_status_lowers_a_delivery_or_makes_up_another_state(
    owner, app, two, state
) -> None:
    """Whoever could would have a reply sent again."""
    _, other = two
    message = await sent_by(owner, other)
    before = await rows(owner)
    assert await status(app, other, message, state) == []
    assert {table for table, now in (await rows(owner)).items() if now != before[table]} == {
        "inbound_events"
    }


async def test_a_status_of_one_client_says_nothing_of_anothers_messages(owner, app, two) -> None:
    one, other = two
    message = await sent_by(owner, other)
    before = await rows(owner)
    assert await status(app, one, message, "read") == []
    after = await rows(owner)
    assert {table for table in WRITTEN if after[table] != before[table]} == {"inbound_events"}
    assert all(str(one.client) in r for r in after["inbound_events"] - before["inbound_events"])

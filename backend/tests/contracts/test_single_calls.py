"""The hot path's single calls enter a client's scope by its token, and see nothing by another's."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import orjson
import pytest

from app.bootstrap import app_url, owner_url, signer
from app.core.clock import SteadyClock
from app.core.multi_tenant import Database
from app.core.pool import driver_url
from app.models.contact import Contact
from app.models.conversation import Conversation
from app.models.lane import Along, Lane, Wanted
from app.services.orchestrator.jobs import AnswerMessage
from app.services.queue.jobs import CHAT, enqueue
from app.utils.ids import uuid7
from tests.fixtures.keys import sealed

LOAD = "SELECT app.load_turn($1, $2, $3, 20, 12)"
CLAIM = "SELECT app.claim($1::text::jsonb, -1, $2, 20, 12) AS claimed"
INTEND = "SELECT app.intend($1, $2, $3, $4, 60, 1, $4, 900)"
SENT = "SELECT app.record_sent($1, $2, $3, $4, '', '{queued}', 1, $4)"
RECORD = "SELECT app.record_turn($1, $2, jsonb_build_object('conversation_id', $3::text))"
SEARCH = "SELECT * FROM app.search($1, $2, 'en', '{}', 6, NULL, NULL, NULL, '{}', '{}')"
MONTHS = """
SELECT vault.make_partition(p.name, p.key, p.key_type, m.month) FROM vault.partitioned p,
generate_series(date_trunc('month', now()) + interval '4 months', now() + interval '12 months', '1 month') AS m(month)
"""


@pytest.fixture
async def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
async def db(settings, clock: SteadyClock) -> AsyncIterator[Database]:
    database = sealed(Database.connect(app_url(settings), signer(settings, clock), size=2))
    yield database
    await database.close()


async def talk_of(db: Database, client_id: UUID) -> UUID:
    """A conversation with nothing said in it."""
    account = uuid7()
    async with db.tenant(client_id) as tx:
        await tx.run(
            "INSERT INTO channel_configs (client_id, id, kind, name, external_id, sealed) "
            "VALUES ($1, $2, 'web', 'W', $3, '')",
            client_id, account, str(account),
        )  # fmt: skip
        contact = await Contact.resolve(tx, account, [("visitor", "v")], None)
        return await Conversation.current(tx, account, contact)


async def test_a_turn_is_loaded_in_its_own_clients_scope_and_in_no_other(db: Database, two) -> None:
    mine, other = two
    talk = await talk_of(db, mine)
    assert (await db.ask(mine, LOAD, mine, talk))["client_name"] == "One"
    assert await db.ask(other, LOAD, mine, talk) is None
    assert await db.ask(other, LOAD, other, talk) is None
    assert await db.ask(other, INTEND, mine, talk, uuid7()) is None


async def test_a_single_calls_scope_ends_with_it(settings, two) -> None:
    db = sealed(Database.connect(app_url(settings), signer(settings), size=1, overflow=0))
    talk = await talk_of(db, two[0])
    await db.ask(two[0], LOAD, two[0], talk)
    [row] = await db.call(
        "SELECT current_setting('app.current_tenant_id', true), count(*) FROM clients"
    )
    assert [*row.values()] in ([None, 0], ["", 0])
    await db.close()


async def test_a_forged_token_is_an_error(db: Database, two) -> None:
    talk = await talk_of(db, two[0])
    for forged in ("", "x", f"00.{two[0]}.9999999999.{'0' * 64}"):
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await db.call(LOAD, forged, two[0], talk)
    [row] = await db.call(LOAD, None, two[0], talk)  # In no scope there is nothing to see.
    assert [*row.values()] == [None]


async def test_who_signs_by_a_clock_that_was_set_asks_for_the_time(
    db: Database, two, clock: SteadyClock
) -> None:
    talk = await talk_of(db, two[0])
    clock.hear(clock.seconds() - 7200.0)
    assert (await db.ask(two[0], LOAD, two[0], talk))["channel"] == "web"


async def test_turns_come_along_with_their_lanes_for_whom_a_token_is_given(
    db: Database, two
) -> None:
    talks = {}
    for client_id in two:
        talks[client_id] = talk = await talk_of(db, client_id)
        async with db.tenant(client_id) as tx:
            await enqueue(tx, AnswerMessage(talk, uuid7()))
    wanted = [Wanted(CHAT, 4, 4, {}, None, 0)]
    claimed = await Lane.claim(db, wanted, -1.0, Along([two[0]], 20, 12))
    brought = {lease.client_id: lease.turn for lease in claimed.leases}
    assert brought[two[0]] == await db.ask(two[0], LOAD, two[0], talks[two[0]])
    assert brought[two[1]] is None
    forged = {str(client_id): f"00.{client_id}.9999999999.{'0' * 64}" for client_id in two}
    [row] = await db.call(CLAIM, orjson.dumps(wanted).decode(), forged)
    assert [lease["turn"] for lease in row["claimed"]["leases"]] == [None, None]
    crossed = {str(two[0]): db.tokens([two[1]])[str(two[1])]}
    [row] = await db.call(CLAIM, orjson.dumps(wanted).decode(), crossed)
    assert [lease["turn"] for lease in row["claimed"]["leases"]] == [None, None]


async def test_a_turns_calls_are_planned_once_however_many_months_there_are(
    settings, db: Database, two
) -> None:
    """A plan for a call's own values looks better where it leaves out months; making it costs more than the call."""
    talk, planned = await talk_of(db, two[0]), []
    owner = await asyncpg.connect(driver_url(owner_url(settings)))
    await owner.execute(MONTHS)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER ROLE wafaa_app IN DATABASE {name} SET log_planner_stats = on")
    await owner.execute(f"ALTER ROLE wafaa_app IN DATABASE {name} SET client_min_messages = log")
    await owner.close()
    connection = await asyncpg.connect(driver_url(app_url(settings)))
    connection.add_log_listener(lambda _, told: planned.append(str(told)))
    token = signer(settings).token(two[0])
    wanted = orjson.dumps([Wanted(CHAT, 4, 4, {}, None, 0)]).decode()
    calls = {
        CLAIM: (wanted, orjson.dumps({str(two[0]): token}).decode()),
        LOAD: (token, two[0], talk),
        SEARCH: (token, two[0]),
        RECORD: (token, two[0], str(talk)),
        INTEND: (token, two[0], talk, uuid7()),
        SENT: (token, two[0], talk, uuid7()),
    }
    for sql, args in calls.items():
        call = await connection.prepare(sql)
        counts = []
        for _ in range(10):
            planned.clear()
            await call.fetch(*args)
            counts.append(len(planned))
        assert counts[0] > 0, sql
        assert counts[-1] == 0, (sql, counts)
    await connection.close()

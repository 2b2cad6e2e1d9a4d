"""Attacks that worked on prototypes of the tenant token: each is stopped here, or shown as what remains.

The attacker has the application's role, as whoever can inject SQL has: in a client's transaction, or in a bare session.
What remains is named in decision 0001.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.bootstrap import app_url, signer
from app.core.clock import SteadyClock
from app.core.config import Settings
from app.core.logs import tell
from app.core.multi_tenant import TENANT_SETTING, Database
from app.core.pool import Connection, driver_url
from app.core.tenant_token import TOKEN_SECONDS, TenantSigner
from app.models.audit import AuditEntry
from app.models.client import new_client_id
from tests.fixtures.keys import sealed
from tests.fixtures.product import SECRET

APP = Path(__file__).parents[2] / "app"
MANY = 2000


@pytest.fixture
async def db(settings: Settings) -> AsyncIterator[Database]:
    """A pool of one connection: whoever comes next has the session of whoever was there."""
    made = sealed(Database.connect(app_url(settings), signer(settings), size=1, overflow=0))
    yield made
    await made.close()


async def _enter(session: Connection, token: str) -> None:
    await session.execute("SELECT set_config($1, $2, false)", TENANT_SETTING, token)


# --- Stopped ---------------------------------------------------------------------------------------------------------


def _as_printed(key: bytes) -> list[str]:
    """A key as plans and texts write it: hex, and bytes one by one, signed or not."""
    part = key[:8]
    signed = [byte - 256 if byte > 127 else byte for byte in part]
    return [part.hex(), " ".join(map(str, part)), " ".join(map(str, signed))]


async def test_no_printed_plan_shows_the_key(app: Connection, two: tuple[UUID, UUID]) -> None:
    printed: list[str] = []
    app.add_log_listener(lambda _, told: printed.append(f"{told.message} {told.detail}"))
    for name in ("debug_print_parse", "debug_print_rewritten", "debug_print_plan"):
        await app.execute(f"SET {name} = on")
    await app.execute("SET client_min_messages = log")
    inner, outer = TenantSigner(SECRET).pads()

    def shown() -> bool:
        return any(form in " ".join(printed) for pad in (inner, outer) for form in _as_printed(pad))

    await app.fetch(f"SELECT '\\x{inner.hex()}'::bytea")
    assert shown()  # Who looks would find it.
    printed.clear()
    await _enter(app, TenantSigner(SECRET).token(two[0]))
    assert [row["id"] for row in await app.fetch("SELECT id FROM clients")] == [two[0]]
    assert await app.fetchval("SELECT app.current_client()") == two[0]
    assert printed
    assert not shown()


PREPARED = "SELECT name, statement FROM pg_prepared_statements ORDER BY name"


async def test_no_second_statement_comes_in_with_data(db: Database, two: tuple[UUID, UUID]) -> None:
    """PREPARE over the name of a statement that the driver keeps would outlive whoever planted it."""
    asked = "SELECT id FROM clients WHERE name = $1"
    async with db.tenant(two[0]) as tx:
        assert await tx.all(asked, "One")
        [name] = [row["name"] for row in await tx.all(PREPARED) if row["statement"] == asked]
    planted = (
        f'{asked}; DEALLOCATE "{name}"; PREPARE "{name}" (text) AS SELECT gen_random_uuid() AS id'
    )
    for way in ("all", "one", "value", "run"):
        with pytest.raises(asyncpg.PostgresSyntaxError, match="multiple commands"):
            async with db.tenant(two[0]) as tx:
                await getattr(tx, way)(planted, "One")
    async with db.tenant(two[1]) as tx:
        assert [row["id"] for row in await tx.all(asked, "Two")] == [two[1]]
        assert (name, asked) in [tuple(row.values()) for row in await tx.all(PREPARED)]


SHADOWS = """
CREATE TABLE public.caught (what text);
GRANT INSERT ON public.caught TO PUBLIC;
CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO public.caught VALUES ($2); RETURN pg_catalog.set_config($1, $2, $3); END $$;
CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO public.caught VALUES ($1::text); RETURN pg_catalog.sha256($1); END $$;
CREATE FUNCTION public.current_setting(text, boolean) RETURNS text LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO public.caught VALUES ($1); RETURN pg_catalog.current_setting($1, $2); END $$;
"""


async def test_a_planted_function_catches_no_token_and_no_key(
    settings: Settings, owner: Connection, two: tuple[UUID, UUID]
) -> None:
    """Even where somebody could plant one, and puts it before the real one."""
    await owner.execute(SHADOWS)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(
        f"ALTER ROLE wafaa_app IN DATABASE {name} SET search_path = public, pg_catalog"
    )
    bare = await asyncpg.connect(driver_url(app_url(settings)))
    await bare.fetchval("SELECT set_config('app.x', 'bait', false)")
    await bare.close()
    assert await owner.fetchval("SELECT what FROM caught") == "bait"  # The trap works.
    await owner.execute("TRUNCATE caught")
    db = sealed(Database.connect(app_url(settings), signer(settings), size=1, overflow=0))
    async with db.tenant(two[0]) as tx:
        assert await tx.value("SELECT id FROM clients") == two[0]
    load = "SELECT app.load_turn($1, $2, $3, 10, 10)"
    assert await db.ask(two[0], load, two[0], new_client_id()) is None
    claim = "SELECT app.claim('[]', 1, $1, 1, 1)"
    await db.call(claim, db.tokens(two))
    await db.close()
    assert await owner.fetch("SELECT * FROM caught") == []


async def test_the_application_can_plant_nothing(app: Connection) -> None:
    """It may create in no schema, and every function that handles tokens finds what it calls in pg_catalog first."""
    may = "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE')"
    assert await app.fetch(may) == []
    found = await app.fetch(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'app'::regnamespace "
        "AND prosrc ~ 'set_config|current_setting|sha256'"
    )
    assert {row["proname"] for row in found} >= {"enter", "claim", "current_client"}
    for row in found:
        assert "search_path=pg_catalog, pg_temp" in (row["proconfig"] or ()), row["proname"]


def test_our_own_calls_name_the_catalogue() -> None:
    """Nothing that runs outside of such a function calls a bare ``set_config``."""
    called = {
        call
        for file in APP.rglob("*.py")
        for call in re.findall(r"[\w.]*set_config\(", file.read_text("utf-8"))
    }
    assert called == {"pg_catalog.set_config("}


KEEP = f"SELECT set_config('{TENANT_SETTING}', current_setting('{TENANT_SETTING}'), false)"


async def test_a_token_that_was_left_with_a_session_is_gone_when_it_comes_back(
    db: Database, two: tuple[UUID, UUID]
) -> None:
    """An injected ``set_config`` for the session, not for the transaction."""
    async with db.tenant(two[0]) as tx:
        session = await tx.value("SELECT pg_backend_pid()")
        assert str(two[0]) in await tx.value(KEEP)
    async with db.directory() as tx:
        assert await tx.value("SELECT pg_backend_pid()") == session
        assert await tx.value("SELECT app.current_client()") is None
        assert await tx.all("SELECT id FROM clients") == []
    [[found]] = await db.call("SELECT current_setting($1, true)", TENANT_SETTING)
    assert not found


# --- What remains, named in decision 0001 ----------------------------------------------------------------------------


async def test_a_cursor_outlives_its_token_but_not_its_transaction(
    app: Connection, two: tuple[UUID, UUID]
) -> None:
    """What was begun in time goes on to its end; whatever begins later sees nothing."""
    for lasts in (2.0, 10.0, 50.0):  # A longer one, where we were too slow to begin in time.
        clock = SteadyClock()
        clock.hear(await app.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8"))
        clock.hear(clock.seconds() - TOKEN_SECONDS + lasts)
        token = TenantSigner(SECRET, clock).token(two[0])
        async with app.transaction():
            await app.fetchval("SELECT pg_catalog.set_config($1, $2, true)", TENANT_SETTING, token)
            rows = await app.cursor("SELECT id FROM clients, generate_series(1, 3)")
            if not await rows.fetchrow():
                continue
            await app.fetchval("SELECT pg_sleep($1)", lasts)
            assert await app.fetch("SELECT id FROM clients") == []
            assert [row["id"] for row in await rows.fetch(5)] == [two[0]] * 2
        assert await app.fetch("SELECT * FROM pg_cursors WHERE name <> ''") == []
        return
    pytest.fail("No token lasted until the first row.")


async def test_estimates_tell_how_much_another_has_and_nothing_of_what(
    db: Database, owner: Connection, two: tuple[UUID, UUID]
) -> None:
    """The planner's statistics know no tenants. Nothing of ours shows a plan to anybody."""
    mine, other = two
    await owner.execute(
        "INSERT INTO audit_log (client_id, id, actor, action, target) SELECT $1, gen_random_uuid(), 'a', 'b', 'c' "
        "FROM generate_series(1, $2)",
        other,
        MANY,
    )
    async with db.tenant(mine) as tx:
        await AuditEntry.add(tx, "a", "b", "c")
    await owner.execute("ANALYZE audit_log")

    async def rows(client_id: UUID) -> tuple[float, int]:
        async with db.tenant(mine) as tx:
            [plan] = await tx.all(
                f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM audit_log WHERE client_id = '{client_id}'"
            )
        told: Any = plan["QUERY PLAN"]
        top = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
        return top["Plan Rows"], top["Actual Rows"]

    estimate, seen = await rows(other)
    assert estimate > (await rows(new_client_id()))[0]
    assert seen == 0
    assert not [
        one.name for one in APP.rglob("*.py") if re.search(r"\bEXPLAIN\b", one.read_text("utf-8"))
    ]


async def test_a_session_of_the_same_role_can_be_cancelled_and_no_other(
    app: Connection, db: Database, owner: Connection, two: tuple[UUID, UUID]
) -> None:
    """Who is cancelled gets an error, and whoever comes next nothing of theirs."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.fetchval("SELECT pg_cancel_backend($1)", owner.get_server_pid())

    async def asked() -> None:
        async with db.tenant(two[0]) as tx:
            pids.set_result(await tx.value("SELECT pg_backend_pid()"))
            await tx.value("SELECT pg_sleep(60)")

    pids: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(asked())
    pid = await pids
    while not asking.done():  # Until it has come to sleep.
        assert await app.fetchval("SELECT pg_cancel_backend($1)", pid)
        await asyncio.sleep(0.05)
    with pytest.raises(asyncpg.QueryCanceledError):
        await asking
    async with db.tenant(two[1]) as tx:
        assert [row["id"] for row in await tx.all("SELECT id FROM clients")] == [two[1]]


async def test_a_cast_error_tells_ones_own_token_and_our_log_does_not(
    db: Database, two: tuple[UUID, UUID]
) -> None:
    """The database writes it into its log: a token of whoever injects, good for minutes, for the client they are in."""
    with pytest.raises(asyncpg.InvalidTextRepresentationError) as told:
        async with db.tenant(two[0]) as tx:
            await tx.value(f"SELECT current_setting('{TENANT_SETTING}')::int")
    assert str(two[0]) in str(told.value)
    assert str(two[1]) not in str(told.value)
    assert str(two[0]) not in repr(tell(told.value))

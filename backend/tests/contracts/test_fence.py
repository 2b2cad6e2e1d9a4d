"""What keeps clients apart in the database: the same on the newest PostgreSQL and on the oldest we support."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from app import models as _models  # noqa: F401  # Names every table.
from app.bootstrap import app_url, bootstrap, owner_url, signer
from app.core.clock import SteadyClock
from app.core.errors import Conflict, Misconfigured
from app.core.multi_tenant import Database
from app.core.revision import MIGRATIONS
from app.core.tenant_token import TenantSigner
from app.core.weak_role import refuse_strong_role
from app.models.base import Base
from app.models.client import Client, ClientSettings
from app.models.client_version import ClientVersion
from app.models.declared import tables
from tests.fixtures.product import SECRET, settings_for

LINT = (Path(__file__).parents[2] / "migrations" / "rls_lint.sql").read_text("utf-8")


PRESENT = {one.stem: one.read_text("utf-8") for one in (MIGRATIONS / "functions").glob("*.sql")}
DEFINITIONS = """
SELECT pg_get_functiondef(p.oid) AS text, p.proacl::text AS grants FROM pg_proc p
WHERE p.pronamespace = 'app'::regnamespace AND p.proname = $1 ORDER BY p.oid
"""


async def test_the_fence_has_no_hole(owner) -> None:
    """Check 1."""
    assert [tuple(row) for row in await owner.fetch(LINT)] == []


@pytest.mark.parametrize(
    "hole",
    [
        "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
        "CREATE POLICY support ON messages USING (true)",
        "DROP POLICY tenant_isolation ON messages",
        "CREATE TABLE leak (client_id uuid PRIMARY KEY)",
        "CREATE TABLE shared (note text); GRANT SELECT ON shared TO wafaa_app",
        "CREATE VIEW everybody AS SELECT * FROM messages",
        "CREATE MATERIALIZED VIEW everybody AS SELECT * FROM messages; GRANT SELECT ON everybody TO wafaa_app",
        "GRANT TRUNCATE ON messages TO wafaa_app",
        "CREATE FUNCTION public.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM messages'",
        "CREATE UNIQUE INDEX oracle ON staff (email)",
        "CREATE UNIQUE INDEX oracle ON staff (email) INCLUDE (client_id)",
        "ALTER TABLE notices DROP CONSTRAINT pk_notices, ADD PRIMARY KEY (kind, period, client_id)",
        "ALTER TABLE messages ADD CONSTRAINT other FOREIGN KEY (conversation_id, client_id) "
        "REFERENCES conversations (id, client_id)",
        "GRANT CREATE ON SCHEMA public TO wafaa_app",
        "GRANT USAGE ON SCHEMA vault TO wafaa_app",
        "GRANT TEMP ON DATABASE {database} TO wafaa_app",
        "ALTER FUNCTION app.find_channel(text, text) RESET search_path",
        "ALTER TABLE usage_records OWNER TO wafaa_app",
    ],
)
async def test_the_lint_finds_a_planted_hole(owner, hole: str) -> None:
    database = await owner.fetchval("SELECT current_database()")
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute(hole.format(database=database))
        assert await owner.fetch(LINT)
    finally:
        await transaction.rollback()


async def test_every_table_with_a_client_is_forced_behind_its_policy(owner) -> None:
    unfenced = await owner.fetch(
        "SELECT relname FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
        "AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'client_id') "
        "AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert unfenced == []


def _is_ours(thing: Any, _name: str, kind: str, _reflected: bool, _other: object) -> bool:
    """What the database makes of a key into a partitioned table, one for each of its months, isn't."""
    return not (
        kind == "foreign_key_constraint" and thing.elements[0].target_fullname.startswith("parts.")
    )


async def test_models_and_database_say_the_same(settings) -> None:
    engine = create_async_engine(owner_url(settings))
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(
                lambda c: compare_metadata(
                    MigrationContext.configure(
                        c,
                        opts={
                            "include_name": lambda name, kind, _: name != "knowledge_vectors",
                            "include_object": _is_ours,
                        },
                    ),
                    tables(Base),
                )
            )
    finally:
        await engine.dispose()
    assert differences == []


@pytest.mark.parametrize("name", sorted(PRESENT))
async def test_the_database_holds_the_present_text_of_a_function(owner, name: str) -> None:
    """A migration that remakes one from an older text takes back what came between."""
    held = await owner.fetch(DEFINITIONS, name)
    await owner.execute(PRESENT[name])
    assert held
    assert await owner.fetch(DEFINITIONS, name) == held


async def test_a_client_sees_itself_and_nobody_else(db: Database, two) -> None:
    for mine in two:
        async with db.tenant(mine) as tx:
            assert [row["id"] for row in await tx.all("SELECT id FROM clients")] == [mine]


async def test_without_a_tenant_there_are_no_rows(db: Database, app, two) -> None:
    async with db.directory() as tx:
        assert await tx.all("SELECT * FROM clients") == []
    for value in ("", "nonsense", str(two[0])):
        await app.execute("SELECT set_config('app.current_tenant_id', $1, false)", value)
        assert await app.fetch("SELECT * FROM clients") == []


def at(seconds: float) -> SteadyClock:
    """A clock that shows a given time."""
    clock = SteadyClock()
    clock.hear(seconds)
    return clock


def _forgeries(mine: UUID, other: UUID) -> list[str]:
    good = TenantSigner(SECRET).token(mine)
    expired = TenantSigner(SECRET, at(1_000_000_000.0)).token(mine)
    stranger = TenantSigner("another secret that is as long as it should be").token(mine)
    head, mac = good.rsplit(".", 1)
    return [
        good.replace(str(mine), str(other)),
        f"{head}.{'0' * 64}",
        f"{head}.{mac[:-1]}",
        head,
        good.upper(),
        good.replace(head[41:51], "9999999999"),
        expired,
        stranger,
        f"zz{good[2:]}",
        good + good,
        f" {good}",
        str(other),
        "%" * 115,
        "٠" * 115,
    ]


async def test_a_forged_swapped_or_expired_token_sees_nothing(app, two) -> None:
    """Check 4."""
    good = TenantSigner(SECRET).token(two[0])
    await app.execute("SELECT set_config('app.current_tenant_id', $1, false)", good)
    assert [row["id"] for row in await app.fetch("SELECT id FROM clients")] == [two[0]]
    for forged in _forgeries(*two):
        await app.execute("SELECT set_config('app.current_tenant_id', $1, false)", forged)
        with suppress(asyncpg.DataError):  # Refused before any row was looked at.
            assert await app.fetch("SELECT * FROM clients") == [], forged


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT * FROM vault.tenant_keys",
        "SELECT * FROM vault.channel_routes",
        "SET ROLE wafaa_definer",
        "SET ROLE postgres",
        "SET row_security = off; SELECT * FROM clients",
        "ALTER TABLE clients DISABLE ROW LEVEL SECURITY",
        "CREATE TEMP TABLE clients (id uuid)",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION app.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'",
        "CREATE SCHEMA mine",
        "TRUNCATE messages",
        "DELETE FROM clients",
        "DELETE FROM audit_log",
        "UPDATE audit_log SET actor = 'nobody'",
        "COPY messages FROM PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE EXTENSION dblink",
    ],
)
async def test_the_application_role_may_not(app, attack: str) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await app.fetch(attack) if ";" not in attack else await app.execute(attack)


async def test_an_injected_set_config_names_no_other_client(db: Database, two) -> None:
    """Check 5."""
    mine, other = two
    async with db.tenant(mine) as tx:
        rows = await tx.all(
            "SELECT id::text FROM clients WHERE false UNION ALL "
            f"SELECT set_config('app.current_tenant_id', '{other}', false) UNION ALL SELECT id::text FROM clients"
        )
        assert {row["id"] for row in rows} == {str(other)} or {row["id"] for row in rows} == {
            str(other),
            str(mine),
        }
        assert await tx.all("SELECT * FROM clients WHERE id = $1", other) == []


async def test_writing_for_another_client_is_refused(db: Database, two) -> None:
    mine, other = two
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant(mine) as tx:
            await tx.run(
                "INSERT INTO audit_log (client_id, id, actor, action, target) VALUES ($1, $2, 'a', 'b', 'c')",
                other,
                uuid4(),
            )


async def test_pooled_connections_come_back_without_a_tenant(settings, two) -> None:
    """Check 3."""
    db = Database.connect(app_url(settings), signer(settings), size=1, overflow=0)
    async with db.tenant(two[0]) as tx:
        pid = await tx.value("SELECT pg_backend_pid()")
    async with db.directory() as tx:
        assert await tx.value("SELECT pg_backend_pid()") == pid
        assert not await tx.value("SELECT current_setting('app.current_tenant_id', true)")
        assert await tx.value("SELECT app.current_client()") is None
    await db.close()


async def test_a_failed_transaction_writes_nothing(db: Database, two) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.tenant(two[0]) as tx:
            await ClientVersion.publish(tx, "Changed", ClientSettings(), author="test")
            raise ZeroDivisionError
    async with db.tenant(two[0]) as tx:
        assert (await Client.mine(tx)).name == "One"


async def test_a_scope_inside_another_clients_is_refused(db: Database, two) -> None:
    async with db.tenant(two[0]):
        with pytest.raises(Conflict):
            async with db.tenant(two[1]):
                pass


async def test_it_refuses_to_work_as_a_strong_role(settings) -> None:
    """Check 2."""
    db = Database.connect(owner_url(settings), signer(settings))
    with pytest.raises(Misconfigured, match="superuser"):
        await refuse_strong_role(db)
    await db.close()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} BYPASSRLS", "has BYPASSRLS"),
        ("ALTER ROLE {role} CREATEROLE", "may make roles"),
        ("ALTER TABLE usage_records OWNER TO {role}", "owns usage_records"),
    ],
)
async def test_nothing_opens_as_a_role_that_no_policy_binds(
    owner, settings, tmp_path: Path, given: str, reason: str
) -> None:
    """Check 2, as every process of the installation meets it when it starts."""
    role = f"strong_{uuid4().hex}"
    await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p' NOSUPERUSER IN ROLE wafaa_app")
    try:
        await owner.execute(given.format(role=role))
        url = Database.as_role(owner_url(settings), role, "p")
        services = bootstrap(
            settings_for(url, tmp_path, WAFAA_ADMIN_DATABASE_URL=owner_url(settings))
        )
        with pytest.raises(Misconfigured, match=reason):
            await services.open()
        await services.close()
    finally:
        await owner.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP ROLE {role}")


async def test_the_token_is_checked_once_a_query_and_keeps_the_index(db: Database, two) -> None:
    async with db.tenant(two[0]) as tx:
        plan = "\n".join(
            row["QUERY PLAN"]
            for row in await tx.all(
                "EXPLAIN SELECT * FROM messages WHERE client_id = $1 AND id = $2", two[0], uuid4()
            )
        )
    assert plan.count("InitPlan") >= 1
    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


async def test_no_statement_shows_a_token(db: Database, app, two) -> None:
    async with db.tenant(two[0]):  # Its last statement was the one that set the token.
        shown = await app.fetch(
            "SELECT query FROM pg_stat_activity WHERE query LIKE $1", f"%{two[0]}%"
        )
    assert shown == []

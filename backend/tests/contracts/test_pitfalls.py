"""The seventeen ways in which row-level security has failed others, each with the test that shows ours doesn't.

1 owner, 3 view, 4 definer function, 5 materialised view, 6 partition, 11 two policies: the lint of `test_fence.py`,
with its planted holes · 2 strong role: there, `test_it_refuses_to_work_as_a_strong_role` · 9 cascades, 10 TRUNCATE:
there, `test_the_application_role_may_not` · 12 pools: there, and `stories/test_pgbouncer.py` · 13 injected settings:
there, `test_an_injected_set_config_names_no_other_client` · 14 plans: `test_plans.py`. The rest is here.
"""

import re
import subprocess
from uuid import UUID, uuid4

import asyncpg

from app.bootstrap import app_url, owner_url
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.core.pool import driver_url
from app.embedded.postgres_ways import find_binaries


async def _refusal(db: Database, client_id: UUID, sql: str, *args: object) -> str:
    """What the database says to a write that fails: its code and words."""
    try:
        async with db.tenant(client_id) as tx:
            await tx.run(sql, *args)
    except asyncpg.PostgresError as error:
        return f"{error.sqlstate} {error}"
    return "done"


SOURCE = (
    "INSERT INTO knowledge_sources (client_id, id, name_key, name) VALUES ($1, $2, 'key', 'sealed')"
)
DOCUMENT = (
    "INSERT INTO knowledge_documents (client_id, id, source_id, title_key, named, media_type, digest) "
    "VALUES ($1, $2, $3, 'key', 'sealed', 'text/plain', 'x')"
)
STAFF = (
    "INSERT INTO staff (client_id, id, email, name, role, password_hash) "
    "VALUES ($1, $2, 'sara@cafe.example', 'Sara', 'agent', 'x')"
)


async def test_a_child_cant_hang_on_anothers_parent_nor_learn_of_it(db: Database, two) -> None:
    """Pitfall 7: a foreign key to another's row fails exactly as one to a row that nobody has."""
    mine, other = two
    theirs = uuid4()
    assert await _refusal(db, other, SOURCE, other, theirs) == "done"
    refused = [
        await _refusal(db, mine, DOCUMENT, mine, uuid4(), source) for source in (theirs, uuid4())
    ]
    assert refused[0].startswith("23503")
    assert _plain(refused[0]) == _plain(refused[1])


def _plain(said: str) -> str:
    return said.partition(" DETAIL")[0].partition("\n")[0]


async def test_a_unique_key_tells_nothing_of_others(db: Database, two) -> None:
    """Pitfall 8: what one client has, with the same id and the same e-mail address, another may have as well."""
    id_ = uuid4()
    for client_id in two:
        assert await _refusal(db, client_id, SOURCE, client_id, id_) == "done"
        assert await _refusal(db, client_id, STAFF, client_id, id_) == "done"


def test_a_dump_as_the_application_fails(settings: Settings) -> None:
    """Pitfall 15: it would hold no client's rows and look like a backup."""
    url = driver_url(app_url(settings))
    done = subprocess.run(
        [find_binaries() / "pg_dump", "--data-only", "-t", "contacts", url],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert re.search("row-level security|permission denied", done.stderr)


async def test_an_error_that_depends_on_rows_sees_ones_own_only(db: Database, two) -> None:
    """Pitfall 16: dividing by zero where another's name begins with a letter doesn't fail: there is no such row."""
    async with db.tenant(two[0]) as tx:
        rows = await tx.all(
            "SELECT 1 / (CASE WHEN name LIKE 'Two%' THEN 0 ELSE 1 END) AS one FROM clients"
        )
        assert len(rows) == 1
        assert await tx.all("SELECT attname FROM pg_stats WHERE tablename = 'clients'") == []


async def test_what_has_no_tenant_carries_nothing_but_ids(
    settings: Settings, db: Database, two
) -> None:
    """Pitfall 17, check 14: everybody hears a notification, so it is an id; no sequence counts all clients' rows."""
    owner = await asyncpg.connect(driver_url(owner_url(settings)))
    sources = await owner.fetch(
        "SELECT p.oid::regprocedure::text AS name, prosrc FROM pg_proc p WHERE prosrc LIKE '%pg_notify%' "
        "AND pronamespace IN ('app'::regnamespace, 'public'::regnamespace)"
    )
    for row in sources:
        for said in re.findall(r"pg_notify\('\w+',\s*([^()]*)\)", row["prosrc"]):
            assert re.fullmatch(r"'[a-z]+'|[\w.]*(_id|talk)(::text)?", said), (row["name"], said)
    assert (
        await owner.fetch(
            "SELECT relname FROM pg_class WHERE CASE WHEN relkind = 'S' "
            "THEN has_sequence_privilege('wafaa_app', oid, 'USAGE') END"
        )
        == []
    )
    assert await owner.fetchval("SELECT count(*) FROM pg_largeobject_metadata") == 0
    await owner.close()

"""No query of the product reads a whole table, or all that one client has, for little: its own plans say so.

A client lives through everything that happens often, on databases where a hundred others have the same. PostgreSQL's
`auto_explain` tells how each statement was run, those inside functions too.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from app.api.app import create_app
from app.bootstrap import bootstrap, owner_url
from app.core.pool import driver_url
from app.embedded.postgres import EmbeddedPostgres
from tests.fixtures.product import Business, Product, migrate_now, settings_for
from tests.isolation.asgi import Request, send
from tests.isolation.operations import operations

OTHERS = 150
LARGE = 1_000
"""Rows from which a table is never to be read as a whole."""
TELL = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_format": "json",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "client_min_messages": "log",
}
EVERYBODYS = {
    "public.lanes l": "Workers work for all clients: due lanes have an index of their own, and are counted there.",
}
"""Parts of statements that concern all clients, each with its reason."""


@dataclass
class Plans:
    """What the server told of its plans."""

    seen: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        """One notice of a connection."""
        text = str(message.message)
        if "plan:\n" in text:
            self.seen.append(json.loads(text.partition("plan:\n")[2]))

    def nodes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every step of every plan, with the statement it belongs to."""
        for plan in self.seen:
            yield from ((plan["Query Text"], node) for node in _below(plan["Plan"]))


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _below(child)


@asynccontextmanager
async def explained(
    url: str, home: Path
) -> AsyncIterator[tuple[Product, Plans, "asyncpg.Connection[asyncpg.Record]"]]:
    """An installation whose connections tell their plans."""
    plans, settings = Plans(), settings_for(url, home)
    owner = await asyncpg.connect(driver_url(owner_url(settings)))
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET session_preload_libraries = 'auto_explain'")
    for setting, value in TELL.items():
        await owner.execute(f"ALTER ROLE wafaa_app IN DATABASE {name} SET {setting} = '{value}'")
    services = bootstrap(settings)
    await services.open()
    _listen(services.db, plans)
    try:
        yield Product(services, services.tools.http, "http://wafaa.test"), plans, owner
    finally:
        await services.close()
        await owner.close()


def _listen(db: Any, plans: Plans) -> None:
    """Has every connection that opens from now on tell its plans."""
    whole = db._pool._connect

    async def connect() -> Any:
        connection = await whole()
        connection.add_log_listener(plans.hear)
        return connection

    db._pool._connect = connect


async def _multiply(
    owner: "asyncpg.Connection[asyncpg.Record]", client_id: object
) -> dict[str, int]:
    """Gives a hundred others all that one client has, row by row; tells how many rows each table has then."""
    tables = await owner.fetch(
        "SELECT c.oid::regclass::text AS name, array_agg(a.attname ORDER BY a.attnum) AS columns "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "AND a.attgenerated = '' AND a.attidentity = '' "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
        "GROUP BY c.oid HAVING 'client_id' = ANY (array_agg(a.attname))"
    )
    await owner.execute("SET session_replication_role = replica")
    await owner.execute(
        f"CREATE TEMP TABLE other AS SELECT gen_random_uuid() AS id FROM generate_series(1, {OTHERS})"
    )
    columns = await owner.fetchval(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = 'clients'::regclass "
        "AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'slug')"
    )
    await owner.execute(
        f"INSERT INTO clients (id, slug, {columns}) "
        f"SELECT o.id, 'other-' || o.id, {columns} FROM other o, clients c WHERE c.slug = 'cafe'"
    )
    for table in tables:
        rest = ", ".join(f'"{name}"' for name in table["columns"] if name != "client_id")
        await owner.execute(
            f"INSERT INTO {table['name']} (client_id, {rest}) "
            f"SELECT o.id, {', '.join(f't.{one}' for one in rest.split(', '))} "
            f"FROM {table['name']} t, other o WHERE t.client_id = '{client_id}'"
        )
    await owner.execute("ANALYZE")
    sizes = {
        table["name"]: await owner.fetchval(f"SELECT count(*) FROM {table['name']}")
        for table in tables
    }
    parts = await owner.fetch(
        "SELECT c.relname AS name, c.oid::regclass::text AS path FROM pg_class c WHERE c.relispartition "
        "AND c.relkind = 'r'"
    )
    return sizes | {
        part["name"]: await owner.fetchval(f"SELECT count(*) FROM {part['path']}") for part in parts
    }


async def _live(product: Product, business: Business) -> None:
    """What happens often: a visitor asks and is answered, staff look at everything and reply."""
    app = create_app(product.services)
    session = await _ask(app, "POST", "/web/v1/sessions", {}, {"channel_key": business.channel_key})
    visitor = {"Authorization": f"Bearer {session['session_token']}"}
    talk = session["conversation_id"]
    for words in ("How much is a flat white?", "And tea?"):
        said = {"client_message_id": str(uuid4()), "text": words}
        await _ask(app, "POST", f"/web/v1/conversations/{talk}/messages", visitor, said)
        await product.drain()
    for one in operations(app):
        path = one.path.replace("{conversation_id}", talk)
        if one.method == "GET" and "{" not in path:
            query = "&".join(
                ["wait=false", *(f"{name}={value}" for name, value in one.required.items())]
            )
            headers = visitor if path.startswith("/web/") else business.staff
            await send(app, Request("GET", path, query.replace(" ", "+"), tuple(headers.items())))
    staff = business.staff
    for act, body in (
        ("takeover", None),
        ("messages", {"text": "Here."}),
        ("handback", None),
        ("resolve", None),
    ):
        await _ask(app, "POST", f"/v1/conversations/{talk}/{act}", staff, body)
    await product.drain()


async def _ask(app: Any, method: str, path: str, headers: dict[str, str], body: Any) -> Any:
    raw = json.dumps(body).encode() if body is not None else b""
    typed = (("Content-Type", "application/json"),) if raw else ()
    answer = await send(app, Request(method, path, "", (*headers.items(), *typed), raw))
    assert answer.status < 300, (path, answer.body)
    return json.loads(answer.body or b"{}")


def _whole(plans: Plans, sizes: dict[str, int]) -> set[str]:
    """Where a large table was read without a condition on its index."""
    found = set()
    for query, node in plans.nodes():
        table, kind = node.get("Relation Name", ""), node["Node Type"]
        unbound = kind == "Seq Scan" or ("Index" in kind and not node.get("Index Cond"))
        allowed = any(name in query for name in EVERYBODYS)
        if sizes.get(table, 0) > LARGE and unbound and not allowed:
            found.add(f"{kind} of {table}: {' '.join(query.split())[:300]}")
    return found


DOCUMENTS = {
    f"page-{n}.md": "\n\n".join(
        f"# Chapter {n}.{m}\n\nA flat white costs 18 SAR, and tea number {m} costs {m} SAR."
        for m in range(12)
    )
    for n in range(3)
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["postgres18", "postgres15"])
async def test_no_query_reads_a_whole_table(
    version: str,
    request: pytest.FixtureRequest,
    embed_home: Path,
    fresh_database: Callable[..., str],
) -> None:
    """Check 16; pitfall 14. On 15, where there is no pgvector, without searching."""
    url = fresh_database(request.getfixturevalue(version), migrate_now)
    searching = version == "postgres18"
    async with explained(url, embed_home) as (product, plans, owner):
        business = await product.business("cafe", documents=DOCUMENTS if searching else {})
        for _ in range(4):
            await _live(product, business)
        sizes = await _multiply(owner, business.ref.id)
        await product.services.db._pool.close()
        plans.seen.clear()
        await _live(product, business)
        assert _whole(plans, sizes) == set()
        read = {node.get("Relation Name", "") for _, node in plans.nodes()}
        assert HOT | (SEARCHED if searching else set()) <= {_parent(name) for name in read}
        large = {name for name, size in sizes.items() if size > LARGE}
        assert len(large) >= 6, sizes
        await _reads_a_whole_table(owner, plans)
        assert _whole(plans, sizes)


MANY = 400
"""How many messages a client has when plans are as old as its first."""


def _in_vain(plans: Plans) -> set[str]:
    """Where an index gave rows of which none but a few were looked for."""
    return {
        f"{node['Index Name']}: {' '.join(query.split())[:200]}"
        for query, node in plans.nodes()
        if node.get("Rows Removed by Filter", 0) > MANY / 4 and "Index" in node["Node Type"]
    }


async def test_plans_made_for_few_messages_are_good_for_many(
    postgres18: EmbeddedPostgres, embed_home: Path, fresh_database: Callable[..., str]
) -> None:
    """A new table's statistics tell nothing, and plans are kept: a flood in its first minute meets them."""
    url = fresh_database(postgres18, migrate_now)
    async with explained(url, embed_home) as (product, plans, owner):
        business = await product.business("cafe", documents=DOCUMENTS)
        for _ in range(6):  # As often as the driver and the server need to keep a plan.
            await _live(product, business)
        await _grow(owner)
        plans.seen.clear()
        await _live(product, business)
        assert _in_vain(plans) == set()
        await owner.execute("CREATE INDEX misleading ON messages (client_id, author)")
        await owner.execute("DROP INDEX ix_messages_conversation")
        await _live(product, business)
        assert _in_vain(plans)


async def _grow(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Gives the client many more contacts, conversations, messages and jobs, and the planner no word of them."""
    await owner.execute("SET session_replication_role = replica")
    for table in ("contacts", "contact_addresses", "conversations", "messages", "jobs"):
        columns = await owner.fetch(
            "SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum", table,
        )  # fmt: skip
        names = ", ".join(f'"{column["name"]}"' for column in columns)
        values = ", ".join(_another(table, column["name"]) for column in columns)
        await owner.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} "
            f"FROM (SELECT * FROM {table} LIMIT 1) t, generate_series(1, {MANY}) n"
        )


def _another(table: str, column: str) -> str:
    """A value of a further row: its names are its own, all else is the same."""
    if (table, column) == ("messages", "id"):  # Of the same month, as what comes in at once.
        return "(left(t.id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid"
    if column in ("id", "contact_id", "conversation_id", "lane_id"):
        return "gen_random_uuid()"
    return "decode(md5(n::text), 'hex')" if column in ("key", "platform_key") else f't."{column}"'


FEW = {
    "audit_log": "Nobody looks for an entry by its id.",
    "channel_configs": "A client has few.",
    "knowledge_sources": "A client has few.",
    "staff": "A client has few.",
    "lanes": "Workers work for all clients: both indexes are of what is due in a queue.",
}
"""Tables of which two indexes may begin alike, each with its reason."""


async def test_no_two_indexes_begin_alike(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str]
) -> None:
    """While a table is small both cost a planner the same, and it keeps the wrong one."""
    owner = await asyncpg.connect(driver_url(fresh_database(postgres18, migrate_now)))
    try:
        alike = await owner.fetch(
            "SELECT i.indrelid::regclass::text AS name, array_agg(i.indexrelid::regclass::text) AS indexes "
            "FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid AND c.relnamespace = 'public'::regnamespace "
            "WHERE NOT c.relispartition AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ 'IS NOT NULL') "
            "GROUP BY i.indrelid, i.indkey[0] HAVING count(*) > 1"
        )
    finally:
        await owner.close()
    assert {row["name"]: row["indexes"] for row in alike if row["name"] not in FEW} == {}
    assert {row["name"] for row in alike} == set(FEW)


HOT = {"messages", "conversations", "conversation_events", "lanes", "jobs", "clients"}
SEARCHED = {"knowledge_chunks", "knowledge_postings", "knowledge_vectors"}


def _parent(name: str) -> str:
    """The table of which it may be a partition."""
    return next((one for one in HOT | SEARCHED if name == one or name.startswith(f"{one}_")), name)


async def _reads_a_whole_table(owner: "asyncpg.Connection[asyncpg.Record]", plans: Plans) -> None:
    """What the check has to find, were it there."""
    await owner.execute("LOAD 'auto_explain'")
    for setting, value in TELL.items():
        await owner.execute(f"SET {setting} = '{value}'")
    owner.add_log_listener(plans.hear)
    await owner.fetch("SELECT * FROM messages WHERE author <> $1", "nobody")
    owner.remove_log_listener(plans.hear)

"""An audit log is sealed behind everybody's back, and whoever touches it afterwards is found out."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.bootstrap import app_url, owner_url
from app.core.audit_chain import START, Digest, HeadSigner, head_of
from app.models.audit import AuditEntry
from app.models.audit_seal import AuditSeal
from app.services.orchestrator.auditing import Auditor, Heads
from tests.fixtures.product import SECRET, Business, Product
from tests.stories.test_credentials_cli import ran

BATCHES, BATCH = 4, 8


@dataclass
class Log:
    """A sealed log, the owner of its tables, and who verifies it."""

    product: Product
    business: Business
    owner: "asyncpg.Connection[asyncpg.Record]"
    auditor: Auditor

    async def faults(self) -> tuple[str, ...]:
        """What the verification finds."""
        return (await self.auditor.verify(self.business.ref.id)).faults

    async def act(self, *names: str) -> None:
        """Acts that are logged, each in a transaction of its own."""
        for name in names:
            async with self.product.services.db.tenant(self.business.ref.id) as tx:
                await AuditEntry.add(tx, "somebody", name, "something", {"name": name, "n": 1})


@pytest.fixture
async def sealed(product: Product, tmp_path: Path) -> AsyncIterator[Log]:
    business = await product.business("cafe")
    url = owner_url(product.services.settings).replace("+asyncpg", "")
    owner = await asyncpg.connect(url)
    signer = HeadSigner(SECRET)
    heads = Heads(tmp_path / "heads.jsonl", signer)
    auditor = Auditor(product.services.db, signer, heads, slack_seconds=0)
    log = Log(product, business, owner, auditor)
    for batch in range(BATCHES):
        await log.act(*(f"act.{batch}.{n}" for n in range(BATCH)))
        assert await auditor.seal(business.ref.id)
    yield log
    await owner.close()


async def test_a_log_that_nobody_touched_verifies(sealed: Log) -> None:
    await sealed.act("act.open")
    verdict = await sealed.auditor.verify(sealed.business.ref.id)
    assert verdict.faults == ()
    assert (verdict.seals, verdict.entries - verdict.sealed) == (BATCHES, 1)
    assert await sealed.auditor.seal_all() == 1
    assert await sealed.faults() == ()
    [told] = [v for v in await sealed.auditor.verify_all() if v.client_id == sealed.business.ref.id]
    assert told.faults == ()


async def test_the_application_can_neither_change_nor_remove_what_was_logged(sealed: Log) -> None:
    """Check 77."""
    url = app_url(sealed.product.services.settings).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        for statement in (
            "UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log",
            "UPDATE audit_seals SET entries = 0", "DELETE FROM audit_seals",
        ):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_what_is_not_committed_yet_comes_into_a_later_batch(sealed: Log) -> None:
    db, client_id = sealed.product.services.db, sealed.business.ref.id
    async with db.tenant(client_id) as slow:
        await AuditEntry.add(slow, "somebody", "act.slow", "something")
        await asyncio.create_task(_elsewhere(sealed, "act.quick"))
        assert not await asyncio.create_task(sealed.auditor.seal(client_id))
    assert await sealed.auditor.seal(client_id)
    verdict = await sealed.auditor.verify(client_id)
    assert (verdict.faults, verdict.sealed) == ((), verdict.entries)


async def _elsewhere(sealed: Log, name: str) -> None:
    await sealed.act(name)


async def test_the_log_is_sealed_by_itself_and_the_command_tells_who_touched_it(
    sealed: Log, tmp_path: Path
) -> None:
    """Check 77: a step that the installation takes every few seconds, and `wafaa audit verify`, which fails then."""
    bakery = (await sealed.product.business("bakery")).ref.id
    older = (
        "UPDATE audit_log SET created_at = created_at - interval '1 minute' WHERE client_id = $1"
    )
    await sealed.owner.execute(older, bakery)
    await sealed.product.services.scheduler.run_now("seal_audit")
    seals = "SELECT count(*) FROM audit_seals WHERE client_id = $1"
    assert await sealed.owner.fetchval(seals, bakery) == 1
    await sealed.owner.execute("UPDATE audit_log SET actor = 'nobody' WHERE action = 'act.2.3'")
    words = ("audit", "verify", "--client", "cafe", "--heads", str(tmp_path / "heads.jsonl"))
    code, [told] = await ran(sealed.product, *words)
    assert (code, told["slug"]) == (1, "cafe")
    assert [fault for fault in told["faults"] if fault.startswith("Batch 3 ")], told


async def test_an_act_waits_for_no_seal(sealed: Log) -> None:
    """While a seal is written and not committed: whoever waited for any lock would be told at once."""
    db, client_id = sealed.product.services.db, sealed.business.ref.id
    await sealed.act("act.more")

    async def act() -> None:
        async with db.tenant(client_id) as quick:
            await quick.run("SET LOCAL lock_timeout = '100ms'")
            await AuditEntry.add(quick, "somebody", "act.meanwhile", "something")

    async with db.tenant(client_id) as slow:
        seal = await sealed.auditor._next(slow)
        assert seal
        assert await AuditSeal.add(slow, seal)
        await asyncio.create_task(act())
    assert await sealed.auditor.seal(client_id)
    verdict = await sealed.auditor.verify(client_id)
    assert (verdict.seals, verdict.sealed) == (BATCHES + 2, verdict.entries)
    assert not [fault for fault in verdict.faults if "file of heads" not in fault]


async def test_two_who_seal_at_once_make_one_chain(sealed: Log) -> None:
    await sealed.act("act.more")
    done = await asyncio.gather(*(sealed.auditor.seal(sealed.business.ref.id) for _ in range(4)))
    assert sum(done) == 1
    assert await sealed.faults() == ()


async def test_a_clock_that_was_set_back_raises_no_false_alarm(sealed: Log) -> None:
    ahead = "UPDATE audit_seals SET upto = upto + interval '1 hour' WHERE number = 4 RETURNING upto"
    upto = await sealed.owner.fetchval(
        ahead
    )  # As if the last batch had been closed an hour from now.
    await sealed.act("act.later")
    assert await sealed.owner.fetchval("SELECT max(created_at) FROM audit_log") == upto


# --- Tampering, as the owner of the tables ---------------------------------------------------------------------------

Tamper = Callable[[Log], Awaitable[None]]
ROWS = st.integers(0, BATCHES * BATCH - 1)
FIELDS = {
    "actor": "'somebody else'", "action": "action || '.'", "target": "''", "details": "details || '{\"n\": 1.0}'",
    "created_at": "created_at - interval '1 microsecond'", "id": "gen_random_uuid()",
    "client_id": "gen_random_uuid()",
}  # fmt: skip
NTH = (
    "(SELECT id FROM audit_log WHERE action LIKE 'act.%' ORDER BY created_at, id OFFSET {} LIMIT 1)"
)


def _run(sql: str) -> Tamper:
    async def tamper(log: Log) -> None:
        await log.owner.execute(sql)

    return tamper


changed = st.builds(
    lambda field, row: _run(
        f"UPDATE audit_log SET {field} = {FIELDS[field]} WHERE id = {NTH.format(row)}"
    ),
    st.sampled_from(sorted(FIELDS)), ROWS,
)  # fmt: skip
removed = st.builds(lambda row: _run(f"DELETE FROM audit_log WHERE id = {NTH.format(row)}"), ROWS)
inserted = st.builds(
    lambda row: _run(
        "INSERT INTO audit_log (client_id, id, actor, action, target, details, created_at) SELECT client_id, "
        f"gen_random_uuid(), actor, action, target, details, created_at FROM audit_log WHERE id = {NTH.format(row)}"
    ),
    ROWS,
)
reordered = st.builds(
    lambda a, b: _run(
        f"UPDATE audit_log l SET created_at = o.created_at FROM audit_log o WHERE (l.id, o.id) IN "
        f"(({NTH.format(a)}, {NTH.format(b)}), ({NTH.format(b)}, {NTH.format(a)}))"
    ),
    st.shared(ROWS, key="a"), ROWS,
)  # fmt: skip
cut_off = st.builds(
    lambda kept: _run(
        f"DELETE FROM audit_log WHERE created_at >= coalesce((SELECT upto FROM audit_seals WHERE number = {kept}), "
        f"'-infinity'); DELETE FROM audit_seals WHERE number > {kept}"
    ),
    st.integers(0, BATCHES - 1),
)
seal_changed = st.builds(
    lambda number, change: _run(f"UPDATE audit_seals SET {change} WHERE number = {number}"),
    st.integers(1, BATCHES),
    st.sampled_from(
        ["entries = entries + 1", "digest = sha256('')", "head = sha256('')", "signature = sha256('')",
         "upto = upto + interval '1 microsecond'", "number = number + 10", "client_id = gen_random_uuid()"]
    ),
)  # fmt: skip


def _rewritten(row: int, keep_signatures: bool) -> Tamper:
    """An entry is changed and the whole chain made anew, as it would be right: all but the signing key is known."""

    async def tamper(log: Log) -> None:
        await log.owner.execute(
            f"UPDATE audit_log SET actor = 'nobody' WHERE id = {NTH.format(row)}"
        )
        before, begin = START, None
        forger = HeadSigner("a key of somebody else's, quite as long as ours")
        for seal in await log.owner.fetch("SELECT * FROM audit_seals ORDER BY number"):
            digest, entries = await _digest(log, begin, seal["upto"])
            head = head_of(before, seal["client_id"], seal["number"], seal["upto"], entries, digest)
            signature = seal["signature"] if keep_signatures else forger.sign(head)
            await log.owner.execute(
                "UPDATE audit_seals SET entries = $1, digest = $2, head = $3, signature = $4 WHERE number = $5",
                entries, digest, head, signature, seal["number"],
            )  # fmt: skip
            before, begin = head, seal["upto"]

    return tamper


async def _digest(log: Log, begin: Any, end: Any) -> tuple[bytes, int]:
    digest = Digest()
    for row in await log.owner.fetch(
        "SELECT id, actor, action, target, details::text AS details, created_at FROM audit_log "
        "WHERE created_at >= coalesce($1, '-infinity'::timestamptz) AND created_at < $2 ORDER BY created_at, id",
        begin, end,
    ):  # fmt: skip
        digest.add(tuple(row.values()))
    return digest.value(), digest.entries


rewritten = st.builds(_rewritten, ROWS, st.booleans())
TAMPERINGS = st.one_of(changed, removed, inserted, reordered, cut_off, seal_changed, rewritten)


@pytest.mark.timeout(180)
async def test_any_way_to_tamper_with_a_sealed_log_is_found(sealed: Log) -> None:
    """Check 77, as the owner of the tables, whom no right and no policy binds."""
    loop = asyncio.get_running_loop()
    await sealed.owner.execute(
        "CREATE SCHEMA kept; CREATE TABLE kept.log AS TABLE audit_log; CREATE TABLE kept.seals AS TABLE audit_seals"
    )

    async def attempt(tamper: Tamper) -> None:
        before = await _sum(sealed)
        await tamper(sealed)
        if await _sum(sealed) != before:
            assert await sealed.faults() != ()
        await sealed.owner.execute(
            "TRUNCATE audit_log, audit_seals; INSERT INTO audit_log TABLE kept.log; "
            "INSERT INTO audit_seals TABLE kept.seals"
        )

    @settings(
        max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(tamper=TAMPERINGS)
    def tamper_and_look(tamper: Tamper) -> None:
        asyncio.run_coroutine_threadsafe(attempt(tamper), loop).result(60)

    await asyncio.to_thread(tamper_and_look)
    assert await sealed.faults() == ()


async def _sum(log: Log) -> str:
    rows = await log.owner.fetch(
        "SELECT l::text FROM audit_log l UNION ALL SELECT s::text FROM audit_seals s ORDER BY 1"
    )
    return hashlib.sha256(repr(rows).encode()).hexdigest()

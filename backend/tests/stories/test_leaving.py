"""Data is taken along whole, by a client or one contact; what is erased is nowhere any more, and read nowhere."""

import asyncio
import csv
import io
import json
import zipfile
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from app.core.errors import Erased
from app.models import portable
from app.models.contact import Contact
from app.models.identity_provider import IdentityProvider, Provider
from app.models.sealed import SEALED
from app.services.orchestrator.exporting import harmless
from tests.fixtures.shop import ASKED, LAYLA, OMAR, Shop
from tests.stories.test_client_standing import call

CANARY = {"en": "canarygold", "ar": "كناريذهبي"}
PROVIDER = Provider(
    issuer="https://login.cafe.example",
    application="wafaa",
    secret="secret-at-the-provider",
    domains=["cafe.example"],
)
NOTHING_OF_A_CLIENT = {"audit_log", "audit_seals", "client_keys"}
"""What outlives a client: ids of acts, their seals, and the empty rows of its keys."""


async def tables(owner: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    """Every table that has rows of clients, and the column that says whose."""
    rows = await owner.fetch(
        "SELECT table_schema || '.' || table_name AS name, column_name FROM information_schema.columns "
        "WHERE table_schema IN ('public', 'vault') "
        "AND (column_name = 'client_id' OR (table_name = 'clients' AND column_name = 'id'))"
    )
    return {row["name"]: row["column_name"] for row in rows}


async def exported(shop: Shop, contact: str | None = None) -> tuple[zipfile.ZipFile, bytes]:
    """The copy that its owner fetches."""
    made = await asked(shop, contact)
    await shop.product.drain()
    _, ready = await call(shop, "GET", f"/v1/exports/{made}", headers=shop.business.staff)
    assert ready["state"] == "ready"
    async with shop.product.api.get(ready["url"]) as answer:
        data = await answer.read()
        assert (answer.status, len(data)) == (200, ready["size"])
    return zipfile.ZipFile(io.BytesIO(data)), data


async def asked(shop: Shop, contact: str | None) -> str:
    """The id of a copy that was just asked for."""
    headers = shop.business.staff
    status, made = await call(shop, "POST", "/v1/exports", {"contact": contact}, headers=headers)
    assert (status, made["state"], made["url"]) == (202, "pending", None)
    return str(made["id"])


async def state_of(shop: Shop, export: str) -> object:
    """How far a copy is; what is answered where there is none."""
    status, told = await call(shop, "GET", f"/v1/exports/{export}", headers=shop.business.staff)
    return told["state"] if status == 200 else status


def lines(archive: zipfile.ZipFile, table: str) -> list[dict[str, Any]]:
    """The rows of a table in a copy."""
    return [json.loads(line) for line in archive.read(f"tables/{table}.jsonl").splitlines()]


async def contact_of(shop: Shop, sender: str) -> str:
    """The contact behind an address."""
    db = shop.product.services.db
    async with db.tenant(shop.business.ref.id) as tx:
        for row in await tx.all(
            "SELECT id FROM contacts WHERE client_id = $1", shop.business.ref.id
        ):
            if sender in await Contact.addresses(tx, row["id"]):
                return str(row["id"])
    raise AssertionError(sender)


async def test_an_export_holds_every_row_there_is(shop: Shop, owner) -> None:
    """Check 75: compared with a scan of all tables."""
    await shop.hears(ASKED["en"], ASKED["ar"])
    await shop.hears("Hello", sender=OMAR)
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        await IdentityProvider.keep(tx, PROVIDER)
    scanned = {
        name.partition(".")[2]: await owner.fetchval(
            f"SELECT count(*) FROM {name} WHERE {column} = $1", shop.business.ref.id
        )
        for name, column in (await tables(owner)).items()
        if name.startswith("public.")
    }
    archive, _ = await exported(shop)
    manifest = json.loads(archive.read("manifest.json"))
    assert set(scanned) <= set(manifest["rows"]) | set(manifest["not_here"])
    asked = {"audit_log": 1, "jobs": 1}  # The export itself is an act, and a job.
    for table, count in manifest["rows"].items():
        assert len(lines(archive, table)) == count
        assert 0 <= count - scanned[table] <= asked.get(table, 0), table
    assert scanned["messages"] == 5
    said = {row["said"]["text"] for row in lines(archive, "messages")}
    assert {ASKED["en"], ASKED["ar"]} <= said
    assert ASKED["ar"] in archive.read("tables/messages.jsonl").decode()  # Readable as it stands.
    assert archive.read("documents/uploads/taught.md").decode().startswith("# Menu")
    assert "نسخة" in archive.read("README.txt").decode()
    whole = b"".join(archive.read(name) for name in archive.namelist())
    assert PROVIDER.issuer.encode() in whole
    for secret in (b"$argon2", b"token-", b"verify-cafe", PROVIDER.secret.encode()):
        assert secret not in whole


async def test_a_contacts_export_is_theirs_and_no_one_elses(shop: Shop) -> None:
    await shop.hears(f"My name is {CANARY['en']}", ASKED["ar"])
    await shop.hears("I am somebody else", sender=OMAR)
    layla = await contact_of(shop, LAYLA)
    told = {"granted": True, "wording": "Asked on the phone."}
    assert await shop.post(f"/v1/contacts/{layla}/consents", told) == 201
    archive, _ = await exported(shop, layla)
    assert [(row["granted"], row["wording"]) for row in lines(archive, "consents")] == [
        (True, "Asked on the phone.")
    ]
    assert {row["id"] for row in lines(archive, "contacts")} == {layla}
    assert {row["value"] for row in lines(archive, "contact_addresses")} >= {LAYLA}
    said = {row["said"]["text"] for row in lines(archive, "messages")}
    assert f"My name is {CANARY['en']}" in said
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert OMAR not in whole
    assert "somebody else" not in whole


async def test_a_spreadsheet_reads_arabic_and_runs_nothing(shop: Shop) -> None:
    """Check 53."""
    await shop.hears("=HYPERLINK(1)", ASKED["ar"])
    archive, _ = await exported(shop)
    text = archive.read("messages.csv").decode("utf-8-sig")
    assert archive.read("messages.csv").startswith(b"\xef\xbb\xbf")
    cells = [row[3] for row in csv.reader(io.StringIO(text))]
    assert "'=HYPERLINK(1)" in cells
    assert ASKED["ar"] in cells


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_looks_like_a_formula_is_a_text(cell: str) -> None:
    """Check 53."""
    assert harmless(cell) == f"'{cell}"
    assert harmless(f"a{cell}") == f"a{cell}"


async def test_a_link_opens_one_clients_copy_for_five_minutes(shop: Shop) -> None:
    """Check 13."""
    _, made = await call(shop, "POST", "/v1/exports", {}, headers=shop.business.staff)
    await shop.product.drain()
    links = shop.product.services.links
    good = links.ticket(shop.business.ref.id, UUID(made["id"]))
    head, _, mac = good.rpartition(".")
    client, thing, until = head.split(".")
    forged = [
        f"{uuid4()}.{thing}.{until}.{mac}", f"{client}.{uuid4()}.{until}.{mac}",
        f"{client}.{thing}.{int(until) + 300:010d}.{mac}", f"{head}.{'0' * 64}", good[:-1], "x",
        links.ticket(uuid4(), UUID(made["id"])),
    ]  # fmt: skip
    for ticket in forged:
        async with shop.product.api.get(f"/v1/exports/files/{ticket}") as answer:
            assert answer.status == 404
    async with shop.product.api.get(f"/v1/exports/files/{good}") as answer:
        assert answer.status == 200


async def canaries(shop: Shop, owner, word: str) -> list[str]:
    """Where a word, or a sealed value that says it, is still found: in any table, or in Redis."""
    found = []
    for name in await tables(owner):
        rows = await owner.fetch(f"SELECT t::text AS row FROM {name} t")
        found += [name for row in rows if word in row["row"]]
    async with Redis.from_url(shop.product.services.settings.redis_url.get_secret_value()) as redis:
        async for key in redis.scan_iter():
            value = await redis.dump(key) or b""
            kind = await redis.type(key)
            text = await redis.get(key) if kind == b"string" else value
            mine = str(shop.business.ref.id).encode() in key
            if mine and word.encode() in key + (text or b""):
                found.append(f"redis {key!r}")
    return found


async def sealed_words(shop: Shop, owner, word: str) -> set[str]:
    """Where a word stands in what is sealed: every value of the client's is opened."""
    cipher = await shop.product.services.db.cipher(shop.business.ref.id)
    found = set()
    for column in SEALED:
        names = ", ".join((*column.key, column.column))
        for *key, value in await owner.fetch(
            f"SELECT {names} FROM {column.table} WHERE {column.client} = $1 AND {column.column} IS NOT NULL",
            cipher.client_id,
        ):
            if word.encode() in column.written(cipher, value, *key):
                found.add(f"{column.table}.{column.column}")
    return found


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_an_erased_contact_is_nowhere_any_more(shop: Shop, owner, language: str) -> None:
    """Check 75: rows, sessions, kept answers, work and traces."""
    await shop.hears(f"{ASKED[language]} {CANARY[language]}", f"I am {CANARY[language]}")
    await shop.hears("Hello", sender=OMAR)
    layla = await contact_of(shop, LAYLA)
    sealed = await sealed_words(shop, owner, CANARY[language])
    assert sealed >= {"messages.said", "answer_traces.trace"}
    taken = json.loads((await exported(shop, layla))[0].read("manifest.json"))["rows"]
    waiting = [await asked(shop, whose) for whose in (None, layla, await contact_of(shop, OMAR))]
    await exported(shop)
    path = f"/v1/contacts/{layla}/erasure"
    status, told = await call(shop, "POST", path, {}, headers=shop.business.staff)
    assert (status, told["erased"]["contacts"]) == (200, 1)
    assert told["erased"]["messages"] == 3
    both = taken.keys() & told["erased"].keys()
    assert {name: taken[name] for name in both} == {name: told["erased"][name] for name in both}
    assert both >= {"contacts", "conversations", "messages", "answer_traces"}
    assert (
        told["erased"]["exports"] == 4
    )  # Copies that hold them go along, ready or not; the others' stay.
    await shop.product.drain()
    assert [await state_of(shop, export) for export in waiting] == [404, 404, "ready"]
    left = await rows_of(owner, layla)
    assert set(left) == {
        "audit_log"
    }  # The receipt, and that copies were asked for: ids, and counts.
    assert await canaries(shop, owner, CANARY[language]) == []
    assert await sealed_words(shop, owner, CANARY[language]) == set()
    assert await sealed_words(shop, owner, LAYLA) == set()
    assert len(shop.replies(OMAR)) == 1
    assert (await call(shop, "POST", path, {}, headers=shop.business.staff))[0] == 404
    archive, _ = await exported(shop)
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert LAYLA not in whole
    assert CANARY[language] not in whole
    await shop.hears(ASKED["en"])  # Who was forgotten can come again, as a stranger.
    assert await contact_of(shop, LAYLA) != layla


async def rows_of(owner, contact: str) -> dict[str, int]:
    """How many rows still name a contact."""
    found = {}
    for name in await tables(owner):
        rows = await owner.fetch(f"SELECT t::text AS row FROM {name} t")
        if count := sum(contact in row["row"] for row in rows):
            found[name.partition(".")[2]] = count
    return found


async def test_an_erased_client_leaves_a_receipt_and_nothing_else(shop: Shop, owner) -> None:
    """Check 75: rows, vectors, caches, work; its key is destroyed, so copies elsewhere are noise."""
    services, client_id = shop.product.services, shop.business.ref.id
    other = await shop.product.business("other", documents={"a.md": "# A\n\nWe sell tea.\n"})
    await shop.hears(ASKED["en"], f"I am {CANARY['en']}")
    await exported(shop)
    body = {"confirm": "cafe", "days": 0}
    status, state = await call(shop, "POST", "/v1/clients/cafe/erasure", body)
    assert (status, state["is_active"]) == (200, False)
    await services.scheduler.run_now("erase_clients")

    scanned = {
        name.partition(".")[2]: await owner.fetchval(
            f"SELECT count(*) FROM {name} WHERE {column} = $1", client_id
        )
        for name, column in (await tables(owner)).items()
    }
    assert {name for name, count in scanned.items() if count} == NOTHING_OF_A_CLIENT - {
        "audit_seals"
    }
    assert await owner.fetchval(
        "SELECT count(*) FROM client_keys WHERE client_id = $1 AND wrapped IS NOT NULL", client_id
    ) == 0  # fmt: skip
    with pytest.raises(Erased):
        await services.keyring.of(client_id)
    assert await canaries(shop, owner, str(client_id)) == ["public.audit_log"] * scanned["audit_log"] + [
        "public.client_keys"
    ] * scanned["client_keys"]  # fmt: skip
    receipt = await owner.fetchrow(
        "SELECT * FROM audit_log WHERE client_id = $1 ORDER BY id DESC LIMIT 1", client_id
    )
    assert (receipt["action"], receipt["actor"]) == ("client.erased", "system")
    assert json.loads(receipt["details"])["messages"] == 3

    await shop.product.drain()
    answer = await services.answers.ask(other.ref.id, "What do you sell?")
    assert "tea" in answer.text
    async with shop.product.api.get("/c/cafe") as page:
        assert page.status == 404


async def test_a_client_that_is_to_be_erased_can_be_kept(shop: Shop) -> None:
    body = {"confirm": "cafe", "days": 1}
    assert (await call(shop, "POST", "/v1/clients/cafe/erasure", body | {"confirm": "other"}))[
        0
    ] == 422
    status, state = await call(shop, "POST", "/v1/clients/cafe/erasure", body)
    assert (status, state["is_active"]) == (200, False)
    assert state["erase_at"]
    await shop.product.services.scheduler.run_now("erase_clients")
    await exported(shop)  # Who leaves takes everything along.
    status, state = await call(shop, "POST", "/v1/clients/cafe/keep", {})
    assert (state["is_active"], state["erase_at"]) == (True, None)
    await asyncio.sleep(1.1)
    await shop.hears(ASKED["en"])
    assert "18 SAR" in shop.replies()[-1]


async def test_the_application_cant_erase_a_client_before_its_time(shop: Shop) -> None:
    client_id = shop.business.ref.id
    async with shop.product.services.db.tenant(client_id) as tx:
        assert await tx.value("SELECT app.erase_client()") is False
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with shop.product.services.db.tenant(client_id) as tx:
            await tx.run("DELETE FROM clients WHERE id = $1", client_id)


def test_what_is_not_exported_is_named_with_its_reason() -> None:
    assert all(portable.OMITTED.values())
    assert all(portable.OMITTED_COLUMNS.values())

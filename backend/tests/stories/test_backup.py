"""What was backed up comes back; but for a client that was erased since: its words are noise in every old copy."""

from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import pytest

from app.bootstrap import bootstrap, owner_url
from app.core.errors import Erased, Misconfigured, Unreadable
from app.core.sealing import Cipher, place
from app.embedded import dumps
from app.embedded.postgres import EmbeddedPostgres
from app.migration import make_roles
from app.models.client import Client, ClientSettings
from app.models.conversation import Conversation
from app.models.message import Message
from app.models.sealed import SEALED, row_of
from app.services.orchestrator import clients
from tests.fixtures.product import migrate_async, migrate_now, settings_for
from tests.fixtures.shop import ASKED, Shop

OTHERS = "الباقي يبقى: 7741"
GONE = "erased words 7742"


@pytest.mark.timeout(180)
async def test_an_erased_client_is_unreadable_in_an_old_backup_and_the_others_are_as_they_were(
    shop: Shop, postgres18: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    """Check 75."""
    leaving = await shop.product.business("leaving", documents={"gone.md": f"# Menu\n\n{GONE}\n"})
    await shop.hears(ASKED["en"], OTHERS)
    url, old, new = owner_url(shop.product.services.settings), tmp_path / "old", tmp_path / "new"
    before = await _checksums(url)
    dumps.back_up(url, old)
    for path in (old, dumps.keys_file(old)):
        assert path.stat().st_mode & 0o077 == 0
    keyring = shop.product.services.keyring
    gone = await keyring.of(leaving.ref.id)
    await keyring.destroy(leaving.ref.id)  # What erasing a client does first.
    dumps.back_up(url, new)

    restored = fresh_database(postgres18)
    settings = settings_for(restored, tmp_path)
    await make_roles(restored, settings.app_database_password.get_secret_value())
    dumps.restore(restored, old, dumps.keys_file(new))
    assert await _checksums(restored) == before
    await migrate_async(restored, settings.app_database_password.get_secret_value())
    services = bootstrap(settings)
    try:
        async with services.db.tenant(shop.business.ref.id) as tx:
            [conversation] = await Conversation.inbox(tx)
            said = [message.text for message in await Message.page(tx, conversation.id)]
            assert {ASKED["en"], OTHERS} <= set(said)
        with pytest.raises(Erased):
            async with services.db.tenant(leaving.ref.id):
                pass
        async with services.db.directory() as directory:
            left = {client.id for client in await Client.every(directory)} - {leaving.ref.id}
        await _opens_by(gone, [await services.keyring.of(one) for one in left], restored)
    finally:
        await services.close()
    with pytest.raises(Misconfigured, match="empty"):
        await make_roles(restored, None)


async def test_a_backup_of_the_oldest_postgresql_comes_back_there(
    postgres15: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    url, restored = fresh_database(postgres15, migrate_now), fresh_database(postgres15)
    services = bootstrap(settings_for(url, tmp_path))
    settings = ClientSettings(language="ar")
    made = await clients.create(
        services.db, services.channels, name="Café", slug="cafe", settings=settings,
        owner=("owner@cafe.example", "Owner", "none"), actor="test",
    )  # fmt: skip
    await services.close()
    before, path = await _checksums(url), tmp_path / "backup"
    dumps.back_up(url, path)
    await make_roles(restored, "password-of-the-tests")
    dumps.restore(restored, path, dumps.keys_file(path))
    assert await _checksums(restored) == before
    services = bootstrap(settings_for(restored, tmp_path))
    async with services.db.tenant(made.id) as tx:
        assert await tx.value("SELECT email FROM staff WHERE client_id = $1", made.id)
    await services.close()


async def _checksums(url: str) -> dict[str, str]:
    """Each table's rows, in one figure; without the keys, which have a file of their own."""
    owner = await asyncpg.connect(url.replace("+asyncpg", ""))
    tables = await owner.fetch(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
        "WHERE schemaname IN ('public', 'vault', 'parts') AND tablename NOT IN ('client_keys', 'tenant_keys')"
    )
    sums = {
        row["name"]: await owner.fetchval(
            f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {row['name']} t"
        )
        for row in tables
    }
    await owner.close()
    return sums


async def _opens_by(gone: Cipher, left: Sequence[Cipher], url: str) -> None:
    """Each sealed value of a client is there, whole: the key that is gone would open it, and none that is left does."""
    owner = await asyncpg.connect(url.replace("+asyncpg", ""))
    found: set[str] = set()
    for column in SEALED:
        names = ", ".join((*column.key, column.column))
        for row in await owner.fetch(
            f"SELECT {names} FROM {column.table} WHERE {column.client} = $1 AND {column.column} IS NOT NULL",
            gone.client_id,
        ):
            *key, value = row
            where, bound = place(column.table, column.column), row_of(key)
            gone.open(value, where, bound)
            for cipher in left:
                with pytest.raises(Unreadable):
                    cipher.open(value, where, bound)
            found.add(column.table)
    assert left
    assert found >= {"clients", "channel_configs", "knowledge_documents", "knowledge_chunks"}
    wrapped = "SELECT bool_and(wrapped IS NULL) FROM client_keys WHERE client_id = $1"
    assert await owner.fetchval(wrapped, gone.client_id)
    tables = await owner.fetch(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('public', 'vault', 'parts')"
    )
    for table in tables:
        rows = await owner.fetch(f"SELECT t::text AS row FROM {table['name']} t")
        shapes = (GONE, GONE.encode().hex())
        assert not [row for row in rows if any(shape in row["row"] for shape in shapes)], table
    await owner.close()


async def test_a_backup_without_its_keys_tells_nothing(shop: Shop, tmp_path: Path) -> None:
    await shop.hears(OTHERS)
    data = tmp_path / "backup"
    keys = dumps.back_up(owner_url(shop.product.services.settings), data)
    owner = await asyncpg.connect(owner_url(shop.product.services.settings).replace("+asyncpg", ""))
    wrapped = await owner.fetchval("SELECT wrapped FROM client_keys LIMIT 1")
    await owner.close()
    listing = dumps.listing(data), dumps.listing(keys)
    assert "TABLE DATA public client_keys" not in listing[0]
    assert "TABLE DATA public client_keys" in listing[1]
    assert "TABLE DATA public messages" not in listing[1]
    assert wrapped

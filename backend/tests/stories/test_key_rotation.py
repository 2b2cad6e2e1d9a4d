"""Keys are made anew while people write: nothing becomes unreadable, and nothing stays under the old key."""

import asyncio
import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from app.bootstrap import owner_url
from app.core.errors import Erased, Unavailable, Unreadable
from app.core.multi_tenant import Database, cipher_of, client_of
from app.core.sealing import place
from app.core.security import Role, Scope
from app.models.access_grant import AccessGrant
from app.models.client import Client, ClientSettings
from app.models.client_version import ClientDraft
from app.models.consent import Consent
from app.models.identity_provider import IdentityProvider, Provider
from app.models.message import Author, Message, NewMessage
from app.models.sealing_anew import rows_left
from app.services.identity import api_keys, applications, sessions
from app.services.keyring import Keyring
from app.services.keys.base import Context, Wrapped
from app.services.keys.file import Config, FileKeys
from app.services.orchestrator import resealing
from tests.fixtures.keys import MASTER
from tests.fixtures.knowledge import connect, migrate_knowledge
from tests.fixtures.product import SECRET
from tests.fixtures.shop import ASKED, NUMBER, OMAR, Shop
from tests.fixtures.wired import Theatre, until

MANY = 6000
HERE = place("messages", "said")
OF_ALL_KINDS = {
    "messages.said", "contacts.name", "contact_addresses.value", "channel_configs.sealed", "channel_configs.name",
    "consents.wording", "access_grants.reason", "access_grants.staff_name", "client_versions.configuration",
    "client_drafts.configuration", "api_keys.name", "clients.suspended_for", "clients.settings",
    "oauth_applications.name", "identity_providers.sealed", "identity_providers.settings",
    "staff_sessions.device", "knowledge_documents.named", "knowledge_chunks.passage",
}  # fmt: skip


async def test_a_new_key_takes_over_while_people_write(shop: Shop) -> None:
    await shop.hears(ASKED["en"])
    services, client = shop.product.services, shop.business.ref.id
    await _words_of_all_kinds(shop)
    assert await _sealed_under(shop, 1) >= OF_ALL_KINDS
    assert await resealing.rotate(services.db, services.keyring, client, actor="test", lead=0) == 2
    await shop.gets(shop.meta.says(NUMBER, OMAR, ASKED["en"]))  # The new key seals this.
    async with services.db.tenant(client) as tx:
        assert cipher_of(tx).version == 2
        assert await rows_left(tx) > 0
    await shop.product.drain()
    async with services.db.tenant(client) as tx:
        assert await rows_left(tx) == 0
    assert await _sealed_under(shop, 1) == set()
    assert await _sealed_under(shop, 2) >= OF_ALL_KINDS
    assert len(shop.replies(OMAR)) == 1
    assert (await shop.messages())[0]["text"] == ASKED["en"]
    [found, *_] = await shop.get("/v1/search?q=How+much+is+a+flat+white%3F")
    assert "18 SAR" in found["text"]


async def _words_of_all_kinds(shop: Shop) -> None:
    """What people write beside conversations."""
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        contact = await tx.value("SELECT id FROM contacts LIMIT 1")
        owner = await tx.value("SELECT id FROM staff LIMIT 1")
        await Consent.note(tx, contact, granted=True, source="staff", wording="By phone.")
        await AccessGrant.ask(tx, owner, "Noor", "They asked for help.", 1)
        await ClientDraft.save(tx, 1, "Cafe", ClientSettings(), author="test")
        wish = api_keys.Wish("For the till", ())
        await api_keys.create(tx, wish, staff_id=owner, role=Role.OWNER, actor="test")
        ledger = applications.Wish("Ledger", (Scope.KNOWLEDGE_READ,))
        await applications.create(tx, ledger, actor="test")
        await sessions.begin(tx, owner, device="Firefox, Linux")
        provider = Provider(
            issuer="https://x.example", application="a", secret="s", domains=["x.example"]
        )
        await IdentityProvider.keep(tx, provider)
        await Client.suspend(tx, "The invoice is open.")
        await tx.run("UPDATE clients SET is_active = true WHERE id = $1", client_of(tx))


async def _sealed_under(shop: Shop, version: int) -> set[str]:
    """Where a value lies that a client's key of this version sealed, in any column of bytes that there is."""
    owner = await asyncpg.connect(owner_url(shop.product.services.settings).replace("+asyncpg", ""))
    columns = await owner.fetch(
        "SELECT format('%I', table_name) AS name, format('%I', column_name) AS col FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'bytea'"
    )
    head = b"\x02" + version.to_bytes(4, "big")
    found = {
        f"{one['name']}.{one['col']}"
        for one in columns
        if await owner.fetchval(
            f"SELECT EXISTS (SELECT FROM {one['name']} WHERE substr({one['col']}, 1, 5) = $1)", head
        )
    }
    await owner.close()
    return found


@pytest.mark.timeout(180)
async def test_a_rotation_whose_worker_is_killed_goes_on(theatre: Theatre) -> None:
    await theatre.ask()
    services, client = theatre.product.services, theatre.business.ref.id
    async with services.db.tenant(client) as tx:
        conversation = await tx.value("SELECT id FROM conversations WHERE client_id = $1", client)
        for number in range(MANY):
            said = NewMessage(conversation, Author.AGENT, f"{number}")
            await Message.add(tx, said, 1000 + number)
    await resealing.rotate(services.db, services.keyring, client, actor="test", lead=0)
    all_of_them, worker = await _left(theatre), await theatre.hire()

    async def some_are_done() -> bool:
        return await _left(theatre) < all_of_them

    await until(some_are_done)
    worker.kill()
    assert 0 < await _left(theatre) < all_of_them
    await theatre.hire()

    async def all_are_done() -> bool:
        return await _left(theatre) == 0

    await until(all_are_done, 90)
    async with services.db.tenant(client) as tx:
        rows = await tx.all("SELECT * FROM messages WHERE author = 'agent' ORDER BY seq")
        assert [Message.opened(tx, row).text for row in rows] == [f"{n}" for n in range(MANY)]


async def _left(theatre: Theatre) -> int:
    async with theatre.product.services.db.tenant(theatre.business.ref.id) as tx:
        return await rows_left(tx)


async def test_a_key_that_waits_for_its_time_is_known_before_it_seals(shop: Shop) -> None:
    services, client = shop.product.services, shop.business.ref.id
    await services.keyring.rotate(client)
    before = await services.keyring.of(client)
    assert before.version == 1
    async with services.db.tenant(client) as tx:
        await tx.run("UPDATE client_keys SET seals_from = now()")
    services.keyring.forget(client)
    after = await services.keyring.of(client)
    assert after.version == 2
    assert before.open(after.seal(b"words", HERE, b"1"), HERE, b"1") == b"words"


async def test_a_new_wrapping_key_retires_the_old_one(shop: Shop, tmp_path: Path) -> None:
    services, client = shop.product.services, shop.business.ref.id
    await shop.hears("Hello")
    service = FileKeys(Config(master_key=SecretStr(SECRET), path=tmp_path / "master.keys"), None)  # type: ignore[arg-type]  # It needs no tools.
    keyring, old = Keyring(_plain(shop), service), await service.current()
    now = await service.renew()
    assert now != old
    assert (await keyring.rewrap(client), await keyring.rewrap(client)) == (1, 0)
    assert [key.under for key in await keyring.versions(client)] == [now]
    # Who starts with the file knows the key; who has only the retired one, as in an old backup, doesn't.
    async with services.db.sealed_with(keyring).tenant(client) as tx:
        row = await tx.one("SELECT * FROM messages WHERE author = 'contact'")
        assert row
        assert Message.opened(tx, row).text == "Hello"
    late = FileKeys(Config(master_key=SecretStr(SECRET), path=tmp_path / "none"), None)  # type: ignore[arg-type]
    with pytest.raises(Unreadable):
        await Keyring(_plain(shop), late).of(client)


async def test_rewrapping_that_was_killed_goes_on(
    postgres18, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    """Of many clients, some under the new key and some under the old: all are read, and the next run does the rest."""
    config = Config(master_key=SecretStr(MASTER), path=tmp_path / "master.keys")
    url = fresh_database(postgres18, migrate_knowledge)
    db, service = connect(url).sealed_with(None), FileKeys(config, None)  # type: ignore[arg-type]  # It needs no tools.
    keyring, clients = Keyring(db, service), [UUID(int=n) for n in range(1, 21)]
    notes = {client: (await keyring.of(client)).seal(b"words", HERE, b"1") for client in clients}
    await keyring.rotate(clients[-1], lead=0)
    now = await service.renew()

    async def under() -> list[str]:
        return [key.under for client in clients for key in await keyring.versions(client)]

    async def all_open() -> None:
        anew = Keyring(db, FileKeys(config, None))  # type: ignore[arg-type]
        for client, note in notes.items():
            assert (await anew.of(client)).open(note, HERE, b"1") == b"words"

    dying = get_context("spawn").Process(
        target=_rewrap_and_die, args=(url, config.path, clients, 7)
    )
    dying.start()
    await asyncio.to_thread(dying.join, 120)
    assert dying.exitcode == -signal.SIGKILL
    assert [one == now for one in await under()] == [True] * 7 + [False] * 14
    await all_open()
    assert [await keyring.rewrap(client) for client in clients] == [0] * 7 + [1] * 12 + [2]
    assert set(await under()) == {now}
    await all_open()
    assert sum([await keyring.rewrap(client) for client in clients]) == 0
    await db.close()


class Deadly(FileKeys):
    """A key service whose process is killed when so many keys were wrapped."""

    wraps = 0

    async def wrap(self, key: bytes, context: Context) -> Wrapped:
        if self.wraps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.wraps -= 1
        return await super().wrap(key, context)


def _rewrap_and_die(url: str, path: Path, clients: list[UUID], wraps: int) -> None:
    """In a process of its own."""
    service = Deadly(Config(master_key=SecretStr(MASTER), path=path), None)  # type: ignore[arg-type]
    service.wraps = wraps

    async def rewrap() -> None:
        keyring = Keyring(connect(url).sealed_with(None), service)
        for client in clients:
            await keyring.rewrap(client)

    asyncio.run(rewrap())


async def test_a_destroyed_key_is_gone_for_every_process_and_does_not_come_back(shop: Shop) -> None:
    services, client = shop.product.services, shop.business.ref.id
    await shop.hears("Hello")
    another = Keyring(_plain(shop), FileKeys(_config(), None))  # type: ignore[arg-type]
    await another.of(client)
    async with services.db.tenant(client) as tx:
        row = await tx.one("SELECT * FROM messages WHERE author = 'contact'")
    await services.keyring.destroy(client)
    another._held[client].fresh_until = 0.0  # Fifteen seconds later.
    for keyring in (services.keyring, another):
        for _ in range(2):
            with pytest.raises(Erased):
                await keyring.of(client)
    assert row is not None


def _plain(shop: Shop) -> Database:
    return shop.product.services.db.sealed_with(None)


def _config() -> Config:
    return Config(master_key=SecretStr(SECRET), path=Path("/nowhere/keys"))


class Outage(FileKeys):
    """A key service that can be cut off."""

    away = False

    async def wrap(self, key: bytes, context: Context) -> Wrapped:
        return await super().wrap(key, self._there(context))

    async def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        return await super().unwrap(wrapped, self._there(context))

    def _there(self, context: Context) -> Context:
        if self.away:
            raise Unavailable
        return context


async def test_an_outage_of_the_key_service_stops_only_whose_key_is_not_here(
    postgres18, fresh_database: Callable[..., str]
) -> None:
    service = Outage(Config(master_key=SecretStr(MASTER), path=Path("/nowhere/keys")), None)  # type: ignore[arg-type]
    db = connect(fresh_database(postgres18, migrate_knowledge)).sealed_with(None)
    keyring = Keyring(db, service)
    known, unknown = UUID(int=1), UUID(int=2)
    cipher = await keyring.of(known)
    service.away = True
    held = keyring._held[known]
    held.fresh_until, held.unwrapped_at = 0.0, held.unwrapped_at - 4000.0  # An hour has passed.
    assert (await keyring.of(known)).open(cipher.seal(b"x", HERE, b""), HERE, b"") == b"x"
    with pytest.raises(Unavailable):
        await keyring.of(unknown)
    held.fresh_until, held.unwrapped_at = 0.0, held.unwrapped_at - 90_000.0  # A day has.
    with pytest.raises(Unavailable):
        await keyring.of(known)
    service.away = False
    assert (await keyring.of(known)).version == 1
    await db.close()

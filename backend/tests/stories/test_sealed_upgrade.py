"""A database in which everything stood in clear is sealed when it is brought to the present revision."""

import hashlib
import os
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.errors import Erased
from app.core.multi_tenant import cipher_of
from app.core.sealing import Cipher, Secret, join, place
from app.embedded.postgres import EmbeddedPostgres
from app.migration import _config, _make_roles, migrate
from app.models.access_grant import AccessGrant
from app.models.api_key import ApiKey
from app.models.channel_config import ChannelConfig
from app.models.client import Client
from app.models.client_version import ClientDraft, ClientVersion
from app.models.consent import Consent
from app.models.contact import Contact, ContactAddress
from app.models.conversation import Conversation
from app.models.conversation_event import ConversationEvent
from app.models.identity_provider import IdentityProvider, StaffIdentity
from app.models.inbound_event import InboundEvent
from app.models.job import Job
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource, Upload
from app.models.knowledge_search import Sought, search
from app.models.message import Message
from app.models.oauth import OAuthApplication
from app.models.staff_factor import StaffFactor
from app.models.staff_session import StaffSession
from app.models.usage import AnswerTrace
from tests.fixtures.keys import KEYS, MASTER
from tests.fixtures.knowledge import PASSWORD, SIGNER, connect

CANARY = "قهوة canary-5551"
CREDENTIALS = f'{{"access_token": "{CANARY}"}}'.encode()
SECRET = bytes(range(20))
BEFORE = "0010"
BEFORE_WORDS = "0023"


async def test_what_stood_in_clear_is_sealed_and_reads_as_before(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str]
) -> None:
    url = fresh_database(postgres18)
    await _old_database(url, BEFORE)
    ids = await _fill(url)
    await migrate(url, SIGNER, PASSWORD, KEYS, MASTER)
    assert await _in_clear(url) == []
    db = connect(url)
    async with db.tenant(ids["client"]) as tx:
        [account] = await ChannelConfig.of_kind(tx, "whatsapp")
        assert account.fields == {"access_token": CANARY}
        factor = await StaffFactor.of_staff(tx, ids["staff"])
        assert factor
        assert factor.secret(tx) == SECRET
        found = await Contact.resolve(tx, ids["account"], [("phone", CANARY)], None)
        assert found == ids["contact"]
        [address] = await ContactAddress.of_contact(tx, ids["account"], ids["contact"])
        assert (address.kind, address.value) == ("phone", CANARY)
        message = await Message.by_platform_id(tx, f"wamid.{CANARY}")
        assert message is not None
        assert (message.text, message.content["a"], message.citations) == (CANARY, CANARY, [])
        assert (message.delivery_error, message.feedback) == (CANARY, CANARY)
        [waiting] = await Conversation.inbox(tx)
        assert (waiting.contact_name, waiting.last_text) == (CANARY, CANARY)
        created, other = await ConversationEvent.after(tx, ids["conversation"], 0)
        assert (created.message and created.message.text, created.data) == (
            CANARY,
            {"agent_name": CANARY},
        )
        assert (other.message, other.data) == (None, {"emoji": CANARY})
        assert await InboundEvent.admit(tx, ids["account"], [f"key {CANARY}"]) == set()
        [kept] = await InboundEvent.unprocessed(tx)
        assert (kept.event_key, kept.raw) == (f"key {CANARY}", {"raw": CANARY})
        assert await AnswerTrace.of_message(tx, ids["message"]) == {"question": CANARY}
        assert [job.error for job in await Job.of_lane(tx, ids["conversation"])] == [CANARY]
        document = await KnowledgeDocument.get(tx, ids["document"], original=True)
        assert (document.title, document.url) == (CANARY, f"https://{CANARY}")
        assert (document.original, document.content) == (CANARY.encode(), CANARY)
        assert (document.error, document.doubtful_pages) == (CANARY, [2])
        assert document.indexed == f"{document.digest} words/0"
        assert await KnowledgeSource.named(tx, CANARY) == ids["source"]
        again = Upload(ids["source"], CANARY, "text/plain", b"", "abc")
        assert await KnowledgeDocument.put(tx, again) is None
        sought = Sought("en", ["canary"], [0.0, 1.0], [0.0, 0.0], "words/0")
        [found] = await search(tx, sought, 1)
        assert (found.title, found.text, found.sentences) == (CANARY, CANARY, (CANARY,))
        assert found.lexical > 0
    await db.close()


async def test_what_was_written_beside_conversations_is_sealed_with_the_clients_newest_key(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str]
) -> None:
    """A client whose key was made anew before, and one that is being erased: its key is gone, and so are its words."""
    url = fresh_database(postgres18)
    await _old_database(url, BEFORE_WORDS)
    client, erased = uuid4(), uuid4()
    id_ = await _words(url, client, "old", keys=2)
    await _words(url, erased, "gone", keys=0)
    await migrate(url, SIGNER, PASSWORD, KEYS, MASTER)
    assert await _in_clear(url) == []
    db = connect(url)
    async with db.tenant(client) as tx:
        now, draft = await Client.mine(tx), await ClientDraft.find(tx)
        assert (now.suspended_for, now.is_active) == (CANARY, True)
        assert (now.assistant.fallback, now.retention) == (CANARY, {"messages": 90})
        assert draft
        assert (draft.name, draft.assistant.fallback) == (CANARY, CANARY)
        [published] = await ClientVersion.latest(tx)
        assert (published.name, published.assistant.fallback, published.note) == (CANARY,) * 3
        assert [one.wording for one in await Consent.of_contact(tx, id_)] == [CANARY]
        [wish] = await AccessGrant.every(tx)
        assert (wish.staff_name, wish.reason) == (CANARY, CANARY)
        assert [one.name for one in await OAuthApplication.all(tx)] == [CANARY]
        assert [one.device for one in await StaffSession.of_staff(tx, id_)] == [CANARY]
        assert [one.name for one in await ApiKey.all(tx)] == [CANARY]
        heads = await tx.all("SELECT substr(name, 1, 5) AS head FROM api_keys")
        assert [row["head"] for row in heads] == [cipher_of(tx).head] == [b"\x02\0\0\0\x02"]
        provider = await IdentityProvider.mine(tx)
        assert provider
        assert (provider.issuer, provider.application, provider.secret) == (CANARY,) * 3
        assert (provider.role_claim, provider.roles) == (CANARY, {CANARY: "owner"})
        assert await StaffIdentity.find(tx, CANARY, CANARY) == id_
        assert await StaffIdentity.find(tx, CANARY, "another") is None
    async with db.directory() as directory:
        [grant] = await AccessGrant.of_platform_staff(directory, id_)
    assert grant.reason(await db.cipher(client)) == CANARY
    with pytest.raises(Erased):
        await db.cipher(erased)
    await db.close()


async def _words(url: str, client: UUID, slug: str, *, keys: int) -> UUID:
    """A client with so many keys, or one that was destroyed, and everything of it that is written in words."""
    owner, id_ = await asyncpg.connect(url.replace("+asyncpg", "")), uuid4()
    await owner.execute(
        _WORDS.format(canary=CANARY, client=f"'{client}'", id=f"'{id_}'", slug=slug)
    )
    secrets = {version: Secret.new() for version in range(1, keys + 1)}
    for version, secret in secrets.items():
        wrapped = await KEYS.wrap(secret.raw, {"client": str(client), "version": str(version)})
        await owner.execute(_KEY, client, version, wrapped.blob, wrapped.under)
    if secrets:  # Sealed by the first, and not anew yet.
        kept = Cipher(client, secrets, 1).seal(
            f'"{CANARY}"'.encode(), place("identity_providers", "sealed"), join(CANARY)
        )
        await owner.execute("UPDATE identity_providers SET sealed = $1", kept)
    if not keys:
        await owner.execute(_KEY, client, 1, None, "")
    await owner.close()
    return id_


async def _old_database(url: str, revision: str) -> None:
    def upgrade(connection: Connection) -> None:
        _make_roles(connection, connection.engine.url.database or "", PASSWORD)
        command.upgrade(_config(connection), revision)

    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def _fill(url: str) -> dict[str, UUID]:
    names = (
        "client",
        "staff",
        "account",
        "contact",
        "conversation",
        "message",
        "medium",
        "job",
        "source",
        "document",
        "chunk",
    )
    ids = {name: uuid4() for name in names}
    owner = await asyncpg.connect(url.replace("+asyncpg", ""))
    values: dict[str, Any] = {name: f"'{id_}'" for name, id_ in ids.items()}
    await owner.execute(_ROWS.format(canary=CANARY, **values))
    await owner.execute(
        "UPDATE channel_configs SET sealed = $1",
        _sealed_as_before(ids["client"], "channel_configs", ids["account"], CREDENTIALS),
    )
    await owner.execute(
        "UPDATE staff_factors SET sealed = $1",
        _sealed_as_before(ids["client"], "staff_factors", ids["staff"], SECRET),
    )
    await owner.close()
    return ids


def _sealed_as_before(client_id: UUID, table: str, row: UUID, plain: bytes) -> bytes:
    """A secret under a key that was derived from the master key, as they were once."""
    head = b"\x01" + hashlib.sha256(b"wafaa/key-id\0" + MASTER.encode()).digest()[:4]
    purpose = b"wafaa/seal/" + client_id.bytes
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(MASTER.encode())
    bound = join(head, client_id.bytes, table, "sealed", str(row))
    nonce = os.urandom(12)
    return head + nonce + AESGCM(key).encrypt(nonce, plain, bound)


async def _in_clear(url: str) -> list[str]:
    """Tables that hold the canary, and files of the database in which it still lies."""
    owner = await asyncpg.connect(url.replace("+asyncpg", ""))
    tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = []
    for table in (row["tablename"] for row in tables):
        rows = await owner.fetch(f"SELECT t::text AS row FROM {table} t")
        hexed = CANARY.encode().hex()
        found += [table for row in rows if "canary" in row["row"] or hexed in row["row"]]
    await owner.execute("CHECKPOINT")
    files = await owner.fetch(_FILES, CANARY.encode())
    found += [row["relname"] for row in files]
    await owner.close()
    return found


_FILES = """
SELECT relname FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 't', 'i')
AND position($1 IN pg_read_binary_file(pg_relation_filepath(oid))) > 0
"""
_KEY = "INSERT INTO client_keys (client_id, version, wrapped, under) VALUES ($1, $2, $3, $4)"
_WORDS = """
INSERT INTO clients (id, name, slug, settings, suspended_for)
VALUES ({client}, 'Old', '{slug}', '{{"fallback": "{canary}", "retention": {{"messages": 90}}}}', '{canary}');
INSERT INTO client_versions (client_id, version, name, settings, author, note)
VALUES ({client}, 1, '{canary}', '{{"fallback": "{canary}"}}', 'cli', '{canary}');
INSERT INTO client_drafts (client_id, base, name, settings, author)
VALUES ({client}, 1, '{canary}', '{{"fallback": "{canary}"}}', 'cli');
INSERT INTO contacts (client_id, id) VALUES ({client}, {id});
INSERT INTO identity_providers (client_id, issuer, application, sealed, domains, role_claim, roles)
VALUES ({client}, '{canary}', '{canary}', '', '{{x.example}}', '{canary}', '{{"{canary}": "owner"}}');
INSERT INTO consents (client_id, id, contact_id, purpose, granted, source, wording)
VALUES ({client}, {id}, {id}, 'messages', true, 'staff', '{canary}');
INSERT INTO staff (client_id, id, email, name, role, password_hash)
VALUES ({client}, {id}, '{slug}@b.example', 'A', 'owner', '');
INSERT INTO staff_identities (client_id, issuer, subject, staff_id) VALUES ({client}, '{canary}', '{canary}', {id});
INSERT INTO access_grants (client_id, id, staff_id, staff_name, reason, hours, state)
VALUES ({client}, {id}, {id}, '{canary}', '{canary}', 1, 'asked');
INSERT INTO api_keys (client_id, id, staff_id, name, mode, scopes, secret_hash)
VALUES ({client}, {id}, {id}, '{canary}', 'live', '{{}}', '');
INSERT INTO channel_configs (client_id, id, kind, name, external_id, sealed)
VALUES ({client}, {id}, 'web', '{canary}', '1', '');
INSERT INTO oauth_applications (client_id, id, name, redirect_uris, scopes, algorithm)
VALUES ({client}, {id}, '{canary}', '{{}}', '{{}}', 'EdDSA');
INSERT INTO staff_sessions (client_id, id, staff_id, secret_hash, stage, device, seen_at, ends_at)
VALUES ({client}, {id}, {id}, '', 'full', '{canary}', now(), now() + interval '1 day');
"""
_ROWS = """
INSERT INTO clients (id, name, slug) VALUES ({client}, 'Old', 'old');
INSERT INTO channel_configs (client_id, id, kind, name, external_id, sealed)
VALUES ({client}, {account}, 'whatsapp', 'WhatsApp', '1', '');
INSERT INTO staff (client_id, id, email, name, role, password_hash)
VALUES ({client}, {staff}, 'a@b.example', 'A', 'owner', '');
INSERT INTO staff_factors (client_id, staff_id, sealed) VALUES ({client}, {staff}, '');
INSERT INTO contacts (client_id, id, display_name) VALUES ({client}, {contact}, '{canary}');
INSERT INTO contact_addresses (client_id, account_id, kind, value, contact_id)
VALUES ({client}, {account}, 'phone', '{canary}', {contact});
INSERT INTO conversations (client_id, id, contact_id, account_id, last_seq)
VALUES ({client}, {conversation}, {contact}, {account}, 2);
INSERT INTO messages (client_id, id, conversation_id, seq, author, text, content, platform_message_id, delivery_error,
  feedback)
VALUES ({client}, {message}, {conversation}, 1, 'contact', '{canary}', '{{"a": "{canary}"}}', 'wamid.{canary}',
  '{canary}', '{canary}');
INSERT INTO attachments (client_id, id, message_id, kind, filename)
VALUES ({client}, {medium}, {message}, 'image', '{canary}');
INSERT INTO conversation_events (client_id, conversation_id, seq, type, data) VALUES
  ({client}, {conversation}, 1, 'message.created', jsonb_build_object('agent_name', '{canary}', 'message',
    jsonb_build_object('id', {message}, 'text', '{canary}'))),
  ({client}, {conversation}, 2, 'reaction', '{{"emoji": "{canary}"}}');
INSERT INTO inbound_events (client_id, account_id, event_key, state, raw)
VALUES ({client}, {account}, 'key {canary}', 'unparsed', '{{"raw": "{canary}"}}');
INSERT INTO answer_traces (client_id, message_id, trace) VALUES ({client}, {message}, '{{"question": "{canary}"}}');
INSERT INTO jobs (client_id, id, lane_id, kind, payload, state, error, due_at)
VALUES ({client}, {job}, {conversation}, 'answer_message', '{{}}', 'parked', '{canary}', now());
INSERT INTO knowledge_sources (client_id, id, name) VALUES ({client}, {source}, '{canary}');
INSERT INTO knowledge_documents (client_id, id, source_id, title, filename, media_type, url, content, metadata,
  original, sha256, indexed, status, error)
VALUES ({client}, {document}, {source}, '{canary}', '{canary}', 'text/plain', 'https://{canary}', '{canary}',
  '{{"doubtful_pages": [2], "from": "{canary}"}}', convert_to('{canary}', 'UTF8'), 'abc', 'abc words/0', 'ready',
  '{canary}');
INSERT INTO knowledge_chunks (client_id, id, document_id, ordinal, language, length, title_path, question, text,
  sentences, model)
VALUES ({client}, {chunk}, {document}, 0, 'en', 1, '', '{canary}', '{canary}', ARRAY['{canary}'], 'words/0');
INSERT INTO knowledge_postings (client_id, language, term, document_id, ordinals, frequencies)
VALUES ({client}, 'en', 'canary', {document}, ARRAY[0], ARRAY[1]);
"""

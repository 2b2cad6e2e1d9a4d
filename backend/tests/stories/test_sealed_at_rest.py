"""Whatever anybody writes, no word of it rests in clear: neither in the database nor in Redis."""

import base64
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
from redis.asyncio import Redis

from app.bootstrap import owner_url
from app.models.access_grant import AccessGrant
from app.models.channel_config import ChannelConfig
from app.models.client import Client, ClientSettings
from app.models.identity_provider import IdentityProvider, Provider, StaffIdentity
from app.models.job import ERROR, Job
from app.models.message import Message
from app.models.staff import Staff
from app.services.identity import sessions
from app.services.orchestrator import accounts, clients, configuration
from simulators._meta_payloads import person
from tests.fixtures.product import Product
from tests.fixtures.shop import ASKED, NUMBER, Shop

PHONE = "966505559871"
WORDS = {
    name: f"canary-{name}-{uuid4().hex}"
    for name in (
        "name", "question", "taught", "title", "caption", "filename", "edited", "taken-back", "agent", "feedback",
        "error", "unrouted", "token", "web", "reaction", "consent", "draft", "note", "access", "suspended", "key",
        "account", "fallback", "handover", "told", "greeting", "starter", "assistant", "tone", "application", "device",
        "platform", "issuer", "there", "secret", "claim", "role", "subject",
    )
}  # fmt: skip


async def test_nothing_that_was_written_rests_in_clear(shop: Shop) -> None:
    wamids = await _a_full_journey(shop)
    canaries = {*WORDS.values(), PHONE, person(PHONE).user_id, *wamids}
    seen = [row async for row in _database(shop.product)]
    seen += [row async for row in _redis(shop.product)]
    assert {where.split(".")[0] for where, _ in seen} >= {
        "messages", "conversation_events", "contacts", "contact_addresses", "attachments", "inbound_events", "jobs",
        "answer_traces", "channel_configs", "knowledge_documents", "knowledge_chunks", "knowledge_postings", "consents",
        "client_versions", "client_drafts", "access_grants", "api_keys", "audit_log", "clients", "oauth_applications",
        "staff_sessions", "identity_providers", "staff_identities",
        "redis answer",
    }  # fmt: skip
    found = [
        (where, canary)
        for where, row in seen
        for canary in canaries
        if any(shape in row for shape in _shapes(canary))
    ]
    assert found == []


async def test_the_look_finds_what_does_rest_in_clear(shop: Shop) -> None:
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        await tx.run("UPDATE clients SET name = $1", WORDS["web"])
        await tx.run("UPDATE channel_configs SET sealed = $1", WORDS["token"].encode())
    await shop.product.services.cache.put("answer:x", WORDS["agent"].encode(), 60)
    seen = [row async for row in _database(shop.product)]
    seen += [row async for row in _redis(shop.product)]
    found = {w for _, row in seen for w in WORDS.values() if any(s in row for s in _shapes(w))}
    assert found == {WORDS["web"], WORDS["token"], WORDS["agent"]}


async def _a_full_journey(shop: Shop) -> list[str]:
    """Puts a word of its own into everything that takes words; gives what the platform called things."""
    await shop.product.teach(
        shop.business, f"{WORDS['title']}.md", f"# Menu\n\nA {WORDS['taught']} costs 18 SAR.\n"
    )
    await shop.product.drain()
    await shop.hears(
        f"How much is a {WORDS['taught']}? {WORDS['question']}", sender=PHONE, name=WORDS["name"]
    )
    await shop.hears(ASKED["en"], sender=PHONE)
    assert await shop.post("/v1/answers", {"question": ASKED["en"]}) == 200
    said = shop.meta.says(NUMBER, PHONE, f"One {WORDS['edited']}")
    await shop.gets(said)
    await shop.sent(
        "image", {"id": "1", "caption": WORDS["caption"], "mime_type": "image/png"}, PHONE
    )
    await shop.sent("document", {"id": "2", "filename": WORDS["filename"]}, PHONE)
    wamid = said["entry"][0]["changes"][0]["value"]["messages"][0]["id"]
    await shop.sent("reaction", {"message_id": wamid, "emoji": WORDS["reaction"]}, PHONE)
    conversation = (await shop.conversation())["id"]
    await shop.post(f"/v1/conversations/{conversation}/takeover")
    await shop.post(f"/v1/conversations/{conversation}/messages", {"text": WORDS["agent"]})
    await shop.product.drain()
    await _by_hand(shop, UUID(conversation))
    await _beside(shop)
    unrouted = shop.meta.says(NUMBER, PHONE, WORDS["unrouted"])
    unrouted["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "404404"
    body, headers = shop.meta.signed(unrouted)
    path = f"/webhook/whatsapp/{shop.business.ref.slug}"
    async with shop.product.api.post(path, data=body, headers=headers) as taken:
        assert taken.status == 200
    return [wamid, *(send.wamid for send in shop.sends(PHONE))]


async def _by_hand(shop: Shop, conversation: UUID) -> None:
    """What takes a long way to come about: a thumb with a reason, words taken back, a job that failed."""
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        messages = await Message.page(tx, conversation)
        theirs = [m for m in messages if m.author == "contact"]
        reply = next(m for m in messages if m.author == "assistant")
        await Message.rate(tx, conversation, reply.id, f"down: {WORDS['feedback']}")
        await Message.edit(tx, theirs[-1], WORDS["taken-back"])
        await Message.edit(tx, theirs[-1], None, deleted=True)
        job = await Job.add(tx, lane_id=uuid4(), queue="none", kind="none", payload={})
        error = ERROR.put(tx, WORDS["error"], job)
        await tx.run("UPDATE jobs SET state = 'parked', error = $2 WHERE id = $1", job, error)


async def _beside(shop: Shop) -> None:
    """What people write beside conversations: on a contact, a key, an account, a configuration, a grant, a client."""
    contact = await shop.value("SELECT id FROM contacts LIMIT 1")
    told = {"granted": True, "wording": WORDS["consent"]}
    assert await shop.post(f"/v1/contacts/{contact}/consents", told) == 201
    assert (
        await shop.post("/v1/keys", {"name": WORDS["key"], "rights": ["conversations:read"]}) == 201
    )
    application = {"name": WORDS["application"], "rights": ["knowledge:read"]}
    assert await shop.post("/v1/applications", application) == 201
    services = shop.product.services
    async with services.db.tenant(shop.business.ref.id) as tx:
        owner = await Staff.named(tx, None)
        assert owner
        await sessions.begin(tx, owner, device=WORDS["device"])
        await IdentityProvider.keep(tx, _provider())
        await StaffIdentity.link(tx, WORDS["issuer"], WORDS["subject"], owner)
        [account] = await ChannelConfig.of_kind(tx, "whatsapp")
        fields = dict(account.fields)
        await accounts.reconnect(
            tx, services.channels, account, WORDS["account"], fields, actor="test"
        )
        now, drafted = await Client.mine(tx), ClientSettings(fallback=WORDS["draft"])
        await configuration.publish(tx, now.name, _in_use(), actor="test", note=WORDS["note"])
        await configuration.save_draft(tx, WORDS["draft"], drafted, actor="test")
        await AccessGrant.ask(tx, uuid4(), WORDS["platform"], WORDS["access"], 1)
        await clients.suspend(tx, WORDS["suspended"], actor="test")


def _provider() -> Provider:
    """Where colleagues sign in, a word in every field that takes one, but for the domains it is found by."""
    return Provider(
        issuer=WORDS["issuer"],
        application=WORDS["there"],
        secret=WORDS["secret"],
        domains=["cafe.example"],
        role_claim=WORDS["claim"],
        roles={WORDS["role"]: "agent"},
    )


def _in_use() -> ClientSettings:
    """Settings in which every field that takes words has some of its own."""
    return ClientSettings(
        fallback=WORDS["fallback"],
        handover_words=[WORDS["handover"]],
        handover_email=f"{WORDS['told']}@cafe.example",
        greeting={"en": WORDS["greeting"]},
        starters={"en": [WORDS["starter"]]},
        assistant_name=WORDS["assistant"],
        tone=WORDS["tone"],
    )


async def _database(product: Product) -> AsyncIterator[tuple[str, str]]:
    """Every row of every table, as text, with its table's name."""
    owner = await asyncpg.connect(owner_url(product.services.settings).replace("+asyncpg", ""))
    tables = await owner.fetch(
        "SELECT schemaname || '.' || quote_ident(tablename) AS name FROM pg_tables "
        "WHERE schemaname IN ('public', 'vault')"
    )
    for name in (row["name"] for row in tables):
        for row in await owner.fetch(f"SELECT t::text AS row FROM {name} t"):
            yield name.removeprefix("public.") + ".", row["row"]
    await owner.close()


async def _redis(product: Product) -> AsyncIterator[tuple[str, str]]:
    """Every key with its value, bytes as hex beside what of them is text."""
    url = product.services.settings.redis_url
    assert url is not None
    async with Redis.from_url(url.get_secret_value()) as redis:
        async for key in redis.scan_iter():
            value = await redis.dump(key) or b""
            text = (key + b" " + value).decode("utf-8", "replace") + value.hex()
            yield f"redis {key.decode('utf-8', 'replace').split(':')[0]}.", text


def _shapes(canary: str) -> Iterator[str]:
    """A word as it could rest: plain, as JSON writes it, as hex, in base64."""
    raw = canary.encode()
    yield from (canary, orjson.dumps(canary).decode()[1:-1], raw.hex())
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + raw).decode()[4:-4]


@pytest.fixture
async def shop(opened) -> Shop:
    """A shop whose access token is a canary too."""
    shop: Shop = await opened()
    return shop

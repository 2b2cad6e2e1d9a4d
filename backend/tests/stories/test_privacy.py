"""What is older than a business wants is forgotten; what a contact said on hearing from us counts at once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.models.attachment import Attachment
from app.models.audit import AuditEntry
from app.models.conversation import Conversation
from app.models.message import Author, NewMessage
from app.models.usage import AnswerTrace
from app.services.orchestrator.events import say
from app.services.orchestrator.jobs import DeliverMessage
from app.services.queue.jobs import enqueue
from app.utils.ids import uuid7, uuid7_at
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop
from tests.stories.test_client_standing import call

STOPS = ["STOP", "UNSUBSCRIBE", "إلغاء", "إيقاف"]


async def age(shop: Shop, days: int) -> None:
    """Makes everything that was said as old as that, as the owner of the tables would see it."""
    db, client = shop.product.services.db, shop.business.ref.id
    then = datetime.now(UTC) - timedelta(days=days)
    async with db.tenant(client) as tx:
        for n, row in enumerate(
            await tx.all("SELECT id FROM messages WHERE client_id = $1 ORDER BY id", client)
        ):
            old = UUID(int=uuid7_at(then).int + n)
            await tx.run(
                "UPDATE messages SET id = $3, created_at = $4 WHERE client_id = $1 AND id = $2",
                client, row["id"], old, then,
            )  # fmt: skip
        await tx.run(
            "UPDATE conversations SET last_message_at = $2, status = 'resolved' WHERE client_id = $1",
            client, then,
        )  # fmt: skip
        await tx.run("UPDATE contacts SET created_at = $2 WHERE client_id = $1", client, then)


async def configure(shop: Shop, **settings: object) -> None:
    body = {"name": "Cafe", "settings": {"language": "en", **settings}}
    headers = shop.business.staff | {"If-Match": "*"}
    assert (await call(shop, "PUT", "/v1/clients/me", body, headers=headers))[0] == 200


async def test_what_is_older_than_a_business_wants_is_forgotten(shop: Shop) -> None:
    await shop.hears(ASKED["en"])
    await shop.hears("STOP", sender=OMAR)
    await age(shop, 40)
    await shop.hears("Is there tea?")
    await configure(shop, retention={"messages": 30})
    await shop.product.services.scheduler.run_now("forget_old")
    left = await shop.rows("SELECT author FROM messages ORDER BY seq")
    assert [row["author"] for row in left] == ["contact", "assistant"]
    assert await shop.value("SELECT count(*) FROM conversations") == 1
    kept = await shop.rows("SELECT opted_out FROM contacts")
    assert sorted(row["opted_out"] for row in kept) == [False, True]  # Who said stop stays known.
    assert await shop.value("SELECT count(*) FROM conversation_events WHERE seq < 1") == 0


RULED = {"traces": "answer_traces", "attachments": "attachments", "raw_events": "inbound_events"}


async def old_and_new(shop: Shop, client: UUID) -> None:
    """One of each kind, of today and of forty days ago; each hangs on a message that is as old."""
    account = uuid7()
    async with shop.product.services.db.tenant(client) as tx:
        for days in (0, 40):
            then = datetime.now(UTC) - timedelta(days=days, hours=1)
            message = uuid7_at(then)
            await tx.run(
                "INSERT INTO messages (client_id, id, conversation_id, seq, author, kind, said, occurred_at, "
                "created_at) SELECT client_id, $2, conversation_id, -$4::int, author, kind, said, $3, $3 FROM messages "
                "WHERE client_id = $1 AND author = 'contact' ORDER BY seq DESC LIMIT 1",
                client, message, then, days + 1,
            )  # fmt: skip
            await Attachment.add(tx, message, "image", media_id="1")
            await AnswerTrace.add(tx, message, {})
            await tx.run(
                "INSERT INTO inbound_events (client_id, account_id, event_key, state, created_at) "
                "VALUES ($1, $2, $3, 'unparsed', $4)",
                client, account, message.bytes, then,
            )  # fmt: skip


async def held(shop: Shop, client: UUID) -> dict[str, int]:
    """How many of each are kept."""
    counts = {}
    async with shop.product.services.db.tenant(client) as tx:
        for what, table in (RULED | {"messages": "messages"}).items():
            sql = f"SELECT count(*) FROM {table} WHERE client_id = $1"
            counts[what] = await tx.value(sql, client)
    return counts


async def test_each_rule_forgets_its_own_kind_and_nobody_elses(shop: Shop) -> None:
    """Traces, attachments and events that weren't understood; the neighbour, as old, has no rule."""
    other = await shop.product.business("other", "Other")
    await shop.product.connect_whatsapp(other, "900201")
    await shop.hears(ASKED["en"])
    await shop.gets(shop.meta.says("900201", LAYLA, "Hello"))
    await shop.product.drain()
    mine, theirs = shop.business.ref.id, other.ref.id
    for client in (mine, theirs):
        await old_and_new(shop, client)
    left, beside = await held(shop, mine), await held(shop, theirs)
    for what in RULED:
        await configure(shop, retention={what: 30})
        await shop.product.services.scheduler.run_now("forget_old")
        left[what] -= 1
        assert await held(shop, mine) == left, what
        assert await held(shop, theirs) == beside, what


async def test_without_a_rule_nothing_is_forgotten(shop: Shop) -> None:
    await shop.hears(ASKED["en"])
    await age(shop, 4000)
    await shop.product.services.scheduler.run_now("forget_old")
    assert await shop.value("SELECT count(*) FROM messages") == 2


@pytest.mark.parametrize("stop", STOPS)
async def test_who_says_stop_gets_nothing_unasked(shop: Shop, stop: str) -> None:
    """Check 76."""
    await shop.hears("Hello", stop)
    before = len(shop.replies())
    await offer(shop)
    assert len(shop.replies()) == before
    state = await shop.value("SELECT delivery_state FROM messages ORDER BY seq DESC LIMIT 1")
    assert state == "failed"
    contact = await shop.value("SELECT id FROM contacts")
    [consent] = await shop.get(f"/v1/contacts/{contact}/consents")
    assert (consent["granted"], consent["source"]) == (False, "message")
    assert consent["wording"] == shop.replies()[-1]

    await shop.hears("START")
    await offer(shop)
    assert shop.replies()[-1] == "Tea is half price today."
    assert [c["granted"] for c in await shop.get(f"/v1/contacts/{contact}/consents")] == [
        True,
        False,
    ]


async def test_a_stop_counts_while_a_colleague_has_the_conversation(shop: Shop) -> None:
    await shop.hears("Hello")
    conversation = (await shop.conversation())["id"]
    await shop.post(f"/v1/conversations/{conversation}/takeover")
    await shop.hears("STOP")
    assert await shop.value("SELECT opted_out FROM contacts") is True
    before = len(shop.replies())
    await offer(shop)
    assert len(shop.replies()) == before


@pytest.mark.parametrize(("stop", "waits"), [("STOP", False), ("إلغاء", True)])
async def test_a_stop_counts_for_what_was_on_its_way_out(
    shop: Shop, stop: str, waits: bool
) -> None:
    """Check 76: said while an offer waits to be sent, before anybody has read it; also by who waits for a human."""
    await shop.hears("Hello")
    if waits:
        async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
            await Conversation.want_human(tx, (await Conversation.inbox(tx))[0].id, "asked")
    before = len(shop.replies())
    await put_forward(shop)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, stop))
    await shop.product.drain()
    assert "Tea is half price today." not in shop.replies()[before:]
    assert await shop.value("SELECT opted_out FROM contacts") is True
    await shop.hears("START")
    await offer(shop)
    assert shop.replies()[-1] == "Tea is half price today."


async def test_a_colleague_notes_what_a_contact_told_them(shop: Shop) -> None:
    await shop.hears("Hello")
    contact = await shop.value("SELECT id FROM contacts")
    path = f"/v1/contacts/{contact}/consents"
    body = {"granted": False, "wording": "Asked on the phone whether we may write."}
    assert await shop.post(path, body) == 201
    assert await shop.value("SELECT opted_out FROM contacts") is True
    await offer(shop)
    assert len(shop.replies(LAYLA)) == 1


async def offer(shop: Shop) -> None:
    """A message that nobody asked for, and what becomes of it."""
    await put_forward(shop)
    await shop.product.drain()


async def put_forward(shop: Shop) -> None:
    """A message that nobody asked for, about to go out."""
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        conversation = (await Conversation.inbox(tx))[0].id
        text = "Tea is half price today."
        message = NewMessage(conversation, Author.ASSISTANT, text, "en", delivery_state="queued")
        await say(tx, message, "message.created")
        await enqueue(tx, DeliverMessage(conversation, message.id))
        await AuditEntry.add(tx, "test", "offer.made", str(message.id))

"""What platforms post: each thing is taken once, whatever they repeat, mix up or break."""

import asyncio

import asyncpg

from app.bootstrap import owner_url
from app.models import partition
from app.models.channel_config import ChannelConfig
from app.models.message import Message
from app.services.orchestrator.doors import FRESH_SECONDS, Doors
from simulators import _meta_payloads as payloads
from simulators._signing import body_of, headers_for
from tests.fixtures.product import Business
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop

OTHER = "900300"
ROGUES = "the-secret-of-another-business"
NO_COMMIT = """
CREATE FUNCTION no_commit() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'The disk is full.' USING ERRCODE = 'disk_full'; END $$;
CREATE CONSTRAINT TRIGGER no_commit AFTER INSERT ON inbound_events DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION no_commit();
"""
"""Every statement goes well, and the transaction fails at its end."""


async def test_a_webhook_posted_a_hundred_times_at_once_is_one_message_and_one_reply(shop) -> None:
    payload = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    statuses = await asyncio.gather(*(shop.meta.deliver(payload) for _ in range(100)))
    assert set(statuses) == {200}
    await shop.gets(payload)
    await shop.product.drain()
    await shop.gets(payload)  # Once more, when all of it is long done.
    await shop.product.drain()
    assert await shop.value("SELECT count(*) FROM messages WHERE author = 'contact'") == 1
    assert len(shop.replies()) == 1


async def test_without_cache_and_log_everything_is_taken_once_and_answered_once(opened) -> None:
    shop: Shop = await opened(REDIS_URL=None)
    said = [shop.meta.says(NUMBER, who, ASKED["en"]) for who in (LAYLA, OMAR)]
    assert set(await asyncio.gather(*(shop.meta.deliver(p) for p in said * 20))) == {200}
    await shop.product.drain()
    assert await shop.value("SELECT count(*) FROM messages WHERE author = 'contact'") == 2
    assert [len(shop.replies(who)) for who in (LAYLA, OMAR)] == [1, 1]


async def test_what_comes_again_after_its_month_was_dropped_is_still_known(shop: Shop) -> None:
    payload = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    await shop.gets(payload)
    await shop.product.drain()
    await _drop_months(shop)
    assert await shop.value("SELECT count(*) FROM messages") == 0
    await shop.gets(payload)
    await shop.product.drain()
    assert await shop.value("SELECT count(*) FROM messages") == 0
    assert len(shop.replies()) == 1
    await shop.hears(ASKED["en"])  # What is new is taken in, and answered.
    assert len(shop.replies()) == 2


async def _drop_months(shop: Shop) -> None:
    """As the installation does with what nobody keeps any more, and has new ones made."""
    connection = await asyncpg.connect(
        owner_url(shop.product.services.settings).replace("+asyncpg", "")
    )
    for table in ("attachments", "answer_traces", "messages", "conversation_events"):
        for month in await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass", table
        ):  # fmt: skip
            if not month["name"].endswith("_rest"):
                await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {month['name']}")
                await connection.execute(f"DROP TABLE {month['name']}")
    await connection.close()
    assert await partition.make_ahead(shop.product.services.db) > 0


async def test_a_hundred_first_messages_at_once_make_one_contact_and_one_conversation(shop) -> None:
    said = [shop.meta.says(NUMBER, LAYLA, f"{ASKED['en']} {n}") for n in range(100)]
    assert set(await asyncio.gather(*map(shop.meta.deliver, said))) == {200}
    await shop.product.drain()
    assert await shop.value("SELECT count(*) FROM contacts") == 1
    assert await shop.value("SELECT count(*) FROM conversations") == 1
    assert await shop.value("SELECT count(*) FROM messages WHERE author = 'contact'") == 100
    assert (
        await shop.value(
            "SELECT count(*) FROM messages WHERE answered_by IS NULL AND author = 'contact'"
        )
        == 0
    )


async def test_one_post_for_two_businesses_reaches_both(shop) -> None:
    clinic = await shop.product.business("clinic")
    await shop.product.connect_whatsapp(clinic, OTHER)
    both = payloads.merged(
        [shop.meta.says(NUMBER, LAYLA, "Hello"), shop.meta.says(OTHER, OMAR, "مرحبا")]
    )
    assert await shop.meta.deliver(both) == 200
    await shop.product.drain()
    assert len(shop.replies(LAYLA)) == len(shop.replies(OMAR)) == 1
    async with shop.product.services.db.tenant(clinic.ref.id) as tx:
        rows = await tx.all("SELECT * FROM messages WHERE author = 'contact'")
        assert [Message.opened(tx, row).text for row in rows] == ["مرحبا"]


async def test_a_thousand_updates_of_two_businesses_in_one_post_are_each_taken_once(shop) -> None:
    clinic = await shop.product.business("clinic")
    await shop.product.connect_whatsapp(clinic, OTHER)
    shop.meta.statuses = ()
    await shop.hears("Hello")
    [send] = shop.sends()
    coffee, teeth = [f"Coffee {n}" for n in range(500)], [f"Teeth {n}" for n in range(400)]
    posted = [
        *(shop.meta.says(NUMBER, LAYLA, text) for text in coffee),
        *(shop.meta.says(OTHER, OMAR, text) for text in teeth),
        *(shop.meta.status(send, name) for name in 50 * ("read", "delivered")),
    ]
    payload = payloads.merged(one for n in range(7) for one in posted[n::7])  # Mixed.
    assert len(payload["entry"]) == 1_000
    ledgers = []
    for _ in range(2):  # The platform repeats itself.
        await shop.gets(payload)
        assert await _said(shop, shop.business) == sorted(["Hello", *coffee])
        assert await _said(shop, clinic) == sorted(teeth)
        ledgers.append(await shop.value("SELECT count(*) FROM inbound_events"))
    assert ledgers[0] == ledgers[1]
    [reply] = await shop.rows("SELECT delivery_state FROM messages WHERE author = 'assistant'")
    assert reply["delivery_state"] == "read"


async def _said(shop: Shop, business: Business) -> list[str]:
    """What the contacts of one business have written, sorted."""
    async with shop.product.services.db.tenant(business.ref.id) as tx:
        rows = await tx.all("SELECT * FROM messages WHERE author = 'contact'")
        return sorted(Message.opened(tx, row).text or "" for row in rows)


async def test_of_a_batch_with_a_broken_message_the_good_ones_are_answered_and_the_broken_is_kept(
    shop,
) -> None:
    batch = shop.meta.says(NUMBER, LAYLA, "Hello")
    value = batch["entry"][0]["changes"][0]["value"]
    value["messages"][:0] = [{"id": 17, "timestamp": None, "type": ["text"]}, "not an object"]
    await shop.gets(batch)
    await shop.gets(batch)
    await shop.product.drain()
    assert len(shop.replies()) == 1
    kept = await shop.get("/v1/inbound-events")
    assert [event["state"] for event in kept] == ["unparsed", "unparsed"]


async def test_what_the_database_cannot_hold_costs_no_other_message(shop) -> None:
    odd = shop.meta.says(NUMBER, OMAR, "He\x00llo \ud83d")
    await shop.gets(payloads.merged([odd, shop.meta.says(NUMBER, LAYLA, "Hello")]))
    await shop.product.drain()
    assert len(shop.replies(LAYLA)) == 1
    assert await shop.value("SELECT count(*) FROM messages WHERE author = 'contact'") == 2


async def test_an_event_of_anothers_number_signed_with_ones_own_secret_is_quarantined(shop) -> None:
    rogue = await shop.product.business("rogue")
    await shop.product.connect_whatsapp(rogue, OTHER, app_secret=ROGUES)
    forged = shop.meta.says(NUMBER, LAYLA, "Cancel everything")
    body = body_of(forged)
    for _ in range(2):  # The platform repeats itself; it is still one event.
        async with shop.product.api.post(
            "/webhook/whatsapp/rogue", data=body, headers=headers_for(body, ROGUES)
        ) as answer:
            assert answer.status == 200
    await shop.product.drain()
    assert shop.replies() == []
    assert await shop.value("SELECT count(*) FROM messages") == 0
    async with shop.product.api.get("/v1/inbound-events", headers=rogue.staff) as answer:
        assert [event["state"] for event in await answer.json()] == ["quarantined"]
    assert await shop.get("/v1/inbound-events") == []
    async with shop.product.api.get("/metrics") as answer:
        assert 'code="quarantined"' in await answer.text()


async def test_one_clients_secret_opens_no_other_clients_webhook(shop) -> None:
    rogue = await shop.product.business("rogue")
    await shop.product.connect_whatsapp(rogue, OTHER, app_secret=ROGUES)
    body = body_of(shop.meta.says(NUMBER, LAYLA, "Hello"))
    headers = headers_for(body, ROGUES)
    async with shop.product.api.post(
        "/webhook/whatsapp/cafe", data=body, headers=headers
    ) as answer:
        assert answer.status == 403
    assert await shop.value("SELECT count(*) FROM messages") == 0


async def test_a_wrong_signature_is_refused_and_an_unknown_business_not_found(shop) -> None:
    payload = shop.meta.says(NUMBER, LAYLA, "Hello")
    assert await shop.meta.deliver(payload, forged=True) == 403
    body, headers = shop.meta.signed(payload)
    for path, status in (("whatsapp/nobody", 404), ("telegraph/cafe", 404), ("whatsapp/cafe", 200)):
        async with shop.product.api.post(f"/webhook/{path}", data=body, headers=headers) as answer:
            assert answer.status == status, path


async def test_nobody_with_an_app_at_the_platform_closes_a_business_off_from_it(opened) -> None:
    """They have the platform post what we refuse, by the hundred, from where everybody's calls come."""
    shop: Shop = await opened(WAFAA_LIMITS="refused=3/60")
    payload = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    body, headers = shop.meta.signed(payload)
    assert [await shop.meta.deliver(payload, forged=True) for _ in range(50)] == [403] * 50
    for slug, status in (("nobody", 429), ("cafe", 200)):
        async with shop.product.api.post(
            f"/webhook/whatsapp/{slug}", data=body, headers=headers
        ) as answer:
            assert answer.status == status, slug
    await shop.product.drain()
    assert len(shop.replies()) == 1


async def test_a_contact_is_known_by_a_business_scoped_id_and_its_aliases(shop) -> None:
    await shop.hears("Hello")
    who = payloads.person(LAYLA)
    without_phone = shop.meta.says(NUMBER, who.user_id, "Thanks")
    await shop.gets(without_phone)
    assert await shop.value("SELECT count(*) FROM contacts") == 1
    kinds = await shop.rows("SELECT kind FROM contact_addresses ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["bsuid", "phone"]


async def test_someone_without_a_phone_number_is_answered_by_their_id(shop) -> None:
    await shop.hears("Hello", sender="SA.nophone")
    [send] = shop.sends("SA.nophone")
    assert send.body["recipient"] == "SA.nophone"
    assert "to" not in send.body


async def test_someone_whose_id_changed_is_the_same_contact_and_reached_by_the_new_one(
    shop,
) -> None:
    await shop.hears("Hello", sender="SA.old")
    notice = {
        "user_id": {"previous": "SA.old", "current": "SA.new"},
        "timestamp": str(int(shop.meta.now())),
    }
    await shop.gets(payloads.envelope(shop.number, field="user_id_update", user_id_update=[notice]))
    await shop.hears("Thanks", sender="SA.new")
    assert await shop.value("SELECT count(*) FROM contacts") == 1
    assert shop.sends("SA.new")[-1].body["recipient"] == "SA.new"
    late = shop.meta.says(NUMBER, "SA.old", "Bye")
    await shop.gets(late)
    assert await shop.value("SELECT count(*) FROM contacts") == 1


async def test_a_number_that_nobody_connected_is_kept_unrouted(shop) -> None:
    stray = payloads.message(payloads.person(LAYLA), "text", {"body": "Hello"}, shop.meta.now())
    stranger = payloads.Number("900999", "token", callback_url=shop.number.callback_url)
    shop.meta.connect(stranger)
    await shop.gets(payloads.envelope(stranger, messages=[stray]))
    assert [event["state"] for event in await shop.get("/v1/inbound-events")] == ["unrouted"]


async def test_a_platform_hears_200_only_for_what_is_committed(shop) -> None:
    payload = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    owner = await asyncpg.connect(owner_url(shop.product.services.settings).replace("+asyncpg", ""))
    await owner.execute(NO_COMMIT)
    assert await shop.meta.deliver(payload) >= 500
    await owner.execute("DROP TRIGGER no_commit ON inbound_events")
    assert await shop.value("SELECT count(*) FROM messages") == 0
    assert await shop.meta.deliver(payload, retry=True) == 200
    assert await shop.value("SELECT count(*) FROM messages") == 1
    await owner.close()


async def test_whose_number_it_is_counts_anew_as_soon_as_the_database_has_told(shop) -> None:
    services = shop.product.services
    doors = Doors(services.db, services.channels, told=3600.0)
    doors.open()
    route = None
    async with asyncio.timeout(60):  # It listens when an answer stays the same for long.
        while (before := await doors.route("whatsapp", NUMBER)) is not route:
            route = before
            await asyncio.sleep(1.5 * FRESH_SECONDS)
        assert route is not None
        async with services.db.tenant(route.client_id) as tx:
            await ChannelConfig.stop(tx, route.account_id)
        while await doors.route("whatsapp", NUMBER):  # noqa: ASYNC110 # Nobody tells.
            await asyncio.sleep(0.05)
    doors.close()

"""What becomes of a contact's words: one good reply, or a good reason for none."""

import asyncio

import pytest

from app.services.orchestrator.phrases import PHRASES
from simulators import _meta_payloads as payloads
from simulators.meta import Behaviour
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR
from tests.fixtures.wired import until

DAY = 24 * 3600
BOTH = pytest.mark.parametrize("language", ["en", "ar"])

BURSTS = {
    "en": ["Hi", "quick question", "about the flat white", "how much", "is it", "please tell me the price"],
    "ar": ["هلا", "عندي سؤال", "عن الفلات وايت", "كم", "سعره", "لو سمحتم قولوا لي السعر"],
}  # fmt: skip


@BOTH
async def test_the_first_reply_says_in_the_contacts_language_that_it_is_automated(
    shop, language
) -> None:
    await shop.hears(ASKED[language])
    await shop.hears(ASKED[language] + " ")
    first, second = shop.replies()
    assert PHRASES["disclosure"][language].format(client="Cafe") in first
    assert PHRASES["disclosure"][language].format(client="Cafe") not in second
    assert "18" in first
    assert "18" in second


@BOTH
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
async def test_a_burst_of_quick_messages_gets_one_reply_that_answers_all(
    opened, language, size
) -> None:
    shop = await opened(WAFAA_QUIET_SECONDS=1.0)
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    burst = [*BURSTS[language][: size - 1], ASKED[language]]
    for words in burst:
        await shop.gets(shop.meta.says(NUMBER, LAYLA, words))
        await asyncio.sleep(0.05)
    await until(lambda: _has_replies(shop, 1))
    await asyncio.sleep(0.2)
    shop.product.services.worker.stop()
    await worker
    assert len(shop.replies()) == 1
    assert (await shop.trace())["question"] == "\n".join(burst)
    answered = await shop.rows("SELECT DISTINCT answered_by FROM messages WHERE author = 'contact'")
    assert len(answered) == 1


async def _has_replies(shop, count: int) -> bool:
    return len(shop.replies()) >= count


async def test_a_newer_message_while_the_model_thinks_makes_the_draft_worthless(
    opened, thinker
) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "How much is a flat white?"))
    work = asyncio.ensure_future(shop.product.drain())
    await asyncio.wait_for(thinker.asked.wait(), 10)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "A small flat white, I mean. How much?"))
    thinker.may_speak.set()
    await work
    assert len(shop.replies()) == 1
    [send] = shop.sends()
    last = [m["client_message_id"] for m in await shop.messages() if m["author"] == "contact"][-1]
    assert send.body["context"]["message_id"] == last
    assert "How much is a flat white?" in thinker.questions[-1]
    assert (
        await shop.value(
            "SELECT count(*) FROM messages WHERE answered_by IS NULL AND author = 'contact'"
        )
        == 0
    )


async def test_an_old_message_that_arrives_while_the_model_thinks_costs_nobody_the_answer(
    opened, thinker
) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    work = asyncio.ensure_future(shop.product.drain())
    await asyncio.wait_for(thinker.asked.wait(), 10)
    old = shop.meta.sends(NUMBER, LAYLA, "text", {"body": "Hello?"}, at=shop.meta.now() - 6 * DAY)
    shop.meta.says(NUMBER, LAYLA, "keeps the window open")
    await shop.gets(old)
    thinker.may_speak.set()
    await work
    assert len(shop.replies()) == 1


@BOTH
async def test_a_message_of_last_week_is_kept_and_not_answered(shop, language) -> None:
    old = shop.meta.sends(
        NUMBER, LAYLA, "text", {"body": ASKED[language]}, at=shop.meta.now() - 6 * DAY
    )
    await shop.gets(old)
    await shop.product.drain()
    assert shop.replies() == []
    assert [(m["text"], m["author"]) for m in await shop.messages()] == [
        (ASKED[language], "contact")
    ]
    await shop.hears(ASKED[language])
    assert len(shop.replies()) == 1


@BOTH
async def test_a_question_that_nobody_was_there_for_all_day_is_left_to_people(
    shop, language
) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "Good morning"))
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED[language]))
    await _a_day_passes(shop)
    await shop.product.drain()
    assert shop.replies() == []
    conversation = await shop.conversation()
    assert conversation["handover_reason"] == "unavailable"
    assert conversation["waiting_since"]
    assert await shop.value("SELECT bool_and(is_stale) FROM messages WHERE author = 'contact'")
    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == 1
    assert (await shop.trace())["question"] == ASKED["en"]


async def test_of_a_days_words_the_fresh_ones_alone_are_answered_and_a_stop_still_counts(
    shop,
) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "When do you open?"))
    await shop.gets(shop.meta.says(NUMBER, OMAR, "STOP"))
    await shop.gets(shop.meta.says(NUMBER, OMAR, "Thank you"))
    await _a_day_passes(shop)
    await shop.hears(ASKED["en"])
    await shop.hears(ASKED["en"], sender=OMAR)
    assert (await shop.trace())["question"] == ASKED["en"]
    assert (len(shop.replies()), shop.replies(OMAR)) == (1, [])


async def test_a_reply_that_could_not_go_out_all_day_is_left_to_people(shop) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    shop.meta.behave(Behaviour.BROKEN)
    await until(lambda: _waits_to_go_out(shop))
    await _a_day_passes(shop)
    await shop.product.drain()
    assert shop.replies() == []
    assert (await shop.messages())[-1]["delivery_state"] == "cancelled"
    assert (await shop.conversation())["handover_reason"] == "unavailable"
    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == 1


async def test_a_parked_reply_that_is_tried_again_a_day_later_is_left_to_people(opened) -> None:
    shop = await opened(WAFAA_MAX_ATTEMPTS=1)
    shop.meta.behave(131016)
    await shop.hears(ASKED["en"])
    [parked] = await shop.get("/v1/jobs/parked")
    await _a_day_passes(shop)
    assert await shop.post(f"/v1/jobs/{parked['id']}/replay") == 202
    await shop.product.drain()
    assert shop.replies() == []
    assert (await shop.conversation())["handover_reason"] == "unavailable"


async def _waits_to_go_out(shop) -> bool:
    """Whether a reply is written and its delivery waits for a later try."""
    await shop.product.services.worker.drain(patience=0.05)
    return bool(
        await shop.value("SELECT count(*) FROM jobs WHERE kind = 'deliver_message' AND code <> ''")
    )


async def _a_day_passes(shop) -> None:
    """While nobody works, neither on what was asked nor on what is to go out."""
    day = "- interval '1 day' RETURNING 1"
    for change in (
        f"messages SET created_at = created_at {day}",
        f"jobs SET due_at = due_at - interval '1 day', created_at = created_at {day}",
        f"lanes SET due_at = due_at {day}",
    ):
        await shop.rows(f"UPDATE {change}")


async def test_a_reply_after_the_service_window_is_parked_where_people_see_it(shop) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await shop.value(
        "UPDATE conversations SET window_expires_at = now() - interval '1 second' RETURNING 1"
    )
    await shop.product.drain()
    assert shop.replies() == []
    reply = (await shop.messages())[-1]
    assert (reply["author"], reply["delivery_state"]) == ("assistant", "parked")
    await shop.hears("Hello")
    assert len(shop.replies()) == 1


async def test_a_window_that_the_platform_knows_better_about_parks_the_reply_as_well(shop) -> None:
    shop.meta.behave(131047)
    await shop.hears(ASKED["en"])
    assert (await shop.messages())[-1]["delivery_state"] == "parked"
    trace = await _trace(shop)
    assert trace["delivery_error"].startswith("window_closed")
    assert trace["jobs"] == []


async def _trace(shop) -> dict:
    conversation, reply = await shop.conversation(), (await shop.messages())[-1]
    found: dict = await shop.get(
        f"/v1/conversations/{conversation['id']}/messages/{reply['id']}/trace"
    )
    return found


WORDLESS = {
    "image": ("media", {"id": "770001", "mime_type": "image/jpeg", "sha256": "x"}),
    "audio": ("media", {"id": "770002", "mime_type": "audio/ogg", "voice": True}),
    "video": ("media", {"id": "770003", "mime_type": "video/mp4"}),
    "document": ("media", {"id": "770004", "mime_type": "application/pdf", "filename": "a.pdf"}),
    "location": ("location", {"latitude": 24.7, "longitude": 46.7}),
    "sticker": (None, {"id": "770005", "mime_type": "image/webp"}),
}


@BOTH
@pytest.mark.parametrize("kind", WORDLESS)
async def test_what_has_no_words_gets_a_sensible_reply_or_none(shop, kind, language) -> None:
    await shop.hears({"en": "Hello", "ar": "مرحبا"}[language])
    phrase, content = WORDLESS[kind]
    await shop.sent(kind, content)
    assert shop.replies()[1:] == ([PHRASES[phrase][language]] if phrase else [])
    assert (await shop.messages())[2]["kind"] == kind


async def test_a_picture_with_a_question_under_it_is_answered(shop) -> None:
    await shop.sent("image", {"id": "770001", "mime_type": "image/jpeg", "caption": ASKED["en"]})
    assert "18" in shop.replies()[0]


@pytest.mark.parametrize("note", [None, "No sugar please"])
async def test_an_order_is_thanked_for_and_given_to_people(shop, note) -> None:
    line = {"product_retailer_id": "BEAN-250", "quantity": 2, "item_price": 48.5, "currency": "SAR"}
    order = {"catalog_id": "880001", "product_items": [line]} | ({"text": note} if note else {})
    await shop.hears("Hello")
    await shop.sent("order", order)
    assert shop.replies()[1] == PHRASES["order"]["en"]
    assert (await shop.conversation())["handover_reason"] == "order"


async def test_a_reaction_is_noted_and_asks_for_nothing(shop) -> None:
    await shop.hears(ASKED["en"])
    [send] = shop.sends()
    await shop.sent("reaction", {"message_id": send.wamid, "emoji": "👍"})
    assert len(shop.replies()) == 1
    assert [e.data["emoji"] for e in await shop.events() if e.type == "reaction"] == ["👍"]


async def test_a_correction_before_the_answer_is_what_is_answered(shop) -> None:
    said = shop.meta.says(NUMBER, LAYLA, "When do you cloze?")
    await shop.gets(said)
    await shop.gets(
        _about(shop, said, "edit", message={"type": "text", "text": {"body": ASKED["en"]}})
    )
    await shop.product.drain()
    assert len(shop.replies()) == 1
    assert "18" in shop.replies()[0]


async def test_a_message_taken_back_is_not_answered(shop) -> None:
    said = shop.meta.says(NUMBER, LAYLA, ASKED["en"])
    await shop.gets(said)
    await shop.gets(_about(shop, said, "revoke"))
    await shop.product.drain()
    assert shop.replies() == []
    assert (await shop.messages())[0]["text"] is None


async def test_taking_back_the_last_message_of_a_burst_leaves_the_others_to_be_answered(
    opened,
) -> None:
    shop = await opened(WAFAA_QUIET_SECONDS=0.3)
    first, second = (
        shop.meta.says(NUMBER, LAYLA, words) for words in (ASKED["en"], "and also the cake")
    )
    await shop.gets(first)
    await shop.gets(second)
    await shop.product.services.worker.drain(
        patience=0.2
    )  # The first one's turn is left to the second.
    await shop.gets(_about(shop, second, "revoke"))
    await shop.product.drain()
    assert len(shop.replies()) == 1
    assert "18" in shop.replies()[0]


def _about(shop, said: dict, what: str, **more: object) -> dict:
    """A contact corrects a message, or takes it back."""
    original = said["entry"][0]["changes"][0]["value"]["messages"][0]["id"]
    content = {"original_message_id": original, **more}
    sent: dict = shop.meta.sends(NUMBER, LAYLA, what, content)
    return sent


@pytest.mark.parametrize(
    ("stop", "language"), [("STOP", "en"), ("إلغاء", "ar"), ("الغاء الاشتراك", "ar")]
)
@pytest.mark.parametrize("burst", [False, True])
async def test_who_opts_out_hears_no_more_until_they_ask_again(shop, stop, language, burst) -> None:
    if burst:
        await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED[language]))
    await shop.hears(stop)
    assert shop.replies()[-1].endswith(PHRASES["opted_out"][language])
    heard = len(shop.replies())
    await shop.hears(ASKED[language])
    assert len(shop.replies()) == heard
    await shop.hears({"en": "START", "ar": "ابدأ"}[language])
    assert shop.replies()[-1] == PHRASES["opted_in"][language]
    await shop.hears(ASKED[language])
    assert "18" in shop.replies()[-1]


async def test_who_opts_out_while_the_model_thinks_does_not_get_the_draft(opened, thinker) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    work = asyncio.ensure_future(shop.product.drain())
    await asyncio.wait_for(thinker.asked.wait(), 10)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "STOP"))
    thinker.may_speak.set()
    await work
    [reply] = shop.replies()
    assert reply.endswith(PHRASES["opted_out"]["en"])


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (("read", "delivered", "sent"), "read"),
        (("delivered", "sent"), "delivered"),
        (("delivered", "failed:131026"), "delivered"),
        (("sent", "failed:131026"), "failed"),
        (("failed:131026", "delivered"), "failed"),
        (("read", "failed:131026", "delivered"), "read"),
        (("sent", "sent", "delivered", "read", "read"), "read"),
    ],
)
async def test_the_state_of_a_delivery_only_rises(shop, told, known) -> None:
    shop.meta.statuses = ()
    await shop.hears("Hello")
    [send] = shop.sends()
    for name in told:
        await shop.gets(shop.meta.status(send, name))
    assert (await shop.messages())[-1]["delivery_state"] == known


async def test_a_status_that_is_faster_than_the_answer_to_the_send_counts(shop) -> None:
    shop.meta.behave(Behaviour.STATUS_FIRST)
    await shop.hears("Hello")
    assert (await shop.messages())[-1]["delivery_state"] == "read"
    assert len(shop.replies()) == 1


async def test_a_status_of_anothers_message_changes_nothing(shop) -> None:
    await shop.hears("Hello")
    stranger = payloads.status(
        "wamid.UNKNOWN=", payloads.person(LAYLA), "failed", shop.meta.now(), "not-an-id"
    )
    await shop.gets(payloads.envelope(shop.number, statuses=[stranger]))
    assert (await shop.messages())[-1]["delivery_state"] == "read"


async def test_what_was_said_to_an_agent_is_not_answered_after_handing_back(shop) -> None:
    await shop.hears("Hello")
    conversation = (await shop.conversation())["id"]
    await shop.post(f"/v1/conversations/{conversation}/takeover")
    await shop.hears(*(f"one more thing {n}" for n in range(25)))
    await shop.post(f"/v1/conversations/{conversation}/handback")
    heard = len(shop.replies())
    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == heard + 1
    assert "18" in shop.replies()[-1]


async def test_the_newest_of_many_messages_that_nobody_answered_is(shop) -> None:
    for n in range(25):
        await shop.gets(shop.meta.says(NUMBER, LAYLA, f"one more thing {n}"))
    await shop.value("WITH gone AS (DELETE FROM jobs RETURNING 1) SELECT count(*) FROM gone")
    await shop.hears(ASKED["en"])
    assert len(shop.replies()) == 1
    question = (await shop.trace())["question"]
    assert question.endswith(ASKED["en"])

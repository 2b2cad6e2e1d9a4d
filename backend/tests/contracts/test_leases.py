"""Whose lane was claimed by another can write nothing more: no reply, no intent, no outcome, no failure.

A lease that has run out is one of minus one second here, so that nothing has to wait for it.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import app_url, signer
from app.core.multi_tenant import Database
from app.models.conversation import Conversation
from app.models.job import Job
from app.models.lane import Lane, LeaseLost
from app.models.message import Message
from app.models.turn import Outcome
from app.services.orchestrator.jobs import DeliverMessage
from app.services.queue.jobs import enqueue
from app.utils.ids import uuid7
from tests.fixtures.keys import sealed
from tests.fixtures.product import migrate_now, settings_for
from tests.fixtures.talks import HELD, LOST, Talk, asks, begin


@pytest.fixture(params=["postgres18", "postgres15"])
async def talk(
    request: pytest.FixtureRequest, fresh_database: Callable[..., str], tmp_path: Path
) -> AsyncIterator[Talk]:
    server = request.getfixturevalue(request.param)
    settings = settings_for(fresh_database(server, migrate_now), tmp_path)
    db = sealed(Database.connect(app_url(settings), signer(settings), size=2))
    yield await begin(db)
    await db.close()


async def test_a_lane_is_claimed_again_only_when_its_lease_has_run_out(talk: Talk) -> None:
    [lease] = await talk.claim(HELD)
    assert await talk.claim() == []
    async with talk.db.tenant(talk.client_id) as tx:
        await Lane.renew(tx, lease, LOST)
    [next_] = await talk.claim()
    assert next_.fence > lease.fence


async def test_the_jobs_of_a_lane_come_one_at_a_time_in_their_order(talk: Talk) -> None:
    async with talk.db.tenant(talk.client_id) as tx:
        asked = [talk.question] + [await asks(tx, talk.id) for _ in range(3)]
    for message_id in asked:
        [lease] = await talk.claim()
        assert lease.payload["message_id"] == str(message_id)
        assert await talk.claim() == []
        async with talk.db.tenant(talk.client_id) as tx:
            await Job.settle(tx, lease)
    assert await talk.claim() == []


async def test_what_is_to_be_delivered_waits_for_what_its_conversation_does_now(talk: Talk) -> None:
    [lease] = await talk.claim()
    async with talk.db.tenant(talk.client_id) as tx:
        said = [DeliverMessage(talk.id, uuid7()) for _ in range(2)]
        for one in said:
            await enqueue(tx, one)
    assert await talk.claim() == []
    async with talk.db.tenant(talk.client_id) as tx:
        await Job.settle(tx, lease)
    [next_] = await talk.claim()
    assert DeliverMessage.of(next_) == said[0]


async def test_an_answer_is_written_by_the_lanes_holder_alone_and_once(talk: Talk) -> None:
    lost, held = await talk.twice()
    assert (await talk.reply(lost).record(talk.db, talk.client_id)).outcome is Outcome.LOST
    assert await talk.count("messages WHERE author = 'assistant'") == 0
    assert (await talk.reply(held).record(talk.db, talk.client_id)).outcome is Outcome.RECORDED
    assert (await talk.reply(held).record(talk.db, talk.client_id)).outcome is Outcome.LOST
    assert await talk.count("messages WHERE author = 'assistant'") == 1


async def test_a_replys_delivery_goes_on_under_the_same_lease(talk: Talk) -> None:
    [lease] = await talk.claim()
    turn = replace(talk.reply(lease), lease_seconds=HELD)
    assert (await turn.record(talk.db, talk.client_id)).outcome is Outcome.HELD
    assert await talk.claim() == []
    assert not await talk.intend(lease, turn.reply.id)  # That stands already, once.
    assert (await turn.record(talk.db, talk.client_id)).outcome is Outcome.LOST
    assert await talk.count("jobs WHERE kind = 'deliver_message' AND attempts = 1") == 1
    assert (
        await talk.count("messages WHERE author = 'assistant' AND delivery_state = 'sending'") == 1
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE conversations SET window_expires_at = clock_timestamp()",
        "DELETE FROM contact_addresses",
    ],
)
async def test_a_reply_that_cannot_go_out_plainly_is_recorded_without_its_intent(
    talk: Talk, spoilt: str
) -> None:
    [lease] = await talk.claim()
    async with talk.db.tenant(talk.client_id) as tx:
        await tx.run(spoilt)
    turn = replace(talk.reply(lease), lease_seconds=HELD)
    recorded = await turn.record(talk.db, talk.client_id)
    assert (recorded.outcome, recorded.parcel) == (Outcome.HELD, None)
    assert await talk.state(turn.reply.id) == "queued"


async def test_a_delivery_whose_worker_is_gone_is_anothers_when_the_lease_has_run_out(
    talk: Talk,
) -> None:
    [lease] = await talk.claim()
    turn = replace(talk.reply(lease), lease_seconds=LOST)
    assert (await turn.record(talk.db, talk.client_id)).outcome is Outcome.HELD
    [next_] = await talk.claim()
    assert (next_.job_id, next_.attempts) == (turn.delivery_id, 2)
    assert next_.fence > lease.fence
    assert not await talk.intend(lease, turn.reply.id)
    assert await talk.intend(next_, turn.reply.id)


async def test_a_delivery_does_not_overtake_what_waits_on_its_lane(talk: Talk) -> None:
    [lease] = await talk.claim()
    async with talk.db.tenant(talk.client_id) as tx:
        more = await asks(tx, talk.id)
    turn = replace(talk.reply(lease), lease_seconds=HELD, final=True)
    assert (await turn.record(talk.db, talk.client_id)).outcome is Outcome.RECORDED
    [next_] = await talk.claim()
    assert next_.payload["message_id"] == str(more)


async def test_an_answer_to_less_than_was_said_is_not_written(talk: Talk) -> None:
    [lease] = await talk.claim()
    async with talk.db.tenant(talk.client_id) as tx:
        await asks(tx, talk.id)
    assert (
        await talk.reply(lease, seen=1).record(talk.db, talk.client_id)
    ).outcome is Outcome.OUTDATED
    assert await talk.count("messages WHERE author = 'assistant'") == 0
    assert (
        await talk.reply(lease, seen=2).record(talk.db, talk.client_id)
    ).outcome is Outcome.RECORDED


async def test_an_answer_after_a_human_took_over_is_not_written(talk: Talk) -> None:
    [lease] = await talk.claim()
    async with talk.db.tenant(talk.client_id) as tx:
        await Conversation.hand_over(tx, talk.id, None)
    assert (await talk.reply(lease).record(talk.db, talk.client_id)).outcome is Outcome.OUTDATED
    assert await talk.count("messages WHERE author = 'assistant'") == 0


async def test_an_intent_is_written_by_the_lanes_holder_alone_and_once(talk: Talk) -> None:
    reply = await talk.replied()
    lost, held = await talk.twice()
    assert not await talk.intend(lost, reply)
    assert await talk.state(reply) == "queued"
    assert await talk.intend(held, reply)
    assert not await talk.intend(held, reply)
    assert await talk.state(reply) == "sending"


async def test_what_the_platform_said_is_believed_and_ends_only_the_holders_job(talk: Talk) -> None:
    reply = await talk.replied()
    lost, held = await talk.twice()
    sent = partial(Message.record_sent, talk.db, talk.client_id, talk.id, reply, "wamid.1")
    assert await talk.intend(held, reply)
    assert not await sent((lost.fence, lost.job_id))
    assert await talk.state(reply) == "accepted"
    assert await talk.count("jobs") == 1
    assert await sent((held.fence, held.job_id))
    assert await talk.count("jobs") == 0


async def test_what_the_platform_told_before_is_not_undone_by_its_answer(talk: Talk) -> None:
    reply = await talk.replied()
    [lease] = await talk.claim()
    assert await talk.intend(lease, reply)
    async with talk.db.tenant(talk.client_id) as tx:
        await Message.advance(tx, reply, "delivered")
    ids = (talk.client_id, talk.id, reply)
    assert await Message.record_sent(talk.db, *ids, "wamid.1", (lease.fence, lease.job_id))
    assert await talk.state(reply) == "delivered"


@pytest.mark.parametrize(
    "write",
    [
        Job.settle,
        Job.settle_with_older,
        Job.give_back,
        partial(Job.retry, delay=0.0, error="broken: It broke."),
        partial(Job.postpone, delay=0.0),
        partial(Job.park, error="broken: It broke."),
        Lane.hold,
    ],
    ids=["settle", "settle_with_older", "give_back", "retry", "postpone", "park", "hold"],
)
async def test_nothing_else_is_written_under_a_lost_lease(talk: Talk, write: Any) -> None:
    lost, held = await talk.twice()
    with pytest.raises(LeaseLost):
        async with talk.db.tenant(talk.client_id) as tx:
            await write(tx, lost)
    assert await talk.count("jobs WHERE state = 'pending' AND attempts = 2") == 1
    async with talk.db.tenant(talk.client_id) as tx:
        await write(tx, held)


async def test_a_lost_lease_is_not_renewed(talk: Talk) -> None:
    lost, held = await talk.twice()
    with pytest.raises(LeaseLost):
        async with talk.db.tenant(talk.client_id) as tx:
            await Lane.renew(tx, lost, HELD)
    async with talk.db.tenant(talk.client_id) as tx:
        await Lane.renew(tx, held, HELD)


async def test_a_parked_job_leaves_the_lane_to_the_next_one(talk: Talk) -> None:
    async with talk.db.tenant(talk.client_id) as tx:
        later = await asks(tx, talk.id)
    [lease] = await talk.claim()
    async with talk.db.tenant(talk.client_id) as tx:
        await Job.park(tx, lease, error="broken: It broke.")
    [next_] = await talk.claim()
    assert next_.payload["message_id"] == str(later)
    assert await talk.count("jobs WHERE state = 'parked'") == 1


@pytest.mark.parametrize("by_a_human", [True, False])
async def test_an_intent_is_not_written_for_a_reply_that_was_outrun(
    talk: Talk, by_a_human: bool
) -> None:
    reply = await talk.replied()
    async with talk.db.tenant(talk.client_id) as tx:
        await (Conversation.hand_over(tx, talk.id, None) if by_a_human else asks(tx, talk.id))
    [lease] = await talk.claim()
    assert not await talk.intend(lease, reply)
    assert await talk.state(reply) == "queued"

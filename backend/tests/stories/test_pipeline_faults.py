"""The world fails: what can be tried again is, what can't is kept for people, and nobody else waits."""

import asyncio
import time

import pytest

from app.embedded.postgres import EmbeddedPostgres
from app.models.client import ClientSettings
from app.models.client_version import ClientVersion
from app.models.silence import INTAKE
from app.services.queue.worker import LONGEST_ASKED, LONGEST_BACKOFF
from simulators.meta import Behaviour
from tests.fixtures.product import migrate_now
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, OMAR, Shop
from tests.fixtures.wired import until

PATIENT = {"WAFAA_INDETERMINATE_SECONDS": 0.5}
PATIENCE = 8.0
"""Seconds; whoever hangs is waited for longer than that."""


async def _work(shop: Shop, *, for_replies: int, seconds: float = 15.0) -> float:
    """Lets a worker run until Layla has so many replies; gives how long that took."""
    began = time.monotonic()
    worker = asyncio.ensure_future(shop.product.services.worker.run())

    async def answered() -> bool:
        return len(shop.replies()) >= for_replies

    try:
        await until(answered, seconds)
        await shop.meta.settle()
        return time.monotonic() - began
    finally:
        shop.product.services.worker.stop()
        await worker


async def test_a_platform_that_asks_to_wait_is_asked_again_after_that_time(shop) -> None:
    shop.meta.behave(Behaviour.RATE_LIMITED)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await _work(shop, for_replies=1)
    first, second = shop.meta.history.sends()
    assert (first.status, second.status) == (429, 200)
    assert second.at - first.at >= 1.0  # What Retry-After said.
    assert len(shop.replies()) == 1


@pytest.mark.parametrize("behaviour", [Behaviour.BROKEN, 131016, 131057])
async def test_a_platform_that_has_a_problem_is_asked_again(shop, behaviour) -> None:
    shop.meta.behave(behaviour)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await _work(shop, for_replies=1)
    assert [send.accepted for send in shop.meta.history.sends()] == [False, True]


@pytest.mark.parametrize("behaviour", [Behaviour.ACCEPT_THEN_DROP, Behaviour.ACCEPT_THEN_BREAK])
async def test_a_send_that_was_taken_and_whose_answer_was_lost_is_settled_by_its_status(
    opened, behaviour
) -> None:
    shop = await opened(**PATIENT)
    shop.meta.behave(behaviour)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await _work(shop, for_replies=1)
    await asyncio.sleep(1.0)
    await shop.product.drain()
    assert len(shop.meta.history.sends()) == 1
    assert (await shop.messages())[-1]["delivery_state"] == "read"


async def test_a_send_of_unknown_fate_is_not_repeated_while_a_status_may_come(opened) -> None:
    shop = await opened(WAFAA_INDETERMINATE_SECONDS=60)
    shop.meta.statuses = ()
    shop.meta.behave(Behaviour.ACCEPT_THEN_DROP)
    await shop.hears(ASKED["en"])
    assert len(shop.meta.history.sends()) == 1
    assert (await shop.messages())[-1]["delivery_state"] == "indeterminate"


@pytest.mark.parametrize("behaviour", [Behaviour.DROP, Behaviour.DOWN])
async def test_a_send_that_was_not_taken_is_sent_again_when_no_status_comes(
    opened, behaviour
) -> None:
    shop = await opened(**PATIENT)
    shop.meta.behave(behaviour)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await _work(shop, for_replies=1)
    first, second = shop.meta.history.sends()
    assert (first.accepted, second.accepted) == (False, True)
    assert second.at - first.at >= 0.5


async def test_a_send_of_which_nothing_is_ever_heard_is_repeated_so_often_and_no_more(
    opened,
) -> None:
    shop = await opened(WAFAA_INDETERMINATE_SECONDS=0.2, WAFAA_MAX_ATTEMPTS=3)
    shop.meta.statuses = ()
    shop.meta.behave(*[Behaviour.ACCEPT_THEN_DROP] * 5)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    await until(lambda: _has_ended(shop, 3), 60)
    shop.product.services.worker.stop()
    await worker
    assert len(shop.meta.history.sends()) == 3


async def _has_ended(shop: Shop, sends: int) -> bool:
    return len(shop.meta.history.sends()) > sends or await _is_undecided(shop, "parked")


async def test_a_send_of_unknown_fate_is_not_repeated_a_day_later(opened) -> None:
    """It may have arrived, so people decide: it isn't taken back as if it had never gone out."""
    shop = await opened(WAFAA_INDETERMINATE_SECONDS=3)
    shop.meta.statuses = ()
    shop.meta.behave(Behaviour.ACCEPT_THEN_DROP)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await until(lambda: _ends_as(shop, "indeterminate"))
    await shop.rows("UPDATE jobs SET created_at = created_at - interval '1 day' RETURNING 1")
    await until(lambda: _ends_as(shop, "parked", "cancelled"))
    assert len(shop.meta.history.sends()) == 1
    assert await _is_undecided(shop, "parked")


async def _ends_as(shop: Shop, *states: str) -> bool:
    await shop.product.services.worker.drain(patience=0.05)
    return (await shop.messages())[-1]["delivery_state"] in states


async def _is_undecided(shop: Shop, *states: str) -> bool:
    """Whether people are shown the reply among those whose fate is theirs to decide."""
    found = (await shop.get("/v1/deliveries/undecided"))["data"]
    return [one["delivery_state"] in states for one in found] == [True]


async def test_a_platform_that_asks_to_wait_for_a_day_is_asked_again_soon(opened) -> None:
    """All that the conversation says next waits behind it."""
    shop = await opened()
    shop.meta.pause = 86_400
    shop.meta.behave(Behaviour.RATE_LIMITED)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await until(lambda: _was_refused(shop))
    waits = "SELECT extract(epoch FROM due_at - clock_timestamp()) FROM jobs"
    assert 100 < await shop.value(waits) <= LONGEST_ASKED + LONGEST_BACKOFF


async def _was_refused(shop: Shop) -> bool:
    await shop.product.services.worker.drain(patience=0.05)
    return bool(await shop.value("SELECT count(*) FROM jobs WHERE code = 'rate_limited'"))


async def test_while_no_api_is_up_a_missing_status_means_nothing(opened) -> None:
    """The platform can't tell us then; sending again would double what it took."""
    shop = await opened(**PATIENT)
    shop.meta.behave(Behaviour.DROP)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    shop.product.services.followers.close()  # What a database sees of an API that died.
    for _ in range(3):
        await asyncio.sleep(0.6)
        await shop.product.services.worker.drain(patience=0.5)
    assert len(shop.meta.history.sends()) == 1
    shop.product.services.followers.open(INTAKE)
    await _work(shop, for_replies=1)
    assert [send.accepted for send in shop.meta.history.sends()] == [False, True]


async def test_a_business_that_wants_it_so_has_an_uncertain_send_parked(opened) -> None:
    shop = await opened(**PATIENT)
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        parked = ClientSettings(indeterminate="park")
        await ClientVersion.publish(tx, shop.business.ref.name, parked, author="test")
    shop.meta.behave(Behaviour.DROP)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await shop.product.drain()
    await asyncio.sleep(0.6)
    await shop.product.drain()
    assert shop.replies() == []
    assert (await shop.messages())[-1]["delivery_state"] == "parked"
    await shop.hears("Hello")
    assert len(shop.replies()) == 1


async def test_a_platform_that_hangs_for_one_contact_holds_up_no_other(opened) -> None:
    shop = await opened(**PATIENT)
    shop.meta.behave(Behaviour.HANG)
    await shop.gets(shop.meta.says(NUMBER, OMAR, ASKED["en"]))
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    await until(lambda: _sends(shop, 1))
    began = time.monotonic()
    assert await shop.meta.deliver(shop.meta.says(NUMBER, LAYLA, ASKED["en"])) == 200
    await until(lambda: _sends(shop, 2))
    assert time.monotonic() - began < PATIENCE
    assert len(shop.replies(LAYLA)) == 1
    shop.product.services.worker.stop()
    worker.cancel()


async def _sends(shop: Shop, count: int) -> bool:
    return len(shop.meta.history.sends()) >= count


@pytest.mark.parametrize("code", [190, 131031, 131026])
async def test_a_send_that_is_refused_for_good_fails_where_people_see_it(shop, code) -> None:
    shop.meta.behave(code)
    await shop.hears(ASKED["en"])
    assert len(shop.meta.history.sends()) == 1
    assert (await shop.messages())[-1]["delivery_state"] == "failed"


async def test_what_keeps_failing_is_parked_with_its_error_and_replayed_once(opened) -> None:
    shop = await opened(WAFAA_MAX_ATTEMPTS=2)
    shop.meta.behave(131016, 131016)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    await until(lambda: _is_parked(shop))
    await shop.gets(shop.meta.says(NUMBER, OMAR, "Hello"))
    [parked] = await shop.get("/v1/jobs/parked")
    assert (parked["kind"], parked["attempts"]) == ("deliver_message", 2)
    assert parked["error"].startswith("upstream_unavailable: WhatsApp has a passing problem.")

    assert await shop.post(f"/v1/jobs/{parked['id']}/replay") == 202
    assert await shop.post(f"/v1/jobs/{parked['id']}/replay") in (
        202,
        404,
    )  # It may be done by now.
    await until(lambda: _sends(shop, 4))
    shop.product.services.worker.stop()
    await worker
    assert len(shop.replies(LAYLA)) == len(shop.replies(OMAR)) == 1
    assert await shop.get("/v1/jobs/parked") == []


async def _is_parked(shop: Shop) -> bool:
    return bool(await shop.get("/v1/jobs/parked"))


async def test_a_job_that_breaks_the_worker_is_parked_and_its_lane_goes_on(opened) -> None:
    shop = await opened(WAFAA_MAX_ATTEMPTS=2)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "Hello"))
    await shop.value("UPDATE jobs SET payload = '{\"poison\": true}' RETURNING 1")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await _work(shop, for_replies=1)
    [parked] = await shop.get("/v1/jobs/parked")
    assert parked["error"] == "internal_error: KeyError"
    assert "18" in shop.replies()[0]


async def test_a_job_that_kills_its_workers_is_parked_unseen(opened) -> None:
    shop = await opened(WAFAA_MAX_ATTEMPTS=2)
    await shop.gets(shop.meta.says(NUMBER, LAYLA, "Hello"))
    await shop.value("UPDATE jobs SET attempts = 2 RETURNING 1")
    await shop.product.drain()
    [parked] = await shop.get("/v1/jobs/parked")
    assert parked["error"].startswith("attempts_exhausted")


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_when_no_model_answers_the_contact_is_quoted_what_the_business_taught(
    opened, thinker, language
) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    thinker.status = 503
    thinker.may_speak.set()
    await shop.hears(ASKED[language])
    assert "18" in shop.replies()[0]


async def test_while_the_database_is_away_the_platform_is_told_to_come_again(
    tmp_path, opened
) -> None:
    with EmbeddedPostgres(tmp_path, max_connections=60) as server:
        migrate_now(server.url)
        shop = await opened(database=server.url)
        await shop.hears(ASKED["en"])
        server.stop()
        payload = shop.meta.says(NUMBER, LAYLA, "and the opening hours? When do you open?")
        assert await shop.meta.deliver(payload) == 503
        assert await shop.meta.deliver(shop.meta.says(NUMBER, OMAR, "Hello")) == 503
        worker = asyncio.ensure_future(shop.product.services.worker.run())
        await asyncio.sleep(1.0)  # A worker without a database waits for it.
        server.start()
        assert await shop.meta.deliver(payload, retry=True) == 200
        await until(lambda: _answered(shop, 2))
        shop.product.services.worker.stop()
        await worker
        assert len(shop.replies()) == 2


async def _answered(shop: Shop, count: int) -> bool:
    return len(shop.replies()) >= count

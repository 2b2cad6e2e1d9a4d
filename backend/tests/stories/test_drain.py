"""A worker is asked to stop while two hundred answers are under way: none is lost, none is given twice."""

import asyncio
import signal
from dataclasses import replace

import pytest

from tests.fixtures.shop import ASKED, LAYLA, NUMBER, Open, Shop, Thinker
from tests.fixtures.wired import Theatre, free_port, until


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("in_time", "under_way"), [(True, 200), (False, 40)])
async def test_what_is_under_way_is_finished_or_left_to_the_next_worker(
    theatre: Theatre,
    thinker: Thinker,
    in_time: bool,
    under_way: int,
) -> None:
    own = theatre.product.services.settings.database_url
    assert own
    settings = theatre.settings | {
        "DATABASE_URL": own.get_secret_value(),  # Not through the proxy, which can't hang up by itself.
        "LLM_PROVIDERS": "llama",
        "LLAMA_BASE_URL": thinker.url,
        "WAFAA_ANSWER_SECONDS": 120,
        "WAFAA_WORKER_CONCURRENCY": under_way * 4 // 3 + 4,
        "WAFAA_LEASE_SECONDS": 60,  # What isn't finished is given back: nobody waits for so long.
    }
    worker = theatre.nursery.start("work", settings)
    for _ in range(under_way):
        await theatre.ask()
    await until(lambda: _asked(thinker, under_way), 90)
    worker.signal(signal.SIGTERM)
    if in_time:
        thinker.may_speak.set()
    await until(lambda: _is_gone(worker), 30)
    # Every answer under way was recorded, or its job is due again at once; what is left to do is left to the next one.
    assert await theatre.count("lanes WHERE lease_until IS NOT NULL") == 0
    recorded = await theatre.count("messages WHERE author = 'assistant'")
    due = await theatre.count("jobs WHERE kind = 'answer_message' AND state = 'pending'")
    assert recorded + due == under_way
    assert bool(recorded) == in_time
    thinker.may_speak.set()
    theatre.nursery.start("work", settings)
    await theatre.rest(90)
    counts = [len(theatre.replies(contact)) for contact in theatre.contacts]
    assert counts == [1] * under_way


async def test_an_api_that_is_asked_to_stop_finishes_the_webhook_it_has_begun(
    theatre: Theatre,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/webhook/whatsapp/cafe"
    theatre.meta.connect(replace(theatre.number, callback_url=url))
    api = await theatre.open(port)
    contact = await theatre.ask()
    db = theatre.product.services.db
    async with db.tenant(theatre.business.ref.id) as tx:
        await tx.run("SELECT FROM conversations FOR UPDATE")  # The next message waits for it.
        later = theatre.meta.says(NUMBER, contact, "And a latte?")
        posted = asyncio.create_task(theatre.meta.deliver(later))
        await until(lambda: _waits_for_lock(theatre))
        api.signal(signal.SIGTERM)
    assert await posted == 200
    await until(lambda: _is_gone(api), 30)
    assert await theatre.count("messages WHERE author = 'contact'") == 2


async def _waits_for_lock(theatre: Theatre) -> bool:
    return bool(await theatre.count("pg_stat_activity WHERE wait_event_type = 'Lock'"))


async def test_work_that_no_worker_was_told_of_is_found_by_looking(shop: Shop) -> None:
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    await shop.rows("UPDATE lanes SET due_at = now() + interval '1 hour' RETURNING 1")
    worker = asyncio.create_task(shop.product.services.worker.run())
    await until(lambda: _listens(shop))
    await asyncio.sleep(1.0)  # It has looked, and found nothing.
    await shop.rows("UPDATE lanes SET due_at = now() RETURNING 1")
    await until(lambda: _replied(shop), 60)
    shop.product.services.worker.stop()
    await worker


async def _listens(shop: Shop) -> bool:
    return bool(
        await shop.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE 'LISTEN%wafaa_lanes%'"
        )
    )


async def _replied(shop: Shop) -> bool:
    return len(shop.replies()) == 1


async def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_begun(
    opened: Open, thinker: Thinker
) -> None:
    shop = await opened(LLM_PROVIDERS="llama")
    await shop.gets(shop.meta.says(NUMBER, LAYLA, ASKED["en"]))
    worker = asyncio.create_task(shop.product.services.worker.run())
    await asyncio.wait_for(thinker.asked.wait(), 30)
    shop.product.services.worker.stop()
    await asyncio.wait({worker}, timeout=1)
    assert not worker.done()
    thinker.may_speak.set()
    await worker
    assert await shop.value("SELECT count(*) FROM messages WHERE author = 'assistant'") == 1


async def _asked(model: Thinker, times: int) -> bool:
    return len(model.questions) >= times


async def _is_gone(worker) -> bool:
    return not worker.alive

"""A worker is paused for longer than its lease while it sends: another one takes over, nothing is sent twice."""

import asyncio
import signal
import time

import pytest

from app.models.lane import Lane, Lease, LeaseLost, Wanted
from app.services.orchestrator.jobs import DeliverMessage
from app.services.queue.jobs import CHAT, Work
from tests.fixtures.nursery import Child
from tests.fixtures.shop import Shop
from tests.fixtures.wire import SEND, Step, Trap
from tests.fixtures.wired import Theatre

SHORT = {"WAFAA_LEASE_SECONDS": 1.0, "WAFAA_INDETERMINATE_SECONDS": 1.0}


async def test_a_worker_paused_before_it_sends_finds_out_that_it_was_replaced(theatre) -> None:
    paused = await theatre.hire()
    intent = await _intent(theatre)
    contact = await _asks(
        theatre, Trap(intent, True, lambda: paused.signal(signal.SIGSTOP), release=True)
    )
    await theatre.hire()
    await theatre.rest()
    assert len(theatre.replies(contact)) == 1
    await _wakes_up(paused)
    assert len(theatre.replies(contact)) == 1


async def test_a_worker_paused_while_it_connects_finds_out_before_it_writes(theatre) -> None:
    """A check before the call would have passed by then: only the one right before the socket write is left."""
    theatre.settings |= SHORT
    paused = await theatre.hire()
    intent = await _intent(theatre)
    async with theatre.graph.shut() as open_again:
        contact = await _asks(theatre, Trap(intent, True, lambda: None, release=True))
        await asyncio.sleep(
            0.3
        )  # Its first packet was dropped; the kernel sends the next after a second.
        paused.signal(signal.SIGSTOP)
        await open_again()
        await theatre.hire()
        await theatre.rest()
        assert len(theatre.replies(contact)) == 1
        await _wakes_up(paused)
    assert len(theatre.replies(contact)) == 1


async def test_an_answer_that_comes_after_a_pause_is_still_believed(theatre) -> None:
    """The platform accepted, then the worker slept past its lease: what it was told stays true."""
    theatre.meta.statuses = ()
    theatre.settings |= {"WAFAA_INDETERMINATE_SECONDS": 60.0}
    paused = await theatre.hire()
    await _intent(theatre)
    contact = await _asks(
        theatre, Trap(Step(SEND), True, lambda: paused.signal(signal.SIGSTOP), release=True)
    )
    await theatre.hire()
    await asyncio.sleep(3.0)  # The other worker has the lane now, and waits for a status.
    await _wakes_up(paused)
    await theatre.rest()
    assert len(theatre.replies(contact)) == 1
    assert await theatre.count("messages WHERE delivery_state = 'accepted'") == 2


async def test_who_holds_a_lease_that_is_half_over_sends_nothing_more(shop: Shop) -> None:
    """The other half is for the send itself."""
    await _agent_writes(shop)
    lease = await _claim(shop, 30.0)
    with pytest.raises(LeaseLost):
        await _deliver(shop, Work(lease, 30.0, time.monotonic() - 15.0))
    assert len(shop.replies()) == 1


async def test_whose_lane_another_worker_claimed_sends_nothing(shop: Shop) -> None:
    await _agent_writes(shop)
    lost, held = await _claim(shop, -1.0), await _claim(shop, 30.0)
    with pytest.raises(LeaseLost):
        await _deliver(shop, Work(lost, 30.0, time.monotonic()))
    assert len(shop.replies()) == 1
    await _deliver(shop, Work(held, 30.0, time.monotonic()))  # It finds all as it was.
    assert shop.replies()[1:] == ["It is on the house."]


async def _agent_writes(shop: Shop) -> None:
    await shop.hears("Hello")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    assert await shop.post(f"{path}/takeover") == 204
    assert await shop.post(f"{path}/messages", {"text": "It is on the house."}) == 202


async def _claim(shop: Shop, seconds: float) -> Lease:
    wanted = Wanted(CHAT, 1, 1, {}, None, 0)
    [lease] = (await Lane.claim(shop.product.services.db, [wanted], seconds)).leases
    return lease


async def _deliver(shop: Shop, work: Work) -> None:
    deliver = shop.product.services.worker._handlers[DeliverMessage.kind]  # As the worker has it.
    await deliver(work)


async def _intent(theatre: Theatre) -> Step:
    """The step before the send."""
    theatre.steps.forget()
    await theatre.ask()
    await theatre.rest()
    return theatre.steps.seen[theatre.steps.seen.index(Step(SEND)) - 1]


async def _asks(theatre: Theatre, trap: Trap) -> str:
    theatre.steps.forget()
    theatre.steps.trap = trap
    contact = await theatre.ask()
    await trap.happens()
    return contact


async def _wakes_up(worker: Child) -> None:
    worker.signal(signal.SIGCONT)
    await asyncio.sleep(1.0)

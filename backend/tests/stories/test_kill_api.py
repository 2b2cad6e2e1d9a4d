"""The API dies while a platform posts a webhook: 200 means committed, and the platform's retry doubles nothing."""

import asyncio
from dataclasses import replace

import pytest

from simulators.meta import WebhookPosted
from tests.fixtures.nursery import Child
from tests.fixtures.wire import Step, Trap
from tests.fixtures.wired import Theatre, free_port

RECEIVES = "receive"


@pytest.mark.timeout(180)
async def test_a_webhook_is_taken_once_wherever_the_api_dies(theatre) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/webhook/whatsapp/cafe"
    theatre.meta.connect(replace(theatre.number, callback_url=url))
    api = await theatre.open(port)
    theatre.steps.forget()
    await theatre.ask()
    steps = list(theatre.steps.seen)
    written = next(step for step in steps if RECEIVES in step.name)
    for step, after, committed in ((steps[0], False, 0), (written, False, 0), (written, True, 1)):
        taken, api = await _takes(theatre, port, api, step, after)
        assert taken == (committed, 1, 1), (step, after)


async def _takes(
    theatre: Theatre, port: int, api: Child, step: Step, after: bool
) -> tuple[tuple[int, int, int], Child]:
    """Messages when the API died, after the platform's retry, and replies; and the API that follows."""
    api.kill()
    api = await theatre.open(port)  # It remembers no look-ups: they are steps as well.
    theatre.steps.forget()
    theatre.steps.trap = trap = Trap(step, after, api.kill)
    before = await theatre.count("messages WHERE author = 'contact'")
    contact, payload = theatre.question()
    platform = asyncio.ensure_future(theatre.meta.deliver(payload, retry=True))
    await trap.happens()
    committed = await theatre.count("messages WHERE author = 'contact'") - before
    successor = await theatre.open(port)
    assert await platform == 200
    assert _statuses(theatre, payload)[0] == 0  # The first attempt got no answer: no false 200.
    await theatre.product.drain()
    taken = await theatre.count("messages WHERE author = 'contact'") - before
    return (committed, taken, len(theatre.replies(contact))), successor


def _statuses(theatre: Theatre, payload: object) -> list[int]:
    posted = [r for r in theatre.meta.history.records if isinstance(r, WebhookPosted)]
    return [record.status for record in posted if record.payload == payload]

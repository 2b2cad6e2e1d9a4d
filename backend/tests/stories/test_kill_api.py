"""The API dies while a platform posts a webhook: 200 means committed, and the platform's retry doubles nothing."""

import asyncio
from dataclasses import replace

import pytest

from simulators.meta import WebhookPosted
from tests.fixtures.wire import Step, Trap
from tests.fixtures.wired import Theatre, free_port

RECEIVES = "receive"


@pytest.mark.timeout(120)
async def test_a_webhook_is_taken_once_wherever_the_api_dies(theatre) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/webhook/whatsapp/cafe"
    theatre.meta.connect(replace(theatre.number, callback_url=url))
    api = await theatre.open(port)
    theatre.steps.forget()
    await theatre.ask()
    steps = list(theatre.steps.seen)
    api.kill()
    assert any(RECEIVES in step.name for step in steps)

    for step in steps:
        for after in (False, True):
            taken = await _takes(theatre, port, step, after=after)
            assert taken == _expected(step, after=after), (step, after)


def _expected(step: Step, *, after: bool) -> tuple[int, int, int]:
    """Messages when the API died, after the retry, and replies."""
    return (1 if after and RECEIVES in step.name else 0), 1, 1


async def _takes(theatre: Theatre, port: int, step: Step, *, after: bool) -> tuple[int, int, int]:
    api = await theatre.open(port)
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
    successor.kill()
    taken = await theatre.count("messages WHERE author = 'contact'") - before
    return committed, taken, len(theatre.replies(contact))


def _statuses(theatre: Theatre, payload: object) -> list[int]:
    posted = [r for r in theatre.meta.history.records if isinstance(r, WebhookPosted)]
    return [record.status for record in posted if record.payload == payload]

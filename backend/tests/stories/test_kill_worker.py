"""A worker dies between any two steps of the journey: every message is answered exactly once."""

import pytest

from tests.fixtures.nursery import Child
from tests.fixtures.wire import SEND, Step, Trap
from tests.fixtures.wired import Theatre

TURN = ["claim", "search", "record_and_intend", SEND, "record_sent"]
"""All that a turn asks of the database, four calls, and the send among them."""

MEANWHILE = ("claim_step", "pg_catalog, entered")
"""The timetable, and what is known of a client, which may be looked at anew: neither is a step of the turn."""


@pytest.mark.timeout(180)
async def test_a_message_is_answered_exactly_once_wherever_its_worker_dies(theatre) -> None:
    worker = await theatre.hire()
    steps = await _steps_of_a_turn(theatre)
    assert [step.name for step in steps] == TURN

    answered = {}
    for step in steps:
        for after in (False, True):
            place = f"{'after' if after else 'before'} {step}"
            answered[place], worker = await _answers_when_killed(theatre, worker, step, after=after)
    assert answered == dict.fromkeys(answered, 1)


async def _steps_of_a_turn(theatre: Theatre) -> list[Step]:
    """What a worker durably does for one message, seen from outside; the second turn has warm connections."""
    for _ in range(2):
        theatre.steps.forget()
        contact = await theatre.ask()
        await theatre.rest()
        assert len(theatre.replies(contact)) == 1
    another = Step("claim", 2)  # One that finds nothing may be on its way.
    return [s for s in theatre.steps.seen if not s.name.startswith(MEANWHILE) and s != another]


async def _answers_when_killed(
    theatre: Theatre, worker: Child, step: Step, *, after: bool
) -> tuple[int, Child]:
    theatre.steps.forget()
    theatre.steps.trap = trap = Trap(step, after, worker.kill)
    contact = await theatre.ask()
    await trap.happens()
    successor = await theatre.hire()
    await theatre.rest()
    return len(theatre.replies(contact)), successor

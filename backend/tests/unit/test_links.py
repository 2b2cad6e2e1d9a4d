"""Links that open one thing without another credential end by the clock."""

from datetime import timedelta

import pytest

from app.core.errors import NotFound
from app.core.links import Links
from app.utils.ids import uuid7

BEGAN = 1_800_000_000.0


def test_a_link_is_good_for_five_minutes_and_no_longer() -> None:
    """Check 13."""
    now = BEGAN
    links = Links("s" * 32, lambda: now)
    client, thing = uuid7(), uuid7()
    ticket = links.ticket(client, thing)
    for seconds in (0, 299, 299.9):
        now = BEGAN + seconds
        assert links.read(ticket) == (client, thing)
    for seconds in (300, 301, timedelta(days=1).total_seconds()):
        now = BEGAN + seconds
        with pytest.raises(NotFound):
            links.read(ticket)


def test_a_later_end_can_not_be_written_into_it() -> None:
    now = BEGAN
    links = Links("s" * 32, lambda: now)
    ticket = links.ticket(uuid7(), uuid7())
    until = str(int(BEGAN) + 300)
    assert ticket.count(until) == 1
    now = BEGAN + 400
    with pytest.raises(NotFound):
        links.read(ticket.replace(until, str(int(BEGAN) + 600)))
    now = BEGAN
    with pytest.raises(NotFound):
        Links("t" * 32, lambda: now).read(ticket)

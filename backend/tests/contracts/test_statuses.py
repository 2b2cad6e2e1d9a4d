"""What a platform says of a send counts in whatever order it comes: a state only rises."""

from itertools import permutations

import pytest

from app.models.message import RANKS, Message

TOLD = ("sent", "failed", "delivered", "read")
BEFORE = ("sending", "indeterminate", "parked", "accepted")


async def test_the_highest_of_all_states_stays_whatever_the_order(shop) -> None:
    await shop.hears("Hello")
    message_id = (await shop.messages())[-1]["id"]
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        for count in range(1, len(TOLD) + 1):
            for told in permutations(TOLD, count):
                for before in BEFORE:
                    await tx.run(
                        "UPDATE messages SET delivery_state = $2 WHERE id = $1", message_id, before
                    )
                    rose = [await Message.advance(tx, message_id, state) for state in told]
                    state = (await Message.get(tx, message_id)).delivery_state
                    assert state == max(told, key=RANKS.__getitem__), (before, told)
                    highest = [
                        max(RANKS[s] for s in (before, *told[: n + 1])) for n in range(count)
                    ]
                    lower = [RANKS[before], *highest[:-1]]
                    assert rose == [a < b for a, b in zip(lower, highest, strict=True)]


@pytest.mark.parametrize(
    ("late", "known"),
    [("sent", "delivered"), ("failed", "delivered"), ("delivered", "read"), ("accepted", "failed")],
)
def test_what_is_late_ranks_below_what_is_known(late: str, known: str) -> None:
    assert RANKS[late] < RANKS[known]

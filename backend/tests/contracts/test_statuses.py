"""What a platform says of a send counts in whatever order it comes: a state only rises, and a failure stays."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.multi_tenant import Database
from app.core.sealing import Cipher
from app.models.message import RANKS, Message
from app.models.status import Status, note
from tests.fixtures.shop import NUMBER, Shop

TOLD = ("sent", "failed", "delivered", "read")
BEFORE = ("sending", "indeterminate", "parked", "accepted")
SEEN = "SELECT max(seq) FROM conversation_events"


@dataclass
class Platform:
    """What tells of one client's messages."""

    db: Database
    cipher: Cipher
    account: UUID

    def word(self, message: UUID | None, state: str, **more: Any) -> Status:
        """One status."""
        plain = {"event_key": str(uuid4()), "platform_message_id": f"wamid.{message}"}
        return Status(self.cipher, self.account, state=state, our_id=message, **plain | more)

    async def tells(self, *statuses: Status) -> None:
        """Tells them at once."""
        await note(self.db, statuses)


async def platform_of(shop: Shop, client: UUID | None = None) -> Platform:
    """Whoever tells a shop, or speaks for another client."""
    db = shop.product.services.db
    [account] = await shop.rows("SELECT id FROM channel_configs WHERE kind = 'whatsapp'")
    return Platform(db, await db.cipher(client or shop.business.ref.id), account["id"])


def known(before: str, told: Sequence[str]) -> str:
    """What is known in the end: the highest of all, unless a failure was told before anything higher."""
    for state in told:
        if before != "failed" and RANKS[state] > RANKS[before]:
            before = state
    return before


async def taken(shop: Shop) -> list[UUID]:
    """Every reply, as if the platform had just taken it."""
    await shop.meta.settle()
    rows = await shop.rows(
        "UPDATE messages SET delivery_state = 'accepted', platform_key = NULL WHERE author = 'assistant' RETURNING id"
    )
    return [row["id"] for row in rows]


async def test_the_highest_of_all_states_stays_whatever_the_order(shop: Shop) -> None:
    await shop.hears("Hello")
    [message_id] = await taken(shop)
    async with shop.product.services.db.tenant(shop.business.ref.id) as tx:
        for count in range(1, len(TOLD) + 1):
            for told in permutations(TOLD, count):
                for before in BEFORE:
                    await tx.run(
                        "UPDATE messages SET delivery_state = $2 WHERE id = $1", message_id, before
                    )
                    rose = [await Message.advance(tx, message_id, state) for state in told]
                    state = (await Message.get(tx, message_id)).delivery_state
                    expected = [before, *(known(before, told[: n + 1]) for n in range(count))]
                    assert state == expected[-1], (before, told)
                    assert rose == [a != b for a, b in pairwise(expected)]


@pytest.mark.parametrize("together", [True, False])
async def test_and_as_platforms_tell_them(shop: Shop, together: bool) -> None:
    """In one webhook or one by one; followers hear of each rise, and of nothing else."""
    await shop.hears("Hello")
    [message_id] = await taken(shop)
    platform = await platform_of(shop)
    for told in permutations(TOLD):
        for before in BEFORE:
            await shop.rows(
                "UPDATE messages SET delivery_state = $2 WHERE id = $1 RETURNING 1",
                message_id,
                before,
            )
            seen = await shop.value(SEEN)
            words = [platform.word(message_id, state) for state in told]
            for some in [words] if together else [[word] for word in words]:
                await platform.tells(*some)
            heard = await shop.rows(
                "SELECT type, message_id FROM conversation_events WHERE seq > $1 ORDER BY seq", seen
            )
            states = {known(before, told[: n + 1]) for n in range(4)}
            assert [tuple(row.values()) for row in heard] == [
                ("message.status", message_id) for _ in states
            ]
            assert (await shop.messages())[-1]["delivery_state"] == known(before, told)


@pytest.mark.parametrize("by_our_id", [True, False])
async def test_a_message_is_found_by_either_id(shop: Shop, by_our_id: bool) -> None:
    await shop.hears("Hello")
    [message_id] = await taken(shop)
    platform = await platform_of(shop)
    await platform.tells(platform.word(message_id, "sent", platform_message_id="wamid.its"))
    named = message_id if by_our_id else uuid4()  # Somebody else's opaque data may look like ours.
    await platform.tells(platform.word(named, "delivered", platform_message_id="wamid.its"))
    assert (await shop.messages())[-1]["delivery_state"] == "delivered"
    await platform.tells(platform.word(None, "read", platform_message_id="wamid.nobody's"))
    assert (await shop.messages())[-1]["delivery_state"] == "delivered"


async def test_the_same_word_at_the_same_time_counts_once(shop: Shop) -> None:
    await shop.hears("Hello")
    [message_id] = await taken(shop)
    platform, seen = await platform_of(shop), await shop.value(SEEN)
    twins = [platform.word(message_id, "read", event_key="one key") for _ in range(8)]
    await asyncio.gather(*(platform.tells(one) for one in twins), platform.tells(*twins))
    assert await shop.value(SEEN) - seen == 1


async def test_many_conversations_in_any_order_wait_for_each_other_and_never_in_a_circle(
    shop: Shop,
) -> None:
    people = [f"96650000{n:04d}" for n in range(8)]
    for who in people:
        await shop.hears("Hello", sender=who)
    ids = await taken(shop)
    assert len(ids) == len(people)
    platform = await platform_of(shop)
    calls = [
        platform.tells(*(platform.word(one, state) for one in order))
        for state in ("sent", "delivered", "read")
        for order in (ids, ids[::-1], ids[4:] + ids[:4])
    ]
    more = [shop.gets(shop.meta.says(NUMBER, who, "And?")) for who in people]
    await asyncio.gather(*calls, *more)
    states = await shop.rows("SELECT delivery_state FROM messages WHERE author = 'assistant'")
    assert {row["delivery_state"] for row in states} == {"read"}
    numbers = await shop.rows("SELECT conversation_id, seq FROM conversation_events")
    assert len({tuple(row.values()) for row in numbers}) == len(numbers)


async def test_nothing_of_another_client_is_touched(shop: Shop) -> None:
    """A word counts for the client whose account it came in on, whatever it names."""
    await shop.hears("Hello")
    [message_id] = await taken(shop)
    mine = await platform_of(shop)
    await mine.tells(mine.word(message_id, "sent"))
    other = await shop.product.business("bakery")
    theirs = await platform_of(shop, other.ref.id)
    await theirs.tells(theirs.word(message_id, "read"), mine.word(message_id, "delivered"))
    assert (await shop.messages())[-1]["delivery_state"] == "delivered"


@pytest.mark.parametrize(
    ("late", "before"),
    [("sent", "delivered"), ("failed", "delivered"), ("delivered", "read"), ("accepted", "failed")],
)
def test_what_is_late_ranks_below_what_is_known(late: str, before: str) -> None:
    assert RANKS[late] < RANKS[before]

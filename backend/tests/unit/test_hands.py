"""Who computes: few at once, none of them all of one client's, and nobody who only waits."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import hands as module
from app.core.hands import Hand, Hands, resting
from app.models.lane import Lease, Wanted
from app.services.queue.bench import Bench

FLOOD, CAFE, SHOP = (UUID(int=n) for n in (1, 2, 3))


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def lease(client: UUID) -> Lease:
    return Lease(client, uuid4(), 1, uuid4(), "answer_message", {}, 1, "chat", 0)


@contextmanager
def turn(hands: Hands, client: UUID) -> Iterator[Hand]:
    hand = Hand(hands, client, lambda: None)
    with hand.working():
        yield hand


def begin(bench: Bench, *clients: UUID, left: bool) -> list[Lease]:
    """Their jobs were claimed, and others were left behind or not."""
    wanted, leases = bench.wanted(), [lease(client) for client in clients]
    assert wanted is not None
    for one in leases:
        bench.sit(one)
        assert bench.hands is not None
        bench.hands.take(one.client_id)
    bench.served(wanted, leases, left=left)
    return leases


def end(bench: Bench, done: Lease) -> bool:
    """A job is done; tells whether somebody is asked for."""
    assert bench.hands is not None
    bench.hands.leave(done.client_id)
    bench.stand(done)
    return bench.may_ask(done.client_id)


def test_one_client_has_half_of_the_hands_and_a_quarter_while_others_are_about() -> None:
    clock = Clock()
    hands = Hands(8, now=clock)
    hands.take(FLOOD)
    assert hands.cap == 4
    hands.take(CAFE)
    assert hands.cap == 2
    hands.leave(CAFE)
    clock.seconds = module.ABOUT_SECONDS
    hands.take(CAFE)
    hands.take(CAFE)
    assert hands.cap == 4, "who was alone for a while has more"


def test_who_begins_more_than_twice_as_much_as_others_do_has_half_of_an_even_share() -> None:
    clock = Clock()
    hands = Hands(12, now=clock)
    for client in (CAFE, SHOP, FLOOD, FLOOD, FLOOD, FLOOD):
        hands.take(client)
    assert hands.cap_of(FLOOD) == 3, "four of six, among three: no more than twice as much"
    hands.take(FLOOD)
    assert [hands.cap_of(client) for client in (FLOOD, CAFE)] == [2, 3]
    bench = Bench("chat", 16, hands)
    bench.sit(lease(FLOOD))
    wanted = bench.wanted()
    assert wanted is not None
    assert wanted.running[str(FLOOD)] >= wanted.cap
    for _ in range(4):
        hands.leave(FLOOD)
    wanted = bench.wanted()
    assert wanted is not None
    assert wanted.cap - wanted.running[str(FLOOD)] == 1, "it has one of its two"


def test_where_more_are_about_than_there_are_hands_a_flood_rests_for_as_long_as_it_computed() -> (
    None
):
    clock = Clock()
    hands, bench = Hands(2, now=clock), Bench("chat", 16)
    bench.hands = hands
    for client in (FLOOD, FLOOD, FLOOD, FLOOD, FLOOD, CAFE):
        hands.take(client)
    assert hands.leave(FLOOD, 0.3) == 0, "two hands, two clients"
    hands.take(SHOP)
    assert hands.leave(FLOOD, 0.1) == pytest.approx(0.1)
    assert hands.leave(CAFE, 0.3) == 0, "it began no more than others"
    assert hands.leave(FLOOD, 0.2) == pytest.approx(0.3)
    assert list(hands.resting) == [FLOOD]
    for _ in range(2):
        hands.leave(FLOOD)
    assert not hands.room_of(FLOOD)
    assert hands.held(FLOOD) == 0
    wanted = bench.wanted()
    assert wanted is not None
    assert wanted.running == {str(FLOOD): wanted.cap}, "nothing of it is claimed"
    clock.seconds = 0.31
    assert not hands.resting
    clock.seconds = module.ABOUT_SECONDS
    hands.take(FLOOD)
    assert hands.leave(FLOOD, 0.5) == 0, "alone it needs no rest"


def test_where_everybody_has_as_much_to_do_nobody_rests() -> None:
    hands = Hands(2, now=Clock())
    for client in (FLOOD, CAFE, SHOP):
        hands.take(client)
        assert hands.leave(client, 0.1) == 0
    assert not hands.resting


async def test_whoever_has_rested_is_asked_for() -> None:
    hands, freed = Hands(1), asyncio.Queue[None]()
    for client in (CAFE, SHOP, *[FLOOD] * 5):
        hands.take(client)
        hands.leave(client)
    with Hand(hands, FLOOD, lambda: freed.put_nowait(None)).working():
        await asyncio.sleep(0.05)
    assert freed.qsize() == 1
    assert not hands.room_of(FLOOD)
    async with asyncio.timeout(60):
        await freed.get()
        await freed.get()
    assert hands.room_of(FLOOD)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_where_there_are_few_hands_everybody_may_have_one(most: int) -> None:
    assert Hands(most).cap == 1


def test_a_job_is_wanted_while_a_hand_is_free_and_no_client_has_its_share() -> None:
    bench = Bench("chat", 16, Hands(8))
    for client in (FLOOD, CAFE, FLOOD):
        bench.sit(lease(client))
        assert bench.hands is not None
        bench.hands.take(client)
    wanted = bench.wanted()
    assert wanted is not None
    assert (wanted.places, wanted.cap) == (5, 2)
    assert wanted.running == {str(FLOOD): 2, str(CAFE): 1}


def test_who_was_left_behind_above_its_share_is_asked_for_when_two_of_its_hands_are_free() -> None:
    bench = Bench("chat", 16, hands := Hands(8))
    held = begin(bench, *[FLOOD] * 4, left=True)
    assert not bench.is_hungry, "there is room, and nobody for it"
    assert bench.has_news(), "somebody else may have come"
    asked = [end(bench, one) for one in held]
    assert asked == [False, True, True, True]
    assert hands.free == 8


def test_news_of_who_has_its_share_waits_until_it_falls_below() -> None:
    bench = Bench("chat", 16, Hands(8))
    held = begin(bench, CAFE, FLOOD, FLOOD, left=False)
    assert not bench.has_news([FLOOD])
    assert bench.has_news([SHOP])
    assert bench.has_news([FLOOD, SHOP])
    assert bench.has_news(), "nobody says whose it is"
    assert not end(bench, held[0]), "its end makes no room for the flood"
    assert end(bench, held[1])


def test_who_falls_below_its_share_while_room_is_short_is_asked_for_by_whoever_makes_room() -> None:
    bench = Bench("chat", 16, hands := Hands(4))
    held = begin(bench, FLOOD, left=True)
    for other in (CAFE, SHOP, uuid4()):
        hands.take(other)
    assert not bench.has_news([FLOOD])
    assert not end(bench, held[0]), "one hand is free, and two are asked for at once"
    hands.leave(CAFE)
    assert bench.may_ask(CAFE)


def test_where_nobody_was_left_behind_nobody_is_asked_for_until_something_is_due() -> None:
    bench = Bench("chat", 16, Hands(8))
    held = begin(bench, FLOOD, CAFE, left=False)
    assert not any(end(bench, one) for one in held)
    assert not bench.is_hungry
    assert bench.has_news()


def test_for_want_of_hands_the_next_are_asked_for_several_at_once_or_when_nobody_computes() -> None:
    bench = Bench("chat", 16, Hands(8))
    held = begin(bench, *[FLOOD, CAFE] * 4, left=True)
    assert [end(bench, one) for one in held[:3]] == [False] * 3
    assert not bench.has_news(), "that is known, and three hands are free"
    assert end(bench, held[3])
    assert bench.is_hungry
    alone = Bench("chat", 16, Hands(1))
    assert end(alone, *begin(alone, FLOOD, left=True))


def test_a_hand_that_came_free_while_others_were_claimed_is_used_at_once() -> None:
    bench = Bench("chat", 16, Hands(8))
    held = begin(bench, *[FLOOD] * 4, left=True)
    wanted = bench.wanted()
    assert wanted is not None
    asked = [end(bench, one) for one in held[:2]]
    assert asked == [False, False], "what is under way says whether anybody waits"
    bench.served(wanted, [], left=True)
    assert bench.is_hungry


def test_who_only_waits_takes_a_place_and_no_hand_until_its_places_are_full() -> None:
    bench = Bench("chat", 16, Hands(8))
    for _ in range(11):
        bench.sit(lease(FLOOD))
    wanted = bench.wanted()
    assert wanted is not None
    assert wanted.cap - wanted.running[str(FLOOD)] == 1, "of twelve places one is left"
    bench.sit(lease(FLOOD))
    wanted = bench.wanted()
    assert wanted is not None
    assert wanted.cap == wanted.running[str(FLOOD)]


def test_without_a_free_hand_nothing_is_wanted_and_whoever_frees_one_looks_again() -> None:
    hands = Hands(2)
    bench = Bench("chat", 16, hands)
    bench.served(Wanted("chat", 2, 1, {}, None, 0), [], left=False)
    hands.take(FLOOD)
    hands.take(CAFE)
    assert bench.wanted() is None
    hands.leave(CAFE)
    assert bench.may_ask(CAFE)


async def test_a_turn_that_rests_lends_its_hand_and_goes_on_before_new_ones() -> None:
    hands = Hands(1)
    with turn(hands, FLOOD):
        async with resting():
            assert hands.free == 1
            other = Hand(hands, CAFE, lambda: None)
            assert hands.free == 0
            # Left only when the other one has let go.
            asyncio.get_running_loop().call_later(0.01, other._let_go)
        assert hands.free == 0
    assert hands.free == 1


async def test_of_those_that_come_back_whoever_has_fewest_goes_first() -> None:
    clock = Clock()
    hands = Hands(8, now=clock)
    order: list[UUID] = []
    others = [uuid4() for _ in range(6)]

    async def come_back(client: UUID) -> None:
        await hands.take_again(client)
        order.append(client)

    for client in (FLOOD, FLOOD, *others):
        hands.take(client)
    clock.seconds = module.ABOUT_SECONDS
    waiting = [asyncio.create_task(come_back(c)) for c in (FLOOD, FLOOD, CAFE)]
    await asyncio.sleep(0)
    hands.leave(others[0])
    await asyncio.sleep(0)
    assert order == [CAFE], "the flood has two already"
    hands.leave(FLOOD)
    hands.leave(FLOOD)
    await asyncio.gather(*waiting)
    assert order == [CAFE, FLOOD, FLOOD]


async def test_a_turn_given_up_while_it_waits_leaves_nothing_behind() -> None:
    hands = Hands(1)
    hands.take(FLOOD)
    waiting = asyncio.create_task(hands.take_again(CAFE))
    late = asyncio.create_task(hands.take_again(SHOP))
    await asyncio.sleep(0)
    waiting.cancel()
    hands.leave(FLOOD)
    late.cancel()  # Its hand has come already.
    await asyncio.gather(waiting, late, return_exceptions=True)
    assert hands.free == 1
    assert [hands.held(client) for client in (FLOOD, CAFE, SHOP)] == [0, 0, 0]


async def test_whatever_hangs_keeps_no_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.01)
    hands, freed = Hands(1), asyncio.Event()
    with Hand(hands, FLOOD, freed.set).working():
        await freed.wait()
        assert hands.free == 1
        async with resting():
            pass
        assert hands.free == 0
    assert hands.free == 1


async def test_two_that_one_turn_waits_for_give_one_hand_back() -> None:
    hands = Hands(1)

    async def rest(seconds: float) -> None:
        async with resting():
            await asyncio.sleep(seconds)

    with turn(hands, FLOOD):
        await asyncio.gather(rest(0), rest(0.01))
        assert hands.free == 0
    assert hands.free == 1


async def test_outside_of_a_turn_resting_is_nothing() -> None:
    async with resting():
        pass


@given(st.lists(st.tuples(st.sampled_from([FLOOD, CAFE, SHOP]), st.booleans()), max_size=60))
async def test_never_more_than_there_are_and_whoever_waits_gets_one(
    steps: list[tuple[UUID, bool]],
) -> None:
    hands = Hands(4)
    held: list[UUID] = []
    waiting: list[asyncio.Task[UUID]] = []

    async def come_back(client: UUID) -> UUID:
        await hands.take_again(client)
        return client

    async def settle() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        for task in [task for task in waiting if task.done()]:
            waiting.remove(task)
            held.append(task.result())

    for client, comes in steps:
        if comes:
            waiting.append(asyncio.create_task(come_back(client)))
        elif held:
            hands.leave(held.pop(0))
        await settle()
        assert len(held) <= 4
        assert all(held.count(one) <= 2 for one in held)
    while held:
        hands.leave(held.pop())
        await settle()
    assert not waiting
    assert hands.free == 4

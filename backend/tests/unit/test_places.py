"""A bounded number of places, and a bounded wait for one."""

import asyncio
from collections.abc import Callable

from app.utils.places import Places


async def test_who_finds_none_waits_in_order_and_not_for_ever() -> None:
    places = Places(1, seconds=0.05)
    assert await places.enter()
    assert not await places.enter()
    patient = Places(1, seconds=60.0)
    served: list[int] = []

    async def come(number: int) -> None:
        assert await patient.enter()
        served.append(number)
        await asyncio.sleep(0)
        patient.leave()

    await asyncio.gather(*(come(n) for n in range(20)))
    assert served == list(range(20))


async def test_only_so_many_may_wait() -> None:
    places = Places(1, seconds=60.0, waiting=2)
    assert await places.enter()
    waiting = [asyncio.create_task(places.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not await places.enter()
    places.leave()
    assert await waiting[0]
    waiting[1].cancel()
    await asyncio.wait(waiting)
    places.leave()
    assert await places.enter()  # Nobody's place was lost, whoever left.


async def test_a_place_given_to_who_is_just_leaving_goes_to_the_next() -> None:
    places = Places(1, seconds=60.0)
    assert await places.enter()
    leaving, next_one = (asyncio.create_task(places.enter()) for _ in range(2))
    await asyncio.sleep(0)
    places.leave()  # Calls the first, who hasn't heard it yet.
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert await asyncio.wait_for(next_one, 1)


async def test_everybody_waits_equally_long_whenever_they_came() -> None:
    places, loop = Places(1, seconds=0.1), asyncio.get_running_loop()
    assert await places.enter()
    waited: list[float] = []

    async def come(later: float) -> None:
        await asyncio.sleep(later)
        began = loop.time()
        assert not await places.enter()
        waited.append(loop.time() - began)

    await asyncio.gather(*(come(n * 0.03) for n in range(5)))
    assert min(waited) > 0.09
    places.leave()
    assert await places.enter()  # Those who were sent away are called no more.


async def test_who_left_while_waiting_leaves_their_room_to_others() -> None:
    places = Places(1, seconds=60.0, waiting=1)
    assert await places.enter()
    leaving = asyncio.create_task(places.enter())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    staying = asyncio.create_task(places.enter())
    await asyncio.sleep(0)
    places.leave()
    assert await asyncio.wait_for(staying, 1)


async def test_a_place_comes_free_between_somebodys_leaving_and_their_knowing() -> None:
    """Thousands who are just being cancelled are passed over, and nobody's place is lost."""
    places = Places(1, seconds=60.0)
    assert await places.enter()
    leaving = [asyncio.create_task(places.enter()) for _ in range(9_000)]
    staying = asyncio.create_task(places.enter())
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    places.leave()  # None of them has run since.
    await asyncio.wait(leaving)
    assert await asyncio.wait_for(staying, 1)
    places.leave()
    assert await places.enter()


async def test_of_who_is_told_and_is_not_there_the_place_goes_to_the_next() -> None:
    places, told = Places(1, seconds=60.0), list[tuple[str, bool]]()

    def one(name: str, *, is_there: bool) -> Callable[[bool], bool]:
        return lambda has_place: told.append((name, has_place)) or is_there

    places.ask(one("gone at once", is_there=False))
    places.ask(one("here", is_there=True))
    places.ask(one("gone", is_there=False))
    places.ask(one("later", is_there=True))
    assert told == [("gone at once", True), ("here", True)]
    places.leave()
    assert told[2:] == [("gone", True), ("later", True)]

"""A bounded number of places, and a bounded wait for one."""

import asyncio

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

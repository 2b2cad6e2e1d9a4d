"""What is looked up is remembered for a moment, unless it has changed meanwhile."""

import asyncio

from app.utils.remembered import Remembered

LONG = 3600.0


async def test_a_change_makes_only_what_it_concerns_be_looked_up_again() -> None:
    remembered: Remembered[str, str] = Remembered(seconds=LONG)
    asked: list[str] = []

    async def look(key: str) -> str:
        asked.append(key)
        return key

    for _ in range(2):
        await remembered.get("a", lambda: look("a"))
        await remembered.get("b", lambda: look("b"))
    assert asked == ["a", "b"]
    remembered.change(lambda value: value == "a")
    for _ in range(2):
        await remembered.get("a", lambda: look("a"))
        await remembered.get("b", lambda: look("b"))
    assert asked == ["a", "b", "a"]


async def test_an_answer_that_was_under_way_while_something_changed_is_not_remembered() -> None:
    remembered: Remembered[str, int] = Remembered(seconds=LONG)
    answers: list[asyncio.Future[int]] = []

    async def look() -> int:
        answers.append(asyncio.get_running_loop().create_future())
        return await answers[-1]

    early = asyncio.create_task(remembered.get("a", look))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    remembered.change(lambda value: True)
    late = asyncio.create_task(
        remembered.get("a", look)
    )  # It asks anew, whatever the first will be told.
    for _ in range(3):
        await asyncio.sleep(0)
    answers[1].set_result(2)
    assert await late == 2
    answers[0].set_result(1)
    assert await early == 1
    assert await remembered.get("a", look) == 2
    assert len(answers) == 2


async def test_from_then_on_answers_are_kept_for_as_long_as_is_said() -> None:
    remembered: Remembered[str, int] = Remembered(seconds=0.0)
    count = 0

    async def look() -> int:
        nonlocal count
        count += 1
        return count

    assert [await remembered.get("a", look) for _ in range(2)] == [1, 2]
    remembered.keep_for(LONG)
    assert [await remembered.get("a", look) for _ in range(2)] == [3, 3]

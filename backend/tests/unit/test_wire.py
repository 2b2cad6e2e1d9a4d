"""What is answered at the same moment leaves together, in one piece an answer and in its order."""

import asyncio

from app.api.wire import MOST_HELD, Held


class Sink(asyncio.Transport):
    """Notes what is written to it, in an order that all sinks of a test share."""

    def __init__(self, name: str, written: list[tuple[str, bytes]]) -> None:
        super().__init__({"name": name})
        self._name, self._written = name, written
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._written.append((self._name, bytes(data)))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_answers_of_one_moment_leave_when_all_are_written() -> None:
    written: list[tuple[str, bytes]] = []
    loop = asyncio.get_running_loop()
    committed = loop.create_future()

    async def answer(name: str) -> None:
        held = Held(Sink(name, written), loop)
        await committed
        held.write(b"head of " + name.encode())
        assert not written
        held.write(b", body")

    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b"):
            tasks.create_task(answer(name))
        await asyncio.sleep(0)
        committed.set_result(None)
    await asyncio.sleep(0)
    assert written == [("a", b"head of a, body"), ("b", b"head of b, body")]


async def test_much_is_written_at_once_and_in_its_order() -> None:
    written: list[tuple[str, bytes]] = []
    held = Held(Sink("a", written), asyncio.get_running_loop())
    held.write(b"head")
    held.write(b"x" * MOST_HELD)
    assert written == [("a", b"head" + b"x" * MOST_HELD)]
    held.write(b"end")
    await asyncio.sleep(0)
    assert [piece[-3:] for _, piece in written] == [b"xxx", b"end"]


async def test_a_connection_closes_after_what_was_written() -> None:
    written: list[tuple[str, bytes]] = []
    sink = Sink("a", written)
    held = Held(sink, asyncio.get_running_loop())
    held.write(b"bye")
    held.close()
    assert written == [("a", b"bye")]
    assert held.is_closing()
    assert held.get_extra_info("name") == "a"
    await asyncio.sleep(0)
    assert written == [("a", b"bye")]

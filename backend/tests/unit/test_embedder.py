"""The embedding server: the most urgent first, and nothing from outside breaks it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from app.services.knowledge.base import Purpose
from app.services.knowledge.embedder import Server, Turns
from app.services.knowledge.embedders import _wire

CAFE, SHOP, FLOOD = UUID(int=1), UUID(int=2), UUID(int=3)


class Letters:
    """A model whose vector of a text is its length; it notes what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def vector(self, text: str, purpose: Purpose) -> bytes:
        if text == "broken":
            raise ValueError("a broken text")
        self.asked.append("question" if purpose is Purpose.QUERY else "passage")
        return struct.pack("<f", len(text))


@asynccontextmanager
async def listening(model: Letters) -> AsyncIterator[Path]:
    with TemporaryDirectory(prefix="wafaa") as folder, ThreadPoolExecutor(1) as worker:
        socket = Path(folder, "s")
        async with await asyncio.start_unix_server(Server(model, Turns(worker)).handle, socket):
            yield socket


async def ask(socket: Path, texts: Sequence[str], purpose: Purpose) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)
    writer.write(_wire.pack_request(texts, purpose))
    answer = await _wire.read_frame(reader)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_most_urgent_goes_next_and_equals_in_order() -> None:
    order: list[str] = []
    with ThreadPoolExecutor(1) as worker:
        turns = Turns(worker)
        names = [("first", 1), ("passage", 1), ("second passage", 1), ("question", 0)]
        work = [turns.run(urgency, CAFE, partial(order.append, name)) for name, urgency in names]
        await asyncio.gather(*work)
    assert order == ["first", "question", "passage", "second passage"]


async def test_clients_take_turns_however_many_texts_one_of_them_has() -> None:
    order: list[UUID] = []
    with ThreadPoolExecutor(1) as worker:
        turns = Turns(worker)
        texts = [FLOOD] * 20 + [CAFE, SHOP, CAFE]
        work = [turns.run(0, whose, partial(order.append, whose)) for whose in texts]
        await asyncio.gather(*work)
    assert order[:6] == [FLOOD, FLOOD, CAFE, SHOP, FLOOD, CAFE]
    assert order[6:] == [FLOOD] * 17


async def test_one_who_leaves_the_queue_gives_the_turn_on() -> None:
    with ThreadPoolExecutor(1) as worker:
        turns = Turns(worker)
        release = asyncio.Event()
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(
            turns.run(
                0, CAFE, lambda: asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
            )
        )
        await asyncio.sleep(0)
        leaving = asyncio.create_task(turns.run(0, CAFE, lambda: 1))
        staying = asyncio.create_task(turns.run(1, CAFE, lambda: 2))
        await asyncio.sleep(0)
        leaving.cancel()
        release.set()
        await running
        assert await staying == 2
        assert await turns.run(0, CAFE, lambda: 3) == 3


async def test_a_question_comes_between_the_passages_of_a_document() -> None:
    model = Letters()
    async with listening(model) as socket:
        document = asyncio.create_task(ask(socket, ["text"] * 200, Purpose.PASSAGE))
        await asyncio.sleep(0.005)
        await ask(socket, ["when?"], Purpose.QUERY)
        before = model.asked.index("question")
        await document
    assert before < 150
    assert len(model.asked) == 201


async def test_vectors_come_back_in_the_texts_order() -> None:
    async with listening(Letters()) as socket:
        answer = await ask(socket, ["a", "bbb", "قهوة"], Purpose.PASSAGE)
    assert answer[:1] == _wire.DONE
    assert _wire.unpack_vectors(answer[1:], 1) == [(1.0,), (3.0,), (4.0,)]


async def test_what_fails_is_told_and_the_connection_lives_on() -> None:
    async with listening(Letters()) as socket:
        assert (await ask(socket, ["broken"], Purpose.QUERY))[:1] == _wire.FAILED
        assert (await ask(socket, ["fine"], Purpose.QUERY))[:1] == _wire.DONE


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff",
        _wire.frame(b"\7abc"),
        _wire.frame(b"\0\xff\xff\xff\x00a"),
        _wire.frame(b""),
        b"\x01",
    ],
    ids=["too long", "no purpose", "text behind the frame", "empty", "half a length"],
)
async def test_garbage_ends_its_connection_only(garbage: bytes) -> None:
    async with listening(Letters()) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(garbage)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert (await ask(socket, ["fine"], Purpose.QUERY))[:1] == _wire.DONE

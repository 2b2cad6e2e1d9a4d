"""One burst, one reply: five hundred of them on a clock that is wound, a few in real time, and an album.

The product runs as it is, but for one setting: a quiet window lasts a thousand seconds, so that nothing becomes due by
itself. A test winds a conversation's clock instead: everything in the database that has a time (its lane, its jobs, its
messages) is moved into the past by the same amount, a thousand seconds for each second of the burst. What the product
decides it decides from those times; that a machine is slow costs no more than a thousandth of what it would. The model
is a server that is really asked, and hung up on, over HTTP; how long it thinks is measured on the wound clock too.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Self
from uuid import UUID

import orjson
import pytest
from aiohttp import web

from app.core.multi_tenant import cipher_of
from app.models.contact import address_key
from app.services.orchestrator.phrases import PHRASES
from tests.fixtures.bursts import Burst, burst
from tests.fixtures.product import Business
from tests.fixtures.shop import ASKED, LAYLA, NUMBER, TAUGHT, Shop
from tests.fixtures.wired import until

QUIET = 1000.0
THINKING = (1.5, 4.0)
"""Seconds that a hosted model takes for a whole answer of two sentences, searching included."""

LANES = 8
BURSTS = 500
REPLIES = {"en": "A flat white costs 18 SAR [1].", "ar": "سعر الفلات وايت 18 ريالًا [1]."}


@dataclass
class Model:
    """A model that answers when it is told to; it knows who asks by the business's name in the prompt.

    Attributes:
        asked: Who is being thought about now.
        hung_up: How often somebody hung up before the answer.
    """

    asked: dict[str, asyncio.Event] = field(default_factory=dict)
    hung_up: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/v1/chat/completions", self._answer)])
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        system, *_, user = (m["content"] for m in (await request.json())["messages"])
        name = user.partition("BUSINESS ")[2].split("\n")[1]
        may_speak = self.asked[name] = asyncio.Event()
        try:
            await may_speak.wait()
        except asyncio.CancelledError:
            self.hung_up += 1
            raise
        finally:
            del self.asked[name]
        text = REPLIES["ar" if "Answer in Arabic" in system else "en"]
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in ({"choices": [choice]}, {"choices": [end]}):
            await response.write(b"data: " + orjson.dumps({"model": "paced", **event}) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture
async def model(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Model]:
    async with Model() as paced:
        monkeypatch.setenv("LLAMA_BASE_URL", paced.url)
        yield paced


_WIND = """
WITH moved AS (SELECT make_interval(secs => $3) AS by), said AS (
  UPDATE messages SET created_at = created_at - by FROM moved WHERE client_id = $1 AND conversation_id = $2),
work AS (UPDATE jobs SET due_at = due_at - by FROM moved WHERE client_id = $1 AND lane_id = $2),
woken AS (SELECT pg_notify('wafaa_lanes', 'wound'))
UPDATE lanes SET due_at = due_at - by FROM moved, woken WHERE client_id = $1 AND id = $2
"""
_STANDS = """
SELECT lease_until IS NOT NULL OR due_at <= clock_timestamp() AS busy,
       extract(epoch FROM due_at - clock_timestamp()) AS due
FROM lanes WHERE client_id = $1 AND id = $2
"""


@dataclass
class Clock:
    """The clock of one contact's conversation at one business, and who is thinking there."""

    shop: Shop
    business: Business
    number: str
    model: Model
    chance: random.Random
    conversation: UUID | None = None
    thinks_for: float | None = None

    async def play(self, sender: str, said: Burst) -> int:
        """A contact writes a burst; gives how many replies they got in the end."""
        for pause, words in said.messages:
            await self.passes(pause)
            was_asked = self.model.asked.get(self.business.ref.name)
            await self.shop.gets(self.shop.meta.says(self.number, sender, words))
            if was_asked:  # Whoever is asked for nothing is hung up on.
                await until(partial(self._is_free, was_asked), 60)
                self.thinks_for = None
            await self._find(sender)
        await self.passes(None)
        return len(self.shop.meta.inbox(sender))

    async def _is_free(self, was_asked: asyncio.Event) -> bool:
        return self.model.asked.get(self.business.ref.name) is not was_asked

    async def passes(self, seconds: float | None) -> None:
        """Time passes; None until nothing is left to happen. All that is due within it happens at its time."""
        if self.conversation is None:
            return
        left = seconds
        while True:
            event = await self._next()
            if event is None or (left is not None and event > left):
                break
            await self._wind(event)
            left = None if left is None else left - event
        if left:
            await self._wind(left)

    async def _next(self) -> float | None:
        """Seconds until something happens by itself: a lane is due, or the model has thought."""
        due = await self._rest()
        thought = self.model.asked.get(self.business.ref.name)
        if thought is None:
            self.thinks_for = None
            return due
        if self.thinks_for is None:
            self.thinks_for = self.chance.uniform(*THINKING)
        if self.thinks_for > 0:
            return self.thinks_for
        thought.set()
        await until(lambda: self._is_free(thought), 60)
        self.thinks_for = None
        return await self._next()

    async def _rest(self) -> float | None:
        """Waits until the worker has done what is due or waits for the model; seconds until more is due."""
        async with asyncio.timeout(60):
            while True:
                async with self.shop.product.services.db.tenant(self.business.ref.id) as tx:
                    row = await tx.one(_STANDS, self.business.ref.id, self.conversation)
                if row is None or self.business.ref.name in self.model.asked:
                    return None
                if not row["busy"]:
                    return None if row["due"] is None else max(0.001, float(row["due"]) / QUIET)
                await asyncio.sleep(0.004)

    async def _wind(self, seconds: float) -> None:
        if self.thinks_for is not None:
            self.thinks_for -= seconds
        async with self.shop.product.services.db.tenant(self.business.ref.id) as tx:
            await tx.run(_WIND, self.business.ref.id, self.conversation, seconds * QUIET + 0.001)

    async def _find(self, sender: str) -> None:
        if self.conversation is None:
            async with self.shop.product.services.db.tenant(self.business.ref.id) as tx:
                self.conversation = await tx.value(
                    "SELECT c.id FROM conversations c JOIN contact_addresses a USING (client_id, contact_id) "
                    "WHERE c.client_id = $1 AND a.key = $2",
                    self.business.ref.id, address_key(cipher_of(tx), "phone", sender),
                )  # fmt: skip
        assert self.conversation


async def test_a_burst_gets_one_reply(opened, model, record_property) -> None:
    # A thousand wound seconds aren't a backlog, nor has anybody waited for so long.
    patient = {"WAFAA_SHED_SECONDS": "1e6,2e6,3e6,4e6,5e6", "WAFAA_STALE_MINUTES": "1e6"}
    shop = await opened(LLM_PROVIDERS="llama", WAFAA_QUIET_SECONDS=QUIET, **patient)
    shop.meta.statuses = ()
    replies: Counter[tuple[str, int]] = Counter()
    worker = asyncio.ensure_future(shop.product.services.worker.run())

    async def lane(n: int) -> None:
        documents = {"taught.md": "\n".join(TAUGHT.values())}
        business = await shop.product.business(f"cafe-{n}", f"Cafe {n}", documents=documents)
        await shop.product.connect_whatsapp(business, f"9003{n:02d}")
        await until(lambda: _has_learned(shop, business))
        for seed in range(n, BURSTS, LANES):
            said = burst(seed)
            clock = Clock(shop, business, f"9003{n:02d}", model, random.Random(seed))  # noqa: S311
            count = await clock.play(f"96655{seed:07d}", said)
            replies[said.language, count] += 1
            if count != 1:
                print(seed, count, said)  # noqa: T201 - what a failing run is told by

    await asyncio.gather(*(lane(n) for n in range(LANES)))
    shop.product.services.worker.stop()
    await worker
    record_property("replies", str(dict(replies)))
    record_property("hung_up", model.hung_up)
    assert sum(replies.values()) == BURSTS
    assert replies["en", 0] + replies["ar", 0] == 0, "Nobody is left without a reply."
    assert replies["en", 1] + replies["ar", 1] >= 0.99 * BURSTS, replies
    for language in ("en", "ar"):
        assert replies[language, 1] >= 0.98 * BURSTS / 2, replies
    assert model.hung_up > 0


async def _has_learned(shop, business: Business) -> bool:
    async with shop.product.services.db.tenant(business.ref.id) as tx:
        return bool(await tx.value("SELECT bool_and(status = 'ready') FROM knowledge_documents"))


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_in_real_time_as_well(opened, language) -> None:
    shop = await opened(language, WAFAA_QUIET_SECONDS=1.0)
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    chosen = [burst(seed) for seed in range({"en": 0, "ar": 1}[language], 24, 2)]

    async def write(n: int, said: Burst) -> None:
        for pause, words in said.messages:
            await asyncio.sleep(min(pause, 0.5))
            await shop.gets(shop.meta.says(NUMBER, f"96656{n:07d}", words))

    await asyncio.gather(*(write(n, said) for n, said in enumerate(chosen)))
    await until(lambda: _all_answered(shop), 60)
    shop.product.services.worker.stop()
    await worker
    counts = [len(shop.meta.inbox(f"96656{n:07d}")) for n in range(len(chosen))]
    assert counts.count(1) >= len(chosen) - 1, counts


async def _all_answered(shop) -> bool:
    return not await shop.value("SELECT count(*) FROM jobs")


async def test_an_album_of_ten_pictures_is_one_conversation_and_gets_one_reply(opened) -> None:
    shop = await opened(WAFAA_QUIET_SECONDS=1.0)
    worker = asyncio.ensure_future(shop.product.services.worker.run())
    album = [
        shop.meta.sends(
            NUMBER, LAYLA, "image", {"id": f"77{n:04d}", "mime_type": "image/jpeg", "sha256": "x"}
        )
        for n in range(10)
    ]
    await asyncio.gather(*(shop.gets(picture) for picture in album))
    await until(lambda: _all_answered(shop))
    shop.product.services.worker.stop()
    await worker
    assert len(shop.replies()) == 1
    assert await shop.value("SELECT count(*) FROM conversations") == 1
    said = await shop.rows("SELECT kind, answered_by FROM messages WHERE author = 'contact'")
    assert [m["kind"] for m in said] == ["image"] * 10
    assert len({m["answered_by"] for m in said}) == 1
    assert await shop.value("SELECT count(*) FROM attachments WHERE kind = 'image'") == 10


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_flood_of_messages_is_one_turn_that_says_what_it_read(shop, language) -> None:
    for n in range(30):
        await shop.gets(shop.meta.says(NUMBER, LAYLA, f"{ASKED[language]} {n}"))
    await shop.product.drain()
    [reply] = shop.replies()
    assert PHRASES["crowded"][language] in reply
    assert (
        await shop.value(
            "SELECT count(*) FROM messages WHERE answered_by IS NULL AND author = 'contact'"
        )
        == 0
    )
    assert await shop.value("SELECT count(*) FROM answer_traces") == 1
    await shop.hears(ASKED[language])
    assert PHRASES["crowded"][language] not in shop.replies()[1]

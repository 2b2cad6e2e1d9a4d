"""The network goes away, the server dies, and nothing is lost or said twice."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.browser.installation import Installation
from tests.browser.panel import Panel
from tests.fixtures._watched import OpenPage

OFFLINE = "ERR_INTERNET_DISCONNECTED"
DEAD = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET")
"""What a browser itself writes on its console then."""


async def test_what_is_written_offline_is_sent_once_when_the_network_is_back(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en", forgive=(OFFLINE,))
    panel = Panel(page, "en")
    await panel.ready()
    await page.context.set_offline(True)
    await expect(page.locator(".banner")).to_be_visible()
    await panel.ask("Do you offer home visits?")
    await panel.ask("Are you hiring?")
    await expect(panel.kept).to_have_text(["Do you offer home visits?", "Are you hiring?"])
    await expect(page.get_by_text(panel.words["waiting"])).to_have_count(2)
    await page.context.set_offline(False)
    await expect(panel.asked).to_have_text(["Do you offer home visits?", "Are you hiring?"])
    await expect(panel.kept).to_have_count(0)
    await expect(page.locator(".banner")).to_have_count(0)
    await expect(panel.replies.first).to_be_visible()
    async with wafaa.latest("clinic") as talk:
        said = [m.text for m in await talk.messages() if m.author == "contact"]
    assert said == ["Do you offer home visits?", "Are you hiring?"]


@pytest.mark.parametrize(("slug", "language"), [("clinic", "en"), ("cafe", "ar")])
async def test_a_paused_business_says_so_and_is_not_asked_again_and_again(
    open_page: OpenPage, wafaa: Installation, slug: str, language: str
) -> None:
    """Whoever is writing is told, and whoever comes; a minute passes before the next try."""
    page = await open_page(f"/c/{slug}", locale=language, forgive=("403",))
    panel = Panel(page, language)
    await panel.ready()
    async with wafaa.paused(slug):
        await panel.ask("?")
        await expect(page.locator(".banner")).to_have_text(panel.words["paused"])
        await expect(page.get_by_text(panel.words["refused"])).to_be_visible()
        tries: list[str] = []
        late = await open_page(f"/c/{slug}", locale=language, forgive=("403",))
        await expect(late.locator(".banner")).to_have_text(panel.words["paused"])
        late.on("request", lambda request: tries.append(request.url))
        await late.reload()
        await expect(late.locator(".banner")).to_have_text(panel.words["paused"])
        await asyncio.sleep(2)
        assert len([url for url in tries if url.endswith("/sessions")]) == 1
    await panel.button("again").click()
    await expect(page.locator(".banner")).to_have_count(0)


async def test_a_message_that_can_t_be_taken_is_marked_and_holds_up_no_other(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en", forgive=("422",))
    panel = Panel(page, "en")
    await panel.ready()
    problem = '{"code": "invalid_input"}'
    await page.route("**/messages", lambda route: route.fulfill(status=422, body=problem))
    await panel.ask("What no server takes")
    await expect(page.get_by_text(panel.words["refused"])).to_be_visible()
    await page.unroute("**/messages")
    await panel.ask("Are you hiring?")
    await expect(page.locator(".kept")).to_have_count(1)


async def test_what_was_not_sent_survives_the_page(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/cafe", locale="ar", forgive=("ERR_FAILED",))
    panel = Panel(page, "ar")
    await panel.ready()
    await page.route("**/messages", lambda route: route.abort())
    await panel.ask("هل توظفون حاليًا؟")
    await expect(panel.kept).to_have_text(["هل توظفون حاليًا؟"])
    await page.unroute("**/messages")
    await page.reload()
    await expect(panel.asked).to_have_text(["هل توظفون حاليًا؟"])
    await expect(panel.replies.last).to_contain_text("jobs@saqiya.example")
    async with wafaa.latest("cafe") as talk:
        assert len([m for m in await talk.messages() if m.author == "contact"]) == 1


# What a page reads after it has sent tells it that the message is there, and it sends no more.
_HAS_READ = (
    "() => performance.getEntriesByType('resource').some(entry => entry.name.includes('/messages'))"
)


async def test_a_reply_that_was_lost_on_its_way_does_not_double_the_message(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en", forgive=("503",))
    panel = Panel(page, "en")
    await panel.ready()
    await page.wait_for_function(_HAS_READ)
    sent: list[str | None] = []
    again = asyncio.Event()

    async def lose(route: Route) -> None:
        """The server has it; the browser never learns."""
        sent.append(route.request.post_data)
        if len(sent) > 1:
            again.set()
            return await route.continue_()
        await route.fetch()
        return await route.fulfill(status=503, body="{}")

    await page.route("**/messages", lose)
    await panel.ask("Is sedation available?")
    await expect(panel.asked).to_have_text(["Is sedation available?"])
    await expect(panel.replies.last).to_contain_text("350 SAR")
    await asyncio.wait_for(again.wait(), 10)
    assert sent[0] == sent[1]
    async with wafaa.latest("clinic") as talk:
        assert len([m for m in await talk.messages() if m.author == "contact"]) == 1


async def test_a_stream_goes_on_where_it_was_cut_when_the_server_was_killed(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/cafe", locale="ar", forgive=DEAD)
    panel = Panel(page, "ar")
    await panel.ready()
    pieces = ["لدينا ثلاثة فروع. ", "الأول في حطين. ", "والثاني في العليا. ", "والثالث في الدرعية."]
    offsets = [len("".join(pieces[:at])) for at in range(4)]

    async def show(at: int) -> None:
        async with wafaa.latest("cafe") as talk:
            await talk.tell("turn.delta", turn_id="t", text=pieces[at], offset=offsets[at])

    async with wafaa.latest("cafe") as talk:
        await talk.tell("turn.started", turn_id="t")
    await show(0)
    await expect(panel.writing).to_have_text(pieces[0].strip())
    await show(1)
    await expect(panel.writing).to_have_text("".join(pieces[:2]).strip())
    await wafaa.api.kill()
    await show(2)
    await show(1)  # A worker that repeats itself: the text is known.
    await wafaa.api.start()
    await show(3)
    await expect(panel.writing).to_have_text("".join(pieces), timeout=20_000)
    await panel.ask("هل عندكم دورات؟")
    await expect(panel.replies.last).to_contain_text("180")
    await expect(panel.asked).to_have_count(1)


async def test_an_answer_in_the_making_is_seen_after_a_reload(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en")
    panel = Panel(page, "en")
    await panel.ready()
    async with wafaa.latest("clinic") as talk:
        await talk.tell("turn.started", turn_id="t")
        await talk.tell("turn.delta", turn_id="t", text="Our dentists are", offset=0)
    await expect(panel.writing).to_have_text("Our dentists are")
    await page.reload()
    await expect(panel.writing).to_have_text("Our dentists are")


async def test_an_expired_session_is_renewed_unseen(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en", forgive=("401",))
    panel = Panel(page, "en")
    await panel.ready()
    refused: list[str] = []

    async def expire(route: Route) -> None:
        headers = dict(route.request.headers)
        if not refused:
            refused.append(route.request.url)
            headers["authorization"] = "Bearer expired"
        await route.continue_(headers=headers)

    await page.route("**/messages", expire)
    await panel.ask("Do you make night guards?")
    await expect(panel.replies.last).to_contain_text("700 SAR")
    await expect(panel.asked).to_have_count(1)
    assert refused


async def test_events_too_old_to_be_kept_are_made_up_for_by_a_snapshot(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en", forgive=("410",))
    panel = Panel(page, "en")
    await panel.ready()
    await panel.ask("Do you make night guards?")
    await expect(panel.replies.last).to_contain_text("700 SAR")
    async with wafaa.latest("clinic") as talk:
        await talk.take_over()
        await talk.reply("Sara here.")
        kept_from = await talk.tell("something.newer")
    await expect(panel.replies.last).to_contain_text("Sara here.")
    refused: list[int] = []
    resumed = asyncio.Event()

    async def forget(route: Route) -> None:
        """Older events are gone."""
        after = int(route.request.headers["last-event-id"])
        if after >= kept_from:
            resumed.set()
            return await route.continue_()
        refused.append(after)
        return await route.fulfill(status=410, body="{}")

    await page.route("**/events", forget)
    await page.reload()
    await expect(panel.replies.last).to_contain_text("Sara here.")
    await asyncio.wait_for(resumed.wait(), 10)
    assert len(refused) == 1
    async with wafaa.latest("clinic") as talk:
        await talk.reply("Still here.")
    await expect(panel.replies.last).to_contain_text("Still here.")

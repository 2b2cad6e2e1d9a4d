"""What the chat looks like to people and to machines that help them, in every dress."""

import pytest
from playwright.async_api import expect

from tests.browser.installation import Installation
from tests.browser.panel import Panel, address
from tests.browser.site import Site
from tests.browser.tour import SIZES, violations
from tests.fixtures._watched import OpenPage

BUSINESS = {"ar": "cafe", "en": "clinic"}


async def fill(panel: Panel, wafaa: Installation) -> None:
    """A conversation with everything in it: an answer, thumbs, its source, a person's text, a line."""
    demo = wafaa.shops[BUSINESS[panel.language]].demo
    question = demo.questions[panel.language]
    await panel.ask(question.text)
    await panel.button("unhelpful").click()
    await expect(panel.page.locator(".chips .chip").first).to_be_visible()
    async with wafaa.latest(demo.slug) as talk:
        await talk.take_over()
        await talk.reply("- **1** https://shop.example\n- أهلًا")
    await expect(panel.lines).to_have_count(1)
    await panel.page.locator(".source").first.click()
    await expect(panel.page.locator(".sheet")).to_be_visible()


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_nothing_is_wrong_for_assistive_technology(
    open_page: OpenPage, wafaa: Installation, shop: Site, language: str, theme: str, width: int
) -> None:
    options = {
        "viewport": SIZES[width],
        "color_scheme": theme,
        "reduced_motion": "reduce",
        "locale": language,
    }
    business = wafaa.shops[BUSINESS[language]]
    page = await open_page(address(shop, business, language), **options)
    panel = Panel(page, language)
    await panel.open()
    await fill(panel, wafaa)
    assert await violations(page) == []
    assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_nothing_is_wrong_before_anything_is_said(
    open_page: OpenPage, wafaa: Installation, shop: Site, language: str
) -> None:
    page = await open_page(
        address(shop, wafaa.shops[BUSINESS[language]], language), reduced_motion="reduce"
    )
    panel = Panel(page, language)
    await expect(panel.launcher).to_be_visible()
    assert await violations(page) == []
    await panel.open()
    assert await violations(page) == []


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_the_hosted_page_is_as_good(
    open_page: OpenPage, wafaa: Installation, language: str
) -> None:
    page = await open_page(f"/c/{BUSINESS[language]}", reduced_motion="reduce", locale=language)
    panel = Panel(page, language)
    await fill(panel, wafaa)
    assert await violations(page) == []
    text = await page.locator("h1").inner_text()
    assert wafaa.shops[BUSINESS[language]].demo.name in text


async def test_a_wrong_address_is_told_as_such(open_page: OpenPage, wafaa: Installation) -> None:
    page = await open_page("/c/nobody", forgive=("404",))
    await expect(page.get_by_role("heading")).to_contain_text("There is no chat at this address")
    assert await violations(page) == []


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_nothing_is_cut_off_at_twice_the_size(
    open_page: OpenPage, wafaa: Installation, shop: Site, language: str
) -> None:
    zoomed = {
        "viewport": {"width": 640, "height": 400},
        "device_scale_factor": 2,
        "reduced_motion": "reduce",
    }
    page = await open_page(address(shop, wafaa.shops[BUSINESS[language]], language), **zoomed)
    panel = Panel(page, language)
    await panel.open()
    for part in (panel.field, panel.button("send"), page.locator("header")):
        box = await part.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= 640
        assert box["y"] + box["height"] <= 400
    await page.locator(".starters button").last.scroll_into_view_if_needed()
    await expect(page.locator(".starters button").last).to_be_in_viewport()
    assert await violations(page) == []


async def test_forced_colours_keep_every_border(
    open_page: OpenPage, wafaa: Installation, shop: Site
) -> None:
    page = await open_page(
        address(shop, wafaa.shops["clinic"], "en"), forced_colors="active", reduced_motion="reduce"
    )
    panel = Panel(page, "en")
    await panel.open()
    await fill(panel, wafaa)
    for selector in (".bubble.me", ".bubble.them", ".send", ".panel"):
        part = page.locator(selector).first
        assert await part.evaluate("part => getComputedStyle(part).borderTopStyle") == "solid"
    assert await violations(page) == []


async def test_nothing_moves_for_those_who_asked_for_it(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/cafe", reduced_motion="reduce")
    panel = Panel(page, "ar")
    await panel.ready()
    async with wafaa.latest("cafe") as talk:
        await talk.tell("turn.started", turn_id="t")
    await expect(panel.writing.locator(".dots")).to_be_visible()
    running = "() => document.querySelector('wafaa-chat').shadowRoot.getAnimations().length"
    assert await page.evaluate(running) == 0

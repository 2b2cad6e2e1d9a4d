"""A visitor talks with a business, from the first key to the last, on a page with the strictest policy."""

import pytest
from playwright.async_api import expect

from tests.browser.installation import Installation
from tests.browser.panel import Panel, address
from tests.browser.site import Site
from tests.fixtures._watched import OpenPage

EVERY = pytest.mark.parametrize(
    ("slug", "language"), [("cafe", "ar"), ("cafe", "en"), ("clinic", "ar"), ("clinic", "en")]
)


@EVERY
async def test_everything_works_by_keyboard(
    open_page: OpenPage, wafaa: Installation, shop: Site, slug: str, language: str
) -> None:
    business = wafaa.shops[slug]
    page = await open_page(address(shop, business, language), locale=language)
    panel = Panel(page, language)
    await expect(panel.button("open")).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")  # Past the page's own link.
    await page.keyboard.press("Enter")
    await panel.ready()
    await expect(panel.field).to_be_focused()
    await expect(page.get_by_role("dialog").first).to_have_accessible_name(
        business.demo.settings.assistant_name or ""
    )

    question = business.demo.questions[language]
    await page.keyboard.type(question.text)
    await page.keyboard.press("Enter")
    for words in question.expects:
        await expect(panel.replies.last).to_contain_text(words)
    await expect(panel.asked).to_have_text([question.text])
    await expect(panel.status).to_contain_text(question.expects[0])
    await expect(panel.writing).to_have_count(0)

    chip = page.locator(".source").first
    await chip.focus()
    await page.keyboard.press("Enter")
    quote = page.locator(".sheet blockquote")
    await expect(quote).to_contain_text(question.expects[0])
    await expect(page.locator(".sheet .title")).not_to_contain_text(".csv")
    await expect(
        page.get_by_role("button", name="Close source" if language == "en" else "إغلاق المصدر")
    ).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(chip).to_be_focused()
    await expect(quote).to_have_count(0)

    await panel.button("helpful").focus()
    async with page.expect_response("**/feedback"):
        await page.keyboard.press("Enter")
    await expect(panel.button("helpful")).to_have_attribute("aria-pressed", "true")

    await page.keyboard.press("Escape")
    await expect(panel.field).to_be_hidden()
    await expect(panel.button("open")).to_be_focused()
    assert shop.reports == []
    async with wafaa.latest(slug) as talk:
        said, answered = await talk.messages()
        assert (said.text, answered.feedback) == (question.text, "up")


@EVERY
async def test_the_language_can_be_changed_and_is_remembered(
    open_page: OpenPage, wafaa: Installation, slug: str, language: str
) -> None:
    settings = wafaa.shops[slug].demo.settings
    page = await open_page(f"/c/{slug}", locale=language)
    own = Panel(page, settings.language)
    await own.ready()
    await expect(page.locator("html")).to_have_attribute("lang", settings.language)
    if language != settings.language:
        await page.get_by_role("button", name=own.words["other"]).click()
    panel = Panel(page, language)
    await expect(page.get_by_text(settings.greeting[language])).to_be_visible()
    await page.reload()
    await expect(page.get_by_text(settings.greeting[language])).to_be_visible()
    await expect(page.locator("html")).to_have_attribute(
        "dir", "rtl" if language == "ar" else "ltr"
    )
    await expect(page.get_by_role("button", name=settings.starters[language][0])).to_be_visible()
    await expect(panel.field).to_be_visible()


@EVERY
async def test_a_person_can_be_asked_for_takes_over_and_hands_back(
    open_page: OpenPage, wafaa: Installation, slug: str, language: str
) -> None:
    page = await open_page(f"/c/{slug}", locale=language)
    own = wafaa.shops[slug].demo.settings.language
    panel = Panel(page, own)
    await panel.ready()
    await panel.button("person").click()
    await expect(panel.lines).to_contain_text([panel.words["asked"]])
    await expect(panel.button("person")).to_have_count(0)
    async with wafaa.latest(slug) as talk:
        assert await talk.wants_human()
        await talk.take_over()
        await talk.reply("أهلًا! **Hello**")
    await expect(panel.replies).to_contain_text(["أهلًا! Hello"])
    name = "سارة" if slug == "cafe" else "Sara"
    await expect(panel.lines.nth(1)).to_contain_text(name)
    await expect(panel.status).to_contain_text(f"{name}: أهلًا! Hello")

    await page.reload()  # What events told must be known to a page that is loaded again.
    await expect(page.locator("header")).to_contain_text(name)
    await expect(panel.replies).to_contain_text(["أهلًا! Hello"])
    await expect(panel.button("helpful")).to_have_count(0)  # A colleague isn't judged by thumbs.
    await panel.ask("شكرًا، thank you!")
    await expect(panel.asked).to_have_count(1)
    await expect(panel.writing).to_have_count(0)  # Nobody pretends that the assistant answers.

    async with wafaa.latest(slug) as talk:
        await talk.hand_back()
    await expect(panel.lines.last).to_have_text(panel.words["back"])
    await expect(page.locator("header")).to_contain_text(panel.words["assistant"])
    await expect(panel.button("person")).to_be_visible()


async def test_a_closed_conversation_is_followed_by_a_new_one(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/clinic", locale="en")
    panel = Panel(page, "en")
    await panel.ready()
    await panel.ask("Do you make night guards?")
    await expect(panel.replies.last).to_contain_text("700 SAR")
    async with wafaa.latest("clinic") as talk:
        before = talk.conversation_id
        await talk.resolve()
    await expect(panel.lines.last).to_have_text(panel.words["closed"])
    await expect(panel.button("fresh")).to_be_visible()

    await panel.ask("Can I bring my dog?")  # Without pressing the button: writing is enough.
    await expect(panel.asked).to_have_text(["Can I bring my dog?"])
    await expect(panel.replies.last).to_contain_text("assistance dogs")
    async with wafaa.latest("clinic") as talk:
        assert talk.conversation_id != before
        assert len(await talk.messages()) == 2


async def test_a_draft_that_was_overtaken_disappears(
    open_page: OpenPage, wafaa: Installation
) -> None:
    page = await open_page("/c/cafe", locale="ar")
    panel = Panel(page, "ar")
    await panel.ready()
    async with wafaa.latest("cafe") as talk:
        await talk.tell("turn.started", turn_id="t1")
        await talk.tell("turn.delta", turn_id="t1", text="سعر القهوة", offset=0)
    await expect(panel.writing).to_have_text("سعر القهوة")
    async with wafaa.latest("cafe") as talk:
        await talk.tell("turn.failed", turn_id="t1", code="superseded", retryable=True)
    await expect(panel.writing.locator(".dots")).to_be_visible()
    await expect(panel.writing).not_to_contain_text("سعر")
    async with wafaa.latest("cafe") as talk:
        await talk.tell("turn.failed", turn_id="t2", code="upstream_unavailable", retryable=True)
    await expect(page.get_by_role("button", name="إعادة المحاولة")).to_be_visible()
    await expect(panel.status).to_contain_text("حدث خطأ")


async def test_markup_in_what_is_said_stays_text(open_page: OpenPage, wafaa: Installation) -> None:
    """Check 48."""
    page = await open_page("/c/clinic", locale="en")
    panel = Panel(page, "en")
    await panel.ready()
    async with wafaa.latest("clinic") as talk:
        await talk.take_over()
        await talk.reply(
            "<img src=x onerror=alert(1)> [x](javascript:alert(1)) https://clinic.example/a"
        )
    await expect(panel.replies.last).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(panel.replies.locator("img")).to_have_count(0)
    links = panel.replies.locator("a")
    await expect(links).to_have_count(1)
    await expect(links).to_have_attribute("rel", "noopener nofollow")

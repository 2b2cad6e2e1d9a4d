"""A person who has no mouse."""

from playwright.async_api import Locator, Page, expect


async def fill_in(page: Page, *texts: str) -> None:
    """Types into a form's lines, one after the other, and sends it."""
    await expect(page.locator("input:focus")).to_be_visible()
    await page.keyboard.type(texts[0])
    for text in texts[1:]:
        await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")


async def reach(page: Page, wanted: Locator) -> None:
    """Tabs on until it has the focus."""
    await expect(wanted).to_be_visible()
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("it => it === document.activeElement"):
            return
    raise AssertionError("It can't be reached by keyboard.")


async def choose(page: Page, wanted: Locator) -> None:
    """Goes there and presses it."""
    await reach(page, wanted)
    await page.keyboard.press("Enter")

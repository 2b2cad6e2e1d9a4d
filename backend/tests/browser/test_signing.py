"""The sign-in pages in a real browser: for every eye and every aid, in both languages, without a script."""

import base64
import time
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.async_api import Browser, Page, expect

from app.core.security import Role
from app.models.staff_ticket import Kind
from app.services.identity import team, tickets
from tests.browser.test_looks import SIZES, violations
from tests.fixtures._watched import OpenPage, watched
from tests.fixtures.product import PASSWORD, Business, Product


@pytest.fixture
async def new_page(browser: Browser, product: Product) -> AsyncIterator[OpenPage]:
    """Opens pages of the product. A browser tells of each refusal on its console."""
    async with watched(browser, product.url, "status of 4") as watch:
        yield watch.open


async def is_well(page: Page) -> None:
    """Nothing is wrong for assistive technology, and nothing sticks out."""
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_one_signs_in_and_turns_the_second_step_on_by_keyboard_alone(
    new_page: OpenPage, cafe: Business, language: str, theme: str, width: int
) -> None:
    page = await new_page(
        "/account", locale=language, color_scheme=theme, viewport=SIZES[width], java_script_enabled=True
    )  # fmt: skip
    assert await page.evaluate("document.dir") == ("rtl" if language == "ar" else "ltr")
    await expect(page.locator("#email")).to_be_focused()
    await is_well(page)
    await page.keyboard.type(cafe.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type("guess")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await is_well(page)
    await expect(page.locator("#password")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/account")
    await is_well(page)
    await page.goto("/account/second-factor")
    await is_well(page)
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("img.qr")).to_be_visible()
    await page.locator("img.qr").evaluate("image => image.decode()")
    await is_well(page)
    secret = base64.b32decode((await page.locator("code").inner_text()).replace(" ", ""))
    spoken = SHA1()  # noqa: S303 - RFC 6238; the apps know no other.
    code = TOTP(secret, 6, spoken, 30).generate(int(time.time())).decode()
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await expect(page.locator("ol.codes li")).to_have_count(10)
    await is_well(page)
    await page.goto("/account/password")
    await is_well(page)
    await page.goto("/account/second-factor")
    await is_well(page)


async def test_it_works_without_a_script_and_changes_its_language(
    new_page: OpenPage, cafe: Business
) -> None:
    page = await new_page("/account/password", locale="en", java_script_enabled=False)
    await page.get_by_role("link", name="العربية").click()
    await page.get_by_label("البريد الإلكتروني").fill(cafe.email)
    await page.get_by_label("كلمة المرور").fill(PASSWORD)
    await page.get_by_role("button", name="تسجيل الدخول").click()
    await page.wait_for_url("**/account/password*")


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_every_page_on_the_way_in_is_well_and_takes_the_first_key(
    new_page: OpenPage, product: Product, cafe: Business, language: str
) -> None:
    """Forgotten passwords, a business's own account, invitations and resets, and links that open nothing any more."""
    async with product.services.db.tenant(cafe.ref.id) as tx:
        links = []
        for name, kind in (("noura", Kind.INVITATION), ("omar", Kind.RESET)):
            email = f"{name}@cafe.example"
            made = await team.invite(tx, email, name, Role.AGENT, actor="test", mail=False)
            links.append(await tickets.issue(tx, made, kind, product.url))
    page = await new_page("/invitation?token=nobody-s", locale=language, viewport=SIZES[390])
    await is_well(page)
    for path in ("/reset", "/signin/sso", *links):
        await page.goto(path)
        await is_well(page)
        assert await page.evaluate("document.activeElement.tagName") == "INPUT", path

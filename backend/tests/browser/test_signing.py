"""Every page of the product in a real browser: for every eye and every aid, in both languages, by keyboard."""

import base64
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.async_api import Browser, Page, expect

from app.api.app import create_app
from app.api.pages import render_missing
from app.core.security import Role
from app.models.staff_ticket import Kind
from app.services.identity import team, tickets
from tests.browser.keyboard import choose, fill_in, reach
from tests.browser.tour import DRESSES, Tour, violations
from tests.fixtures._watched import OpenPage, watched
from tests.fixtures.product import PASSWORD, Business, Product
from tests.fixtures.third_party import NewApplication

pytestmark = pytest.mark.timeout(300)  # It is a long walk.


@pytest.fixture
async def new_page(browser: Browser, product: Product) -> AsyncIterator[OpenPage]:
    """Opens pages of the product. A browser tells of each refusal on its console."""
    async with watched(browser, product.url, "status of 4") as watch:
        yield watch.open


@pytest.mark.parametrize("language", DRESSES)
async def test_every_page_is_well_for_every_eye_and_works_by_keyboard(
    new_page: OpenPage,
    product: Product,
    cafe: Business,
    new_application: NewApplication,
    dist: Path,
    language: str,
) -> None:
    """A page that is added, and isn't walked to here, fails this test."""
    tour = Tour(await new_page("/account", locale=language), language)
    assert await tour.page.evaluate("document.dir") == ("rtl" if language == "ar" else "ltr")
    await _sign_in(tour, cafe)
    codes = await _turn_the_second_step_on(tour)
    await _come_again_with_a_code(tour, cafe, codes)
    await _be_asked_by_an_application(tour, new_application)
    await _look_after_the_account(tour, codes)
    await _find_the_way_in(tour, product, cafe)
    for path in (f"/c/{cafe.ref.slug}", "/docs", "/docs/errors"):
        await tour.go(path)
    assert tour.missed(create_app(product.services)) == set()
    await tour.page.set_content(render_missing(language))
    assert await violations(tour.page) == []


async def _sign_in(tour: Tour, cafe: Business) -> None:
    page = tour.page
    await tour.look()
    await fill_in(page, cafe.email, "guess")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator("#password")).to_be_focused()
    await tour.look()
    await fill_in(page, PASSWORD)
    await page.wait_for_url("**/account")
    await tour.look()


async def _turn_the_second_step_on(tour: Tour) -> list[str]:
    """Gives the recovery codes."""
    page = tour.page
    await tour.go("/account/second-factor")
    await fill_in(page, PASSWORD)
    await expect(page.locator("img.qr")).to_be_visible()
    await page.locator("img.qr").evaluate("image => image.decode()")
    await tour.look()
    secret = base64.b32decode((await page.locator("code").inner_text()).replace(" ", ""))
    spoken = SHA1()  # noqa: S303 - RFC 6238; the apps know no other.
    await fill_in(page, TOTP(secret, 6, spoken, 30).generate(int(time.time())).decode())
    await expect(page.locator("ol.codes li")).to_have_count(10)
    await tour.look()
    codes = await page.locator("ol.codes li").all_inner_texts()
    await choose(page, page.locator("main a.button"))
    await page.wait_for_url("**/account")
    return codes


async def _come_again_with_a_code(tour: Tour, cafe: Business, codes: list[str]) -> None:
    page = tour.page
    await choose(page, page.locator('form[action="/signout"] button'))
    await page.wait_for_url("**/signin?*")
    await fill_in(page, cafe.email, PASSWORD)
    await page.wait_for_url("**/signin/code?*")
    await tour.look()
    await reach(page, page.get_by_role("button").last)
    await page.reload()
    await fill_in(page, "000000")
    await expect(page.get_by_role("alert")).to_be_visible()
    await tour.look()
    await fill_in(page, codes.pop())
    await page.wait_for_url("**/account")


async def _be_asked_by_an_application(tour: Tour, new_application: NewApplication) -> None:
    """In a tab of its own: this browser knows no app of that scheme, and stays on the page that leads there."""
    callback = "com.example.app:/callback"
    application = await new_application(redirect_uris=[callback])
    page = await tour.page.context.new_page()
    aside = Tour(page, tour.language, tour.seen)
    await aside.go(application.link(redirect_uri="https://evil.example"))
    await aside.go(application.link(redirect_uri=callback))
    await reach(page, page.get_by_role("button").last)
    await page.reload()
    await choose(page, page.get_by_role("button").first)
    await expect(page.locator("main a")).to_have_attribute("href", re.compile("^com.example.app:"))
    await aside.look()
    await page.close()


async def _look_after_the_account(tour: Tour, codes: list[str]) -> None:
    page = tour.page
    await tour.go("/account/password")
    await fill_in(page, "guess", "another long password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await tour.look()
    await tour.go("/account/second-factor")
    await reach(page, page.locator("#code"))
    await fill_in(page, codes.pop())
    await expect(page.locator("ol.codes li")).to_have_count(10)
    await tour.look()
    await page.goto("/account/second-factor")
    await reach(page, page.locator("#remove"))
    await fill_in(page, "000000")
    await expect(page.get_by_role("alert")).to_be_visible()
    await tour.look()


async def _find_the_way_in(tour: Tour, product: Product, cafe: Business) -> None:
    """Invitations, forgotten passwords, links that open nothing any more, a business's own account, a rule."""
    page = tour.page
    await page.context.clear_cookies()
    invited, forgotten = await _links(product, cafe)
    for path in (invited, forgotten):
        await tour.go(path)
        await page.locator("form").evaluate("form => form.noValidate = true")
        await fill_in(page, "short")
        await expect(page.get_by_role("alert")).to_be_visible()
        await tour.look()
    await tour.go("/invitation?token=nobody-s")
    await tour.go("/reset")
    await fill_in(page, "nobody@cafe.example")
    await expect(page.get_by_role("status")).to_be_visible()
    await tour.look()
    await tour.go("/signin/sso")
    await fill_in(page, "nowhere")
    await expect(page.get_by_role("alert")).to_be_visible()
    await tour.look()
    await tour.go("/signin/sso/callback?code=x&state=y")
    rules = {"second_factor": True}
    async with product.api.put("/v1/sign-in-rules", json=rules, headers=cafe.staff) as answer:
        assert answer.status in (200, 204)
    await page.goto(invited)
    await fill_in(page, PASSWORD)
    await page.wait_for_url("**/signin?*")
    await tour.look()
    await fill_in(page, "noura@cafe.example", PASSWORD)
    await page.wait_for_url("**/account/second-factor?*")
    await tour.look()


async def _links(product: Product, cafe: Business) -> list[str]:
    """Of a colleague who is invited, and of one who forgot their password."""
    links = []
    async with product.services.db.tenant(cafe.ref.id) as tx:
        for name, kind in (("noura", Kind.INVITATION), ("omar", Kind.RESET)):
            email = f"{name}@cafe.example"
            made = await team.invite(tx, email, name, Role.AGENT, actor="test", mail=False)
            links.append(await tickets.issue(tx, made, kind, product.url))
    return links


async def test_it_works_without_a_script_and_changes_its_language(
    new_page: OpenPage, cafe: Business
) -> None:
    page: Page = await new_page("/account/password", locale="en", java_script_enabled=False)
    await page.get_by_role("link", name="العربية").click()
    await page.get_by_label("البريد الإلكتروني").fill(cafe.email)
    await page.get_by_label("كلمة المرور").fill(PASSWORD)
    await page.get_by_role("button", name="تسجيل الدخول").click()
    await page.wait_for_url("**/account/password*")

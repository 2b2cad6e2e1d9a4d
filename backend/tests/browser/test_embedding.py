"""The chat on other people's sites: which may show it, what it costs them, and how they steer it."""

import gzip
import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from playwright.async_api import expect

from tests.browser.installation import Installation
from tests.browser.panel import Panel, address
from tests.browser.site import Site
from tests.fixtures._watched import OpenPage


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_site_that_is_not_listed_is_told_so(
    open_page: OpenPage, wafaa: Installation, stranger: Site, language: str
) -> None:
    told: list[str] = []
    page = await open_page(
        address(stranger, wafaa.shops["clinic"], language),
        forgive=("CORS", "ERR_FAILED", "Wafaa:"),
        locale=language,
    )
    page.on("console", lambda message: told.append(message.text))
    panel = Panel(page, language)
    await panel.launcher.click()
    await expect(page.get_by_text(panel.words["foreign"])).to_be_visible()
    assert any(f"add {stranger.url} to the channel's allowed origins" in text for text in told)
    await expect(panel.button("person")).to_have_count(0)
    assert stranger.reports == []


async def test_a_key_that_nobody_has_is_told_as_such(
    open_page: OpenPage, wafaa: Installation, shop: Site
) -> None:
    page = await open_page(f"{shop.url}/?lang=en&key=pk_nobody", forgive=("404", "Wafaa:"))
    panel = Panel(page, "en")
    await panel.launcher.click()
    await expect(page.get_by_text(panel.words["foreign"])).to_be_visible()


async def test_the_page_can_steer_the_chat(
    open_page: OpenPage, wafaa: Installation, shop: Site
) -> None:
    page = await open_page(address(shop, wafaa.shops["clinic"], "en"))
    panel = Panel(page, "en")
    await expect(panel.launcher).to_be_visible()
    await page.evaluate(
        "() => { window.heard = []; for (const name of ['open', 'ready', 'message', 'answer', 'close'])"
        " Wafaa('on', name, (event) => heard.push(event.type)) }"
    )
    await page.evaluate("() => Wafaa('send', 'Do you make night guards?')")
    await expect(panel.replies.last).to_contain_text("700 SAR")
    await page.evaluate("() => Wafaa('prefill', 'And if I am late?')")
    await expect(panel.field).to_have_value("And if I am late?")
    await page.evaluate("() => Wafaa('setLocale', 'ar-SA')")
    await expect(Panel(page, "ar").field).to_be_visible()
    await page.evaluate("() => Wafaa('close')")
    await expect(panel.field).to_be_hidden()
    heard = await page.evaluate("() => heard")
    assert set(heard) == {
        f"wafaa:{name}" for name in ("open", "ready", "message", "answer", "close")
    }
    await page.evaluate("() => Wafaa('destroy')")
    await expect(page.locator("wafaa-chat")).to_have_count(0)


async def test_the_panel_is_small(dist: Path) -> None:
    files = json.loads((dist / "manifest.json").read_text())
    sizes = {
        role: len(gzip.compress((dist / files[role]).read_bytes(), 9))
        for role in ("loader", "panel")
    }
    assert sizes["loader"] <= 2_000, sizes
    assert sizes["panel"] <= 18_000, sizes


async def test_files_are_kept_for_ever_and_the_loader_is_asked_for_anew(
    wafaa: Installation, dist: Path
) -> None:
    files = json.loads((dist / "manifest.json").read_text())
    http = wafaa.services.tools.http
    for path, cache in (
        ("/w.js", "no-cache"),
        (f"/widget/{files['panel']}", "public, max-age=31536000, immutable"),
    ):
        async with http.get(wafaa.api.url + path, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == cache
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
    async with http.get(f"{wafaa.api.url}/widget/manifest.json") as answer:
        assert answer.status == 404


async def test_the_sites_server_says_who_is_there_and_the_chat_follows_them(
    open_page: OpenPage, wafaa: Installation, shop: Site
) -> None:
    """The same person in another browser reads on; after signing out nothing of it is left."""
    secret = "a-secret-of-the-site-longer-than-thirty-two-bytes"
    await wafaa.believe("clinic", f"k1={secret}", shop.url)
    now = int(time.time())
    claims = {"aud": "wafaa-web", "sub": f"user-{now}", "iat": now, "exp": now + 600}
    word = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
    first, second = [await open_page(address(shop, wafaa.shops["clinic"], "en")) for _ in range(2)]
    for page in (first, second):
        await expect(Panel(page, "en").launcher).to_be_visible()
        await page.evaluate("(word) => Wafaa('identify', word)", word)
    await first.evaluate("() => Wafaa('send', 'Do you make night guards?')")
    await expect(Panel(first, "en").replies.last).to_contain_text("700 SAR")
    await second.evaluate("() => Wafaa('open')")
    await expect(Panel(second, "en").replies.last).to_contain_text("700 SAR")
    await second.evaluate("() => Wafaa('logout')")
    await expect(second.get_by_text("Do you make night guards?")).to_have_count(0)

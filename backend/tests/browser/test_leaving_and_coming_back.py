"""People leave for another site and come back, in a real browser and under the headers that the product sends.

A browser holds what follows a form against the page's ``form-action``, through every redirect; and it keeps
cookies back from what another site began.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from app.core.security import hash_password
from app.models.staff import Staff
from app.services.identity.oidc import CALLBACK
from simulators.oidc import Behaviour, OidcSimulator, Person
from tests.browser.keyboard import choose, fill_in
from tests.fixtures._watched import OpenPage, watched
from tests.fixtures.product import PASSWORD, Business, Product
from tests.fixtures.third_party import NewApplication

EITHER = pytest.mark.parametrize("language", ["ar", "en"])


def near(url: str) -> str:
    """This machine under another name: another site to a browser, not only another origin."""
    return url.replace("127.0.0.1", "localhost")


@pytest.fixture
async def product(near_providers: Product) -> Product:
    """An installation whose people come to ``localhost``; providers and applications are at 127.0.0.1."""
    near_providers.services.single_sign_on.oidc.redirect_uri = near(near_providers.url) + CALLBACK
    return near_providers


@pytest.fixture
async def new_page(browser: Browser, product: Product) -> AsyncIterator[OpenPage]:
    """Opens pages of the product."""
    async with watched(browser, near(product.url)) as watch:
        yield watch.open


@EITHER
async def test_one_signs_in_at_a_provider_elsewhere_by_keyboard_alone(
    new_page: OpenPage, product: Product, cafe: Business, language: str
) -> None:
    words = {
        "en": ("Sign in with your business's account", "Continue"),
        "ar": ("الدخول بحساب المنشأة", "متابعة"),
    }
    async with OidcSimulator() as issuer:
        issuer.behaviour, issuer.person = Behaviour(asks=True), Person(name="Noor")
        given = {"issuer": issuer.url, "application": issuer.application, "secret": issuer.secret,
                 "domains": ["cafe.example"], "default_role": "viewer"}  # fmt: skip
        async with product.api.put(
            "/v1/identity-provider", json=given, headers=cafe.staff
        ) as answer:
            assert answer.status == 200
        page = await new_page("/account", locale=language)
        first, on = words[language]
        await choose(page, page.get_by_role("link", name=first))
        await page.wait_for_url("**/signin/sso?*")
        await fill_in(page, cafe.ref.slug)
        await choose(page, page.get_by_role("link", name=on))
        await page.wait_for_url(f"{issuer.url}/authorize*")
        await fill_in(page, "password")
        await page.wait_for_url("**/account")
        await expect(page.get_by_text("Noor")).to_be_visible()


@dataclass
class Elsewhere:
    """An application's own site.

    Attributes:
        url: Its origin.
        brought: What browsers brought to its callback.
    """

    url: str = ""
    brought: list[dict[str, list[str]]] = field(default_factory=list)

    async def callback(self, request: web.Request) -> web.Response:
        """Takes a code, and leads on to the site's other name, as many do."""
        self.brought.append(parse_qs(request.query_string))
        raise web.HTTPFound(f"{near(self.url)}/done")

    async def done(self, _: web.Request) -> web.Response:
        """The end of the way."""
        text = '<!doctype html><title>App</title><link rel="icon" href="data:,"><h1>Connected</h1>'
        return web.Response(text=text, content_type="text/html")


@asynccontextmanager
async def elsewhere(address: str = "127.0.0.1") -> AsyncIterator[Elsewhere]:
    """An application's site at an address of loopback."""
    made, app = Elsewhere(), web.Application()
    app.add_routes([web.get("/callback", made.callback), web.get("/done", made.done)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, 0).start()
        host, port = runner.addresses[0][:2]
        made.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        yield made
    finally:
        await runner.cleanup()


@EITHER
async def test_an_application_elsewhere_is_told_the_decision_by_keyboard_alone(
    new_page: OpenPage, cafe: Business, new_application: NewApplication, language: str
) -> None:
    words = {"en": ("Allow", "Don't allow"), "ar": ("أسمح", "لا أسمح")}
    page = await new_page("/account", locale=language)
    await fill_in(page, cafe.email, PASSWORD)
    await page.wait_for_url("**/account")
    for address in ("127.0.0.1", "::1"):
        async with elsewhere(address) as site:
            callback = f"{site.url}/callback"
            application = await new_application(redirect_uris=[callback])
            for word in words[language]:
                await page.goto(application.link(redirect_uri=callback))
                await choose(page, page.get_by_role("button", name=word, exact=True))
                await expect(page.get_by_role("heading", name="Connected")).to_be_visible()
        assert [told["state"] for told in site.brought] == [["state-1"]] * 2
        assert ["code" in told for told in site.brought] == [True, False]


async def test_who_signs_in_and_has_no_such_right_is_led_back_too(
    new_page: OpenPage, product: Product, cafe: Business, new_application: NewApplication
) -> None:
    """What follows the sign-in form is then an address of the application's."""
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await Staff.add(tx, "viewer@cafe.example", "Viewer", "viewer", hash_password(PASSWORD))
    async with elsewhere() as site:
        callback = f"{site.url}/callback"
        application = await new_application(redirect_uris=[callback], rights=["client:write"])
        page = await new_page(
            application.link(redirect_uri=callback, scope="client:write"), locale="en"
        )
        await fill_in(page, "viewer@cafe.example", PASSWORD)
        await expect(page.get_by_role("heading", name="Connected")).to_be_visible()
        assert [told["error"] for told in site.brought] == [["access_denied"]]


async def test_an_app_on_the_telephone_is_led_to_as_well(
    new_page: OpenPage, cafe: Business, new_application: NewApplication
) -> None:
    """This browser knows no such app, and stays on the page that leads there."""
    callback = "com.example.app:/callback"
    application = await new_application(redirect_uris=[callback])
    page = await new_page(application.link(redirect_uri=callback), locale="en")
    await fill_in(page, cafe.email, PASSWORD)
    await choose(page, page.get_by_role("button", name="Allow", exact=True))
    link = page.get_by_role("link", name="Continue")
    await expect(link).to_have_attribute("href", re.compile(f"^{callback}[?]code="))

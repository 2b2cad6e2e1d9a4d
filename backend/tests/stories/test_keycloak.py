"""Staff sign in at a real Keycloak; it changes its keys, and goes away."""

import signal
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect
from yarl import URL

from app.core.errors import Unauthenticated
from app.services.identity.issuers import Issuers
from app.services.identity.oidc import Application
from tests.browser.keyboard import fill_in
from tests.fixtures._watched import watched
from tests.fixtures.keycloak import PASSWORD, SECRET, Keycloak
from tests.fixtures.product import Product
from tests.fixtures.signin import Browser, NewBrowser, Seen

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def product(near_providers: Product) -> Product:
    """An installation whose operator lets identity providers be on loopback."""
    return near_providers


async def connect(product: Product, keycloak: Keycloak) -> Any:
    """A business whose staff sign in at Keycloak."""
    cafe = await product.business(f"cafe-{uuid4().hex[:8]}", "The Café")
    given = {
        "issuer": keycloak.issuer, "application": "wafaa", "secret": SECRET, "domains": ["cafe.example"],
        "role_claim": "realm_access.roles", "roles": {"wafaa-owner": "owner", "wafaa-agent": "agent"},
    }  # fmt: skip
    async with product.api.put("/v1/identity-provider", json=given, headers=cafe.staff) as answer:
        assert answer.status == 200, await answer.text()
    return cafe


async def leave(browser: Browser, slug: str) -> str:
    """Where the sign-in page leads."""
    page = await browser.send("/signin/sso", business=slug)
    return page.found(r'class="button" href="([^"]+)"')


async def sign_in(browser: Browser, slug: str, name: str) -> Seen:
    """Goes to Keycloak, fills its form in, and comes back."""
    form = await browser.see(await leave(browser, slug))
    action = form.found(r'id="kc-form-login"[^>]*action="([^"]+)"')
    async with browser.http.post(action, data={"username": name, "password": PASSWORD}) as answer:
        return Seen(answer.status, answer.url.path, await answer.text(), answer.headers.copy())


async def test_staff_sign_in_at_keycloak_whatever_becomes_of_its_keys(
    product: Product, keycloak: Keycloak, new_browser: NewBrowser
) -> None:
    now = [0.0]
    oidc = product.services.single_sign_on.oidc
    oidc.issuers = Issuers("127.0.0.0/8", clock=lambda: now[0])
    cafe = await connect(product, keycloak)
    for name, status in (("sara", 200), ("stranger", 403), ("unverified", 403)):
        page = await sign_in(await new_browser(secure=[keycloak.url]), cafe.ref.slug, name)
        assert (page.status, name in page.text.lower()) == (status, status == 200), page.text
    page = await sign_in(await new_browser(secure=[keycloak.url]), cafe.ref.slug, "sara")
    assert "Signed in as Sara Ali. Agent." in page.text

    keycloak.rotate_keys()
    now[0] = 31
    assert (
        await sign_in(await new_browser(secure=[keycloak.url]), cafe.ref.slug, "sara")
    ).path == "/account"

    token, nonce, application = await id_token(
        product, keycloak, cafe, await new_browser(secure=[keycloak.url])
    )
    metadata = await oidc.issuers.metadata(keycloak.issuer)
    keycloak.signal(signal.SIGSTOP)
    try:
        now[0] = 3600
        claims = await oidc.verify(metadata, application, token, nonce)  # By the keys it had.
        assert claims["email"] == "sara@cafe.example"
        with pytest.raises(Unauthenticated):
            await oidc.verify(metadata, application, token, "another nonce")
        now[0] = 2 * 24 * 3600
        page = await (await new_browser(secure=[keycloak.url])).send(
            "/signin/sso", business=cafe.ref.slug
        )
        assert (page.status, "doesn't answer" in page.text) == (503, True)
    finally:
        keycloak.signal(signal.SIGCONT)


async def test_a_real_browser_comes_and_goes_by_keyboard_alone(
    product: Product, keycloak: Keycloak, browser: Chromium
) -> None:
    """Under the headers that both really send; a browser holds what follows a form against them."""
    cafe = await connect(product, keycloak)
    async with watched(browser, product.url) as watch:
        page = await watch.open("/signin/sso", locale="en")
        await fill_in(page, cafe.ref.slug)
        await page.locator("a.button").focus()
        await page.keyboard.press("Enter")
        await page.locator("#username").focus()
        await page.keyboard.type("sara")
        await page.locator("#password").focus()
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/account")
        await expect(page.get_by_text("Sara Ali")).to_be_visible()


async def id_token(
    product: Product, keycloak: Keycloak, cafe: Any, browser: Browser
) -> tuple[str, str, Application]:
    """A token that Keycloak signed, with the nonce that was asked for."""
    oidc = product.services.single_sign_on.oidc
    application = Application(keycloak.issuer, "wafaa", SECRET)
    away, pending = await oidc.leave(application, str(cafe.ref.id), "/account", language="en")
    form = await browser.see(away)
    action = form.found(r'id="kc-form-login"[^>]*action="([^"]+)"')
    fields = {"username": "sara", "password": PASSWORD}
    async with browser.http.post(action, data=fields, allow_redirects=False) as answer:
        code = URL(answer.headers["location"]).query["code"]
    metadata = await oidc.issuers.metadata(keycloak.issuer)
    return await oidc._exchange(metadata, application, pending, code), pending.nonce, application

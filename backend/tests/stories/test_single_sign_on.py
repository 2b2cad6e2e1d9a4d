"""Staff sign in at their business's identity provider; one that lies lets nobody in."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.models.staff import Staff
from app.services.identity.issuers import Issuers
from simulators.oidc import Behaviour, OidcSimulator, Person
from tests.fixtures.product import Business, Product
from tests.fixtures.signin import Browser, NewBrowser, Seen

ROLES = {"wafaa-owner": "owner", "wafaa-agent": "agent"}


@pytest.fixture
async def product(near_providers: Product) -> Product:
    """An installation whose operator lets identity providers be on loopback."""
    return near_providers


@pytest.fixture
async def issuer() -> AsyncIterator[OidcSimulator]:
    """A provider that tells the truth until told otherwise."""
    async with OidcSimulator() as made:
        yield made


async def configure(
    product: Product, business: Business, issuer: str, application: str, secret: str, **more: Any
) -> tuple[int, Any]:
    """Sets a business's provider up, as its owner does."""
    given = {
        "issuer": issuer,
        "application": application,
        "secret": secret,
        "domains": ["cafe.example"],
        "role_claim": "realm_access.roles",
        "roles": ROLES,
        "default_role": "viewer",
    }
    given |= more
    async with product.api.put(
        "/v1/identity-provider", json=given, headers=business.staff
    ) as answer:
        return answer.status, await answer.json()


@pytest.fixture
async def connected(product: Product, cafe: Business, issuer: OidcSimulator) -> OidcSimulator:
    """The café's staff sign in there."""
    status, told = await configure(product, cafe, issuer.url, issuer.application, issuer.secret)
    assert status == 200
    assert "secret" not in told
    return issuer


async def sign_in(browser: Browser, business: str) -> Seen:
    """Goes to the provider and comes back."""
    page = await browser.send("/signin/sso", business=business)
    if page.status != 200:
        return page
    return await browser.see(page.found(r'class="button" href="([^"]+)"'))


async def test_who_comes_for_the_first_time_is_taken_in_with_their_role(
    product: Product, cafe: Business, connected: OidcSimulator, new_browser: NewBrowser
) -> None:
    connected.person = Person(roles=("wafaa-agent", "other"), name="سارة")
    browser = await new_browser()
    for way in (cafe.ref.slug, "sara@cafe.example", "  SOMEBODY@Cafe.example "):
        page = await sign_in(browser, way)
        assert (page.status, page.path) == (200, "/account"), way
        assert "Signed in as سارة. Agent." in page.text
        await browser.send("/signout")
    connected.person = replace(connected.person, roles=("wafaa-owner",), email="new@cafe.example")
    assert (
        "Owner." in (await sign_in(browser, cafe.ref.slug)).text
    )  # The same person, another role.
    async with product.services.db.tenant(cafe.ref.id) as tx:
        assert await tx.value("SELECT count(*) FROM staff") == 2
        assert await tx.value("SELECT count(*) FROM staff_identities") == 1
        kept = await tx.value("SELECT json_agg(p)::text FROM identity_providers p")
    assert connected.secret not in kept


@pytest.mark.parametrize(
    "person",
    [
        Person(verified=False),
        Person(verified=None),
        Person(email="sara@elsewhere.example"),
        Person(email="sara@sub.cafe.example"),
        Person(email="sara@cafe.example@evil.example"),
        Person(email="sara@evil.example\n@cafe.example"),
        Person(email=""),
    ],
)
async def test_a_stranger_stays_outside_and_takes_nobodys_account_over(
    product: Product, cafe: Business, connected: OidcSimulator, new_browser: NewBrowser, person: Person
) -> None:  # fmt: skip
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await Staff.add(tx, "sara@cafe.example", "Sara", "owner", "")
    connected.person = person
    page = await sign_in(await new_browser(), cafe.ref.slug)
    assert page.status == 403
    async with product.services.db.tenant(cafe.ref.id) as tx:
        assert await tx.value("SELECT count(*) FROM staff_identities") == 0


async def test_who_was_let_go_and_who_has_no_role_stay_outside(
    product: Product, cafe: Business, connected: OidcSimulator, new_browser: NewBrowser
) -> None:
    browser = await new_browser()
    assert (await sign_in(browser, cafe.ref.slug)).path == "/account"
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await tx.run("UPDATE staff SET is_active = false WHERE email = 'sara@cafe.example'")
    assert (await sign_in(browser, cafe.ref.slug)).status == 403
    assert (await browser.see("/account")).path.startswith("/signin")
    await configure(
        product, cafe, connected.url, connected.application, connected.secret, default_role=None
    )
    connected.person = Person(subject="person-2", email="noor@cafe.example")
    assert (await sign_in(browser, cafe.ref.slug)).status == 403
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await Staff.add(tx, "ours@cafe.example", "Ours", "platform", "")
    connected.person = Person(subject="person-3", email="ours@cafe.example", roles=("wafaa-owner",))
    assert (await sign_in(browser, cafe.ref.slug)).status == 403


def claims(**changed: Any) -> Behaviour:
    """Lies in the claims; None leaves one out."""

    def change(told: dict[str, Any]) -> dict[str, Any]:
        return {n: v for n, v in (told | changed).items() if v is not None}

    return Behaviour(claims=change)


LIES = {
    "another issuer": claims(iss="https://evil.example"),
    "an issuer with a slash": Behaviour(claims=lambda c: c | {"iss": c["iss"] + "/"}),
    "no issuer": claims(iss=None),
    "another audience": claims(aud="another"),
    "no audience": claims(aud=None),
    "several audiences, nobody authorized": claims(aud=["wafaa", "another"]),
    "another authorized party": claims(azp="another"),
    "no nonce": claims(nonce=None),
    "another nonce": claims(nonce="x" * 43),
    "expired": claims(exp=1_000_000_000),
    "no expiry": claims(exp=None),
    "a time that is none": claims(exp="soon"),
    "issued in the future": claims(iat=4_000_000_000),
    "no subject": claims(sub=None),
    "an empty subject": claims(sub=""),
    "a subject that is none": claims(sub=["person-1"]),
    "no signature": Behaviour(header={"alg": "none"}),
    "the public key as secret": Behaviour(key_as_secret=True),
    "another key of the same name": Behaviour(foreign_key=True),
    "a key that it does not show": Behaviour(header={"kid": "unknown"}),
    "a key of another kind": Behaviour(header={"kid": "oct"}),
    "a key name that is none": Behaviour(header={"kid": 7}),
    "an access token": Behaviour(header={"typ": "at+jwt"}),
    "an extension nobody knows": Behaviour(header={"crit": ["b64"], "b64": False}),
    "a broken signature": Behaviour(token=lambda t: t[:-4] + ("aaaa" if t[-4:] != "aaaa" else "bbbb")),
    "an empty signature": Behaviour(token=lambda t: t.rpartition(".")[0] + "."),
    "no token": Behaviour(token=lambda _: ""),
    "five parts": Behaviour(token=lambda t: t + ".x.y"),
    "a token without end": Behaviour(token=lambda t: t + "A" * 100_000),
    "another state": Behaviour(answer=lambda a: a | {"state": "x" * 43}),
    "no state": Behaviour(answer=lambda a: {k: v for k, v in a.items() if k != "state"}),
    "another provider's answer": Behaviour(answer=lambda a: a | {"iss": "https://evil.example"}),
    "an answer of nobody": Behaviour(answer=lambda a: {k: v for k, v in a.items() if k != "iss"}),
    "another code": Behaviour(answer=lambda a: a | {"code": "guess"}),
    "no code": Behaviour(answer=lambda a: {"error": "access_denied", "state": a["state"], "iss": a["iss"]}),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_a_provider_that_lies_lets_nobody_in(
    product: Product, cafe: Business, connected: OidcSimulator, new_browser: NewBrowser, lie: str
) -> None:
    connected.behaviour = LIES[lie]
    browser = await new_browser()
    page = await sign_in(browser, cafe.ref.slug)
    assert page.status in (401, 502), page.text
    assert browser.cookies() == {}
    connected.behaviour = Behaviour()
    assert (await sign_in(browser, cafe.ref.slug)).path == "/account"


BROKEN = {
    "keys that redirect": Behaviour(status={"/keys": 302}),
    "keys that are none": Behaviour(status={"/keys": 500}),
    "tokens that redirect": Behaviour(status={"/token": 307}),
    "tokens that are a page": Behaviour(status={"/token": 502}),
    "keys that never come": Behaviour(hang=frozenset({"/keys"})),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_provider_that_fails_is_told_as_such(
    cafe: Business, connected: OidcSimulator, new_browser: NewBrowser, fault: str
) -> None:
    connected.behaviour = BROKEN[fault]
    page = await sign_in(await new_browser("ar"), cafe.ref.slug)
    assert page.status in (401, 502, 503)
    assert "ar" in page.html


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
async def test_a_provider_that_describes_something_else_is_not_set_up(
    product: Product, cafe: Business, issuer: OidcSimulator, metadata: dict[str, Any]
) -> None:
    issuer.behaviour = Behaviour(metadata=metadata)
    status, problem = await configure(product, cafe, issuer.url, "wafaa", "s")
    assert status in (422, 502)
    assert issuer.url not in str(problem)


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254",
        "http://10.0.0.1",
        "http://localhost:8000",
        "https://user@evil.example",
    ],
)
async def test_no_address_inside_is_asked(product: Product, cafe: Business, address: str) -> None:
    assert (await configure(product, cafe, address, "wafaa", "s"))[0] == 422


async def test_an_answer_opens_once_and_only_in_the_browser_that_asked(
    cafe: Business, connected: OidcSimulator, new_browser: NewBrowser
) -> None:
    mine, theirs = await new_browser(), await new_browser()
    page = await mine.send("/signin/sso", business=cafe.ref.slug)
    away = page.found(r'class="button" href="([^"]+)"')
    async with mine.http.get(away, allow_redirects=False) as answer:
        back = answer.headers["location"]
    assert (await theirs.see(back)).status == 401
    assert (await mine.see(back)).path == "/account"
    assert (await mine.see(back)).status == 401


async def test_nobody_is_led_to_a_provider_of_a_domain_that_two_claim(
    product: Product, cafe: Business, connected: OidcSimulator, new_browser: NewBrowser
) -> None:
    other = await product.business(f"x{cafe.ref.slug}")
    await configure(product, other, connected.url, connected.application, connected.secret)
    browser = await new_browser()
    for nobody in (
        "sara@cafe.example",
        "cafe.example",
        "nobody@nowhere.example",
        "",
        "@",
        "x" * 300,
    ):
        assert (await browser.send("/signin/sso", business=nobody)).status in (404, 422)
    assert (await sign_in(browser, cafe.ref.slug)).path == "/account"


async def test_new_keys_are_found_and_unknown_ones_not_sought_without_end(
    cafe: Business, connected: OidcSimulator, new_browser: NewBrowser, product: Product
) -> None:
    now = [0.0]
    issuers = Issuers("127.0.0.0/8", clock=lambda: now[0])
    product.services.single_sign_on.oidc.issuers = issuers
    browser = await new_browser()
    assert (await sign_in(browser, cafe.ref.slug)).path == "/account"
    connected.rotate()
    now[0] = 31
    assert (await sign_in(browser, cafe.ref.slug)).path == "/account"
    connected.behaviour = Behaviour(header={"kid": "unknown"})
    connected.requests.clear()
    for _ in range(5):
        assert (await sign_in(browser, cafe.ref.slug)).status == 401
    assert connected.requests.count("/keys") <= 1
    connected.behaviour = Behaviour(status={"/keys": 500, "/.well-known/openid-configuration": 500})
    now[0] = 3600
    assert (await sign_in(browser, cafe.ref.slug)).path == "/account"  # By the keys it had.
    now[0] = 2 * 24 * 3600
    assert (await sign_in(browser, cafe.ref.slug)).status == 502


async def test_who_sets_a_provider_up_and_removes_it_is_noted(
    product: Product, cafe: Business, connected: OidcSimulator
) -> None:
    async with product.api.delete("/v1/identity-provider", headers=cafe.staff) as answer:
        assert answer.status == 204
    async with product.api.get("/v1/audit", headers=cafe.staff) as answer:
        noted = [entry["action"] for entry in await answer.json()]
    assert noted[:2] == ["identity_provider.removed", "identity_provider.set"]


async def test_the_secret_belongs_to_its_issuer(
    product: Product, cafe: Business, connected: OidcSimulator
) -> None:
    async with OidcSimulator() as other:
        given = {"issuer": other.url, "application": "wafaa", "domains": ["cafe.example"]}
        async with product.api.put(
            "/v1/identity-provider", json=given, headers=cafe.staff
        ) as answer:
            assert answer.status == 409

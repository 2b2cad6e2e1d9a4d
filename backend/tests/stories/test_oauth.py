"""Applications of others: they act for a business by themselves, or for a colleague who allowed it."""

import asyncio
import base64
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.core.token_keys import Registry
from app.models.client import Client
from tests.fixtures.product import Business, Product
from tests.fixtures.signin import Browser, NewBrowser
from tests.fixtures.third_party import CALLBACK, RIGHTS, Application, NewApplication
from tests.fixtures.wired import until
from tests.unit.test_redirects import TRICKS

REDIRECTS = [trick for trick in TRICKS if trick]
"""Of these a browser sends each as it stands, in the query."""


@pytest.fixture
async def owner(cafe: Business, new_browser: NewBrowser) -> Browser:
    """The owner's browser, signed in."""
    browser = await new_browser()
    assert (await browser.sign_in(cafe.email)).status == 200
    return browser


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_an_application_acts_by_itself_and_others_can_verify_its_token(
    product: Product, new_application: NewApplication, algorithm: str
) -> None:
    """Check 18: every claim of RFC 9068, signed by a published key."""
    application = await new_application(algorithm=algorithm)
    status, given = await application.asks(grant_type="client_credentials")
    assert (status, given["token_type"], given["expires_in"]) == (200, "Bearer", 900)
    assert given["scope"] == " ".join(sorted(RIGHTS))
    assert "refresh_token" not in given
    token = given["access_token"]
    assert await application.gets(token) == 200
    assert await application.gets(token, "/v1/usage") == 403
    async with product.api.get("/.well-known/jwks.json") as answer:
        assert "max-age" in answer.headers["cache-control"]
        told = await answer.json()
    assert not any({"d", "p", "q", "k"} & key.keys() for key in told["keys"])
    read = jwt.decode(token, KeySet.import_key_set(told), registry=Registry(algorithm))
    assert read.header["typ"] == "at+jwt"
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= read.claims.keys()
    assert read.claims["sub"] == read.claims["client_id"] == application.id
    assert read.claims["iss"] == product.services.authority.issuer


async def test_an_application_gets_no_more_than_it_was_given(
    new_application: NewApplication,
) -> None:
    application = await new_application()
    for scope in ("admin", "conversations:read admin", "everything", "CONVERSATIONS:READ"):
        status, given = await application.asks(grant_type="client_credentials", scope=scope)
        assert (status, given["error"]) == (400, "invalid_scope"), scope
    status, given = await application.asks(grant_type="client_credentials", scope="knowledge:read")
    assert (status, given["scope"]) == (200, "knowledge:read")
    assert await application.gets(given["access_token"]) == 403
    assert await application.gets(given["access_token"], "/v1/documents") == 200


async def test_the_metadata_tells_where_everything_is_whatever_host_asks(product: Product) -> None:
    """Checks 24 and 26: RFC 8414; no implicit and no password grant."""
    path = "/.well-known/oauth-authorization-server"
    async with product.api.get(path, headers={"Host": "evil.example"}) as answer:
        told = await answer.json()
    assert "evil" not in str(told)
    assert told["issuer"] == product.services.authority.issuer
    assert told["response_types_supported"] == ["code"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert set(told["grant_types_supported"]) == {
        "authorization_code", "client_credentials", "refresh_token"
    }  # fmt: skip
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "jwks_uri"):
        assert told[name].startswith(told["issuer"] + "/")
    async with product.api.get("/.well-known/oauth-protected-resource") as answer:
        assert (await answer.json())["authorization_servers"] == [told["issuer"]]


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_colleague_is_asked_signs_in_first_and_allows(
    product: Product,
    cafe: Business,
    new_application: NewApplication,
    new_browser: NewBrowser,
    language: str,
) -> None:
    application = await new_application()
    browser = await new_browser(language)
    first = await browser.see(application.link())
    assert first.path.startswith("/signin?return_to=/oauth/authorize")
    back = first.found(r'name="return_to" value="([^"]*)"')
    asked = await browser.sign_in(cafe.email, return_to=back)
    assert (asked.status, asked.path.partition("?")[0]) == (200, "/oauth/authorize")
    assert "Ledger" in asked.text
    assert "The Café" in asked.text
    said = {"en": "Read conversations", "ar": "قراءة المحادثات"}
    assert said[language] in asked.text
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in asked.html
    policy = asked.headers["content-security-policy"]
    assert "form-action 'self';" in policy
    assert "script" not in asked.html
    assert "unsafe" not in policy
    location = await application.allowed_by(browser)
    brought = parse_qs(urlsplit(location).query)
    assert location.startswith(f"{CALLBACK}?")
    assert brought["state"] == ["state-1"]
    assert brought["iss"] == [product.services.authority.issuer]
    status, given = await application.exchanges(brought["code"][0])
    assert (status, given["scope"]) == (200, " ".join(sorted(RIGHTS)))
    assert await application.gets(given["access_token"]) == 200
    async with product.api.get(
        "/v1/auth/me", headers={"Authorization": f"Bearer {given['access_token']}"}
    ) as me:
        assert (await me.json())["role"] == "owner"


async def test_nobody_is_sent_to_an_address_that_isnt_listed(
    product: Product, new_application: NewApplication, new_browser: NewBrowser, owner: Browser
) -> None:
    """Check 21: the browser is told here, and goes nowhere (RFC 6749 §4.1.2.1)."""
    application, stranger = await new_application(), await new_browser()
    other = await new_application(await product.business("clinic"))
    wrong: list[dict[str, str | None]] = [{"redirect_uri": trick} for trick in REDIRECTS]
    wrong += [{"redirect_uri": None}, {"client_id": None}, {"client_id": "nobody"}]
    wrong += [{"client_id": application.id.upper()}, {"client_id": application.id + " "}]
    for changes in wrong:
        for browser in (stranger, owner):
            link = application.link(**changes)
            async with browser.http.get(link, allow_redirects=False) as answer:
                assert (answer.status, answer.headers.get("location")) == (400, None), changes
    for twice in (f"&redirect_uri={CALLBACK}", f"&client_id={application.id}"):
        async with owner.http.get(application.link() + twice, allow_redirects=False) as answer:
            assert (answer.status, answer.headers.get("location")) == (400, None), twice
    async with owner.http.get(other.link(), allow_redirects=False) as answer:
        assert answer.status == 400, "another business's application"


MISTAKES: dict[str, tuple[dict[str, str | None], str]] = {
    "the implicit flow": ({"response_type": "token"}, "unsupported_response_type"),
    "no response type": ({"response_type": None}, "unsupported_response_type"),
    "the hybrid flow": ({"response_type": "code token"}, "unsupported_response_type"),
    "no PKCE": ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "PKCE without a method": ({"code_challenge_method": None}, "invalid_request"),
    "a short challenge": ({"code_challenge": "x" * 42}, "invalid_request"),
    "an unknown right": ({"scope": "everything"}, "invalid_scope"),
    "a right it hasn't": ({"scope": "admin"}, "invalid_scope"),
    "a request object": ({"request": "x.y.z"}, "request_not_supported"),
    "a request elsewhere": ({"request_uri": "https://evil.example"}, "request_not_supported"),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_other_mistakes_are_told_to_the_application(
    product: Product, new_application: NewApplication, new_browser: NewBrowser, name: str
) -> None:
    """Checks 20 and 24: with its state, and with our name against mix-ups."""
    changes, error = MISTAKES[name]
    application, browser = await new_application(), await new_browser()
    async with browser.http.get(application.link(**changes), allow_redirects=False) as answer:
        assert answer.status == 303
        location = answer.headers["location"]
    assert location.startswith(f"{CALLBACK}?")
    told = parse_qs(urlsplit(location).query)
    assert (told["error"], told["state"]) == ([error], ["state-1"])
    assert told["iss"] == [product.services.authority.issuer]
    assert "code" not in told


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_another_sites_form_allows_nothing(
    new_application: NewApplication, owner: Browser, origin: str
) -> None:
    application = await new_application()
    link = parse_qs(urlsplit(application.link()).query)
    fields = {n: v[0] for n, v in link.items()} | {"decision": "allow"}
    async with owner.http.post(
        "/oauth/authorize", data=fields, headers={"Origin": origin}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers.get("location")) == (403, None)


async def test_who_says_no_gives_nothing(new_application: NewApplication, owner: Browser) -> None:
    application = await new_application()
    brought = parse_qs(urlsplit(await application.allowed_by(owner, "deny")).query)
    assert brought["error"] == ["access_denied"]
    assert "code" not in brought
    assert brought["state"] == ["state-1"]


async def test_a_code_is_good_once_and_shown_again_ends_what_it_brought(
    new_application: NewApplication, owner: Browser
) -> None:
    """Check 22."""
    application = await new_application()
    code = await application.code_from(owner)
    _, given = await application.exchanges(code)
    assert await application.gets(given["access_token"]) == 200
    status, again = await application.exchanges(code)
    assert (status, again["error"]) == (400, "invalid_grant")
    await _dies(application, given["access_token"])
    status, _ = await application.refreshes(given["refresh_token"])
    assert status == 400


async def test_of_many_who_show_a_code_at_once_one_gets_tokens_at_most(
    new_application: NewApplication, owner: Browser
) -> None:
    application = await new_application()
    code = await application.code_from(owner)
    answers = await asyncio.gather(*(application.exchanges(code) for _ in range(8)))
    assert [status for status, _ in answers].count(200) <= 1


async def test_a_code_is_old_after_a_minute(
    product: Product, cafe: Business, new_application: NewApplication, owner: Browser
) -> None:
    """Check 23."""
    application = await new_application()
    code = await application.code_from(owner)
    async with product.services.db.tenant(cafe.ref.id) as tx:
        left = await tx.value("SELECT max(code_until - created_at) FROM oauth_grants")
        assert 0 < left.total_seconds() <= 60
        await tx.run("UPDATE oauth_grants SET code_until = now() WHERE client_id = $1", cafe.ref.id)
    assert (await application.exchanges(code))[1]["error"] == "invalid_grant"


WRONG = {
    "another verifier": {"code_verifier": "x" * 50},
    "a short verifier": {"code_verifier": "x" * 42},
    "no verifier": {"code_verifier": None},
    "another address": {"redirect_uri": "https://app.example/other"},
    "the address with a slash": {"redirect_uri": f"{CALLBACK}/"},
    "no address": {"redirect_uri": None},
    "a code of nobody": {"code": "wfc_" + "0" * 43},
    "no code": {"code": None},
    "a wrong secret": {"client_secret": "wfs_" + "0" * 43},
    "no secret": {"client_secret": None},
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_code_is_for_whom_it_was_made(
    new_application: NewApplication, owner: Browser, name: str
) -> None:
    """Check 20: PKCE is needed, and only S256."""
    application = await new_application()
    code = await application.code_from(owner)
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": code}
    proof = {"code_verifier": application.verifier}
    status, given = await application.asks(**(form | proof | WRONG[name]))
    assert status in (400, 401), given
    assert given["error"] in ("invalid_grant", "invalid_request", "invalid_client")
    assert "access_token" not in given


async def test_the_challenge_itself_is_no_verifier(
    new_application: NewApplication, owner: Browser
) -> None:
    """Check 20: what would pass as plain PKCE."""
    application = await new_application()
    code = await application.code_from(owner)
    status, _ = await application.exchanges(code, code_verifier=application.challenge)
    assert status == 400


async def test_another_application_cant_use_a_code_or_a_refresh_token(
    product: Product, new_application: NewApplication, owner: Browser
) -> None:
    mine, other = await new_application(), await new_application()
    stranger = await new_application(await product.business("clinic"))
    for thief in (other, stranger):
        code = await mine.code_from(owner)
        status, _ = await thief.exchanges(code, code_verifier=mine.verifier)
        assert status == 400
        _, given = await mine.exchanges(await mine.code_from(owner))
        assert (await thief.refreshes(given["refresh_token"]))[0] == 400
        assert await mine.gets(given["access_token"]) == 200


async def test_a_refresh_token_is_good_once_and_shown_again_ends_the_family(
    new_application: NewApplication, owner: Browser
) -> None:
    """Check 25."""
    application = await new_application()
    _, first = await application.exchanges(await application.code_from(owner))
    status, second = await application.refreshes(first["refresh_token"], scope="knowledge:read")
    assert (status, second["scope"]) == (200, "knowledge:read")
    status, third = await application.refreshes(second["refresh_token"])
    assert (status, third["scope"]) == (200, " ".join(sorted(RIGHTS)))
    assert (await application.refreshes(third["refresh_token"], scope="admin"))[0] == 400
    assert (await application.refreshes(first["refresh_token"]))[1]["error"] == "invalid_grant"
    assert (await application.refreshes(third["refresh_token"]))[1]["error"] == "invalid_grant"
    for given in (first, second, third):
        await _dies(application, given["access_token"])


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_a_revoked_token_takes_its_family_along(
    product: Product, new_application: NewApplication, owner: Browser, which: str
) -> None:
    application, other = await new_application(), await new_application()
    _, given = await application.exchanges(await application.code_from(owner))

    async def revokes(by: Application, token: str) -> int:
        form = {"token": token, "client_id": by.id, "client_secret": by.secret}
        async with product.api.post("/oauth/revoke", data=form) as answer:
            return answer.status

    assert await revokes(other, given[which]) == 200
    assert await revokes(application, "unknown") == 200
    assert await application.gets(given["access_token"]) == 200
    assert await revokes(application, given[which]) == 200
    await _dies(application, given["access_token"])
    assert (await application.refreshes(given["refresh_token"]))[0] == 400


async def test_tokens_end_with_their_application_their_colleague_and_their_client(
    product: Product, cafe: Business, new_application: NewApplication, owner: Browser
) -> None:
    first, second = await new_application(), await new_application()
    tokens = [(await first.exchanges(await first.code_from(owner)))[1]["access_token"]]
    tokens.append((await first.asks(grant_type="client_credentials"))[1]["access_token"])
    async with product.api.delete(f"/v1/applications/{first.id}", headers=cafe.staff) as answer:
        assert answer.status == 204
    for token in tokens:
        await _dies(first, token)
    assert (await first.asks(grant_type="client_credentials"))[1]["error"] == "invalid_client"
    _, given = await second.exchanges(await second.code_from(owner))
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await Client.suspend(tx, "unpaid")
    await _dies(second, given["access_token"])
    assert (await second.refreshes(given["refresh_token"]))[0] in (400, 401)


async def _dies(application: Application, token: str) -> None:
    """Within seconds."""

    async def refused() -> bool:
        return await application.gets(token) == 401

    await until(refused, 30)


async def test_an_application_without_a_secret_lives_by_pkce_alone(
    new_application: NewApplication, owner: Browser
) -> None:
    application = await new_application(confidential=False)
    assert application.secret is None
    status, given = await application.exchanges(await application.code_from(owner))
    assert status == 200
    assert (await application.refreshes(given["refresh_token"]))[0] == 200
    status, refused = await application.asks(grant_type="client_credentials")
    assert (status, refused["error"]) == (400, "unauthorized_client")
    status, _ = await application.asks(grant_type="client_credentials", client_secret="guess")
    assert status == 401


FORMS = {
    "no grant type": ({"grant_type": None}, "unsupported_grant_type"),
    "the password grant": ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
    "the implicit grant": ({"grant_type": "implicit"}, "unsupported_grant_type"),
    "an assertion": ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
    "an unknown application": ({"client_id": "01890000-0000-7000-8000-0000000000ff"}, "invalid_client"),
    "an application that is no id": ({"client_id": "' OR 1=1 --"}, "invalid_client"),
    "a NUL": ({"scope": "a\x00b"}, "invalid_request"),
    "endless": ({"scope": "x" * 5000}, "invalid_request"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
async def test_what_isnt_there_is_refused_in_oauths_own_words(
    new_application: NewApplication, name: str
) -> None:
    """Check 24."""
    application = await new_application()
    form, error = FORMS[name]
    status, given = await application.asks(**({"grant_type": "client_credentials"} | form))
    assert (status in (400, 401), given["error"]) == (True, error)
    assert given["error_description"]


async def test_a_secret_is_shown_in_one_way_and_nothing_is_said_twice(
    product: Product, new_application: NewApplication
) -> None:
    application = await new_application()
    secret = application.secret or ""
    form = {"grant_type": "client_credentials"}

    async def asks(data: object, headers: dict[str, str]) -> tuple[int, str]:
        async with product.api.post("/oauth/token", data=data, headers=headers) as answer:
            told = await answer.json()
            assert answer.headers["cache-control"] == "no-store"
            assert answer.content_type == "application/json"
            if answer.status == 401:
                assert answer.headers["www-authenticate"].startswith("Basic")
            return answer.status, told.get("error", "")

    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert await asks(form, basic(f"{application.id}:{secret}")) == (200, "")
    twice = form | {"client_id": application.id, "client_secret": secret}
    assert await asks(twice, basic(f"{application.id}:{secret}")) == (400, "invalid_request")
    for bad in (f"{application.id}:", application.id, f"{application.id}:{secret}x", ":", "\xff:x"):
        assert await asks(form, basic(bad)) == (401, "invalid_client"), bad
    assert await asks(form, {"Authorization": "Basic !"}) == (401, "invalid_client")
    pairs = [("grant_type", "client_credentials")] * 2
    status, error = await asks(aiohttp.FormData(pairs)(), basic(f"{application.id}:{secret}"))
    assert (status, error) == (400, "invalid_request")
    async with product.api.post("/oauth/token", json=form) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")
    for method in ("get", "put"):
        async with product.api.request(method, "/oauth/token") as answer:
            assert answer.status == 405


@pytest.mark.parametrize(
    ("origins", "reads"),
    [
        (["https://app.example"], True),
        ([], False),
        (["https://app.example", "https://app.example"], False),
        (["https://app.example.evil.example"], False),
        (["https://APP.example"], False),
        (["https://app.example:8443"], False),
        (["http://app.example"], False),
        (["https://app.example/"], False),
        (["null"], False),
    ],
)
async def test_pages_of_listed_origins_alone_read_what_tokens_are_given(
    product: Product, new_application: NewApplication, origins: list[str], reads: bool
) -> None:
    """Check 50, for applications in a browser: what is refused is read by them, too; what is public by everybody."""
    application = await new_application()
    headers = [("Origin", origin) for origin in origins]
    asked = {
        "grant_type": "client_credentials",
        "client_id": application.id,
        "client_secret": application.secret,
    }
    for more, status in (({}, 200), ({"scope": "everything"}, 400)):
        async with product.api.post("/oauth/token", data=asked | more, headers=headers) as answer:
            assert answer.status == status
            assert (answer.headers.get("access-control-allow-origin") in origins) is reads
            assert "access-control-allow-credentials" not in answer.headers
            assert "Origin" in answer.headers["vary"]
    async with product.api.get("/.well-known/jwks.json", headers=headers) as answer:
        assert answer.headers["access-control-allow-origin"] == "*"

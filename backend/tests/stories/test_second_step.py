"""Staff sign in with a second step: codes of an authenticator app, and recovery codes when it is lost."""

import asyncio
import base64
import re
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from app.models.staff_factor import SignInRules
from tests.fixtures.product import PASSWORD, Business, Product
from tests.fixtures.signin import Browser, NewBrowser, Seen

PAGE = "/account/second-factor"


def code_of(secret: str, off: int = 0) -> str:
    """What an authenticator app shows, as many steps off as its clock is."""
    spoken = SHA1()  # noqa: S303 - RFC 6238; the apps know no other.
    app = TOTP(base64.b32decode(secret.replace(" ", "")), 6, spoken, 30)
    return app.generate(int(time.time()) + 30 * off).decode()


async def set_up(browser: Browser) -> tuple[str, list[str]]:
    """Turns the second step on; gives the secret and the recovery codes. The step before this one is used up."""
    page = await browser.send(f"{PAGE}/begin", password=PASSWORD)
    secret = page.found(r'<code dir="ltr">([A-Z2-7 ]+)</code>')
    done = await browser.send(f"{PAGE}/confirm", code=code_of(secret, -1))
    return secret, recovery_codes(done)


def recovery_codes(page: Seen) -> list[str]:
    """The codes on a page."""
    return re.findall(r"<code><bdi>([A-Z0-9-]{19})</bdi></code>", page.html)


async def login(product: Product, email: str, **more: str) -> tuple[int, dict[str, Any]]:
    """Signs a program in."""
    given = {"email": email, "password": PASSWORD} | more
    async with product.api.post("/v1/auth/login", json=given) as answer:
        return answer.status, await answer.json()


async def test_with_a_second_step_a_password_alone_opens_nothing(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    here = await new_browser()
    await here.sign_in(cafe.email)
    secret, codes = await set_up(here)
    assert len(set(codes)) == 10
    there = await new_browser()
    page = await there.sign_in(cafe.email)
    assert page.path.startswith("/signin/code")
    assert (await there.see("/account")).path.startswith("/signin?")
    async with there.http.get("/v1/auth/me") as answer:
        assert answer.status == 401
    half = there.cookies()
    assert (await there.send("/signin/code", code="000000")).status == 401
    page = await there.send("/signin/code", code=code_of(secret))
    assert (page.status, page.path) == (200, "/account")
    assert there.cookies() != half  # What was shown on the way opens nothing more.
    assert "Second step: on" in page.text


async def test_a_code_opens_once_and_its_neighbours_do_not(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    here = await new_browser()
    await here.sign_in(cafe.email)
    secret, _ = await set_up(here)
    status, problem = await login(product, cafe.email)
    assert (status, problem["code"]) == (401, "second_factor_needed")
    code = code_of(secret)
    answers = await asyncio.gather(*(login(product, cafe.email, code=code) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [200, 401, 401, 401]
    assert (await login(product, cafe.email, code=code_of(secret, -1)))[0] == 401


@pytest.mark.parametrize("off", [-3, 2])
async def test_a_clock_may_be_a_step_off_and_no_more(
    product: Product, cafe: Business, new_browser: NewBrowser, off: int
) -> None:
    here = await new_browser()
    await here.sign_in(cafe.email)
    secret, _ = await set_up(here)
    assert (await login(product, cafe.email, code=code_of(secret, off)))[0] == 401
    digits = code_of(secret, 1).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert (await login(product, cafe.email, code=f"{digits[:3]} {digits[3:]}"))[0] == 200


async def test_recovery_codes_open_once_each_and_are_kept_as_hashes(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    here = await new_browser()
    await here.sign_in(cafe.email)
    secret, codes = await set_up(here)
    assert (await login(product, cafe.email, code=codes[0].lower()))[0] == 200
    assert (await login(product, cafe.email, code=codes[0]))[0] == 401
    page = await here.see(PAGE)
    assert "Recovery codes left: 9." in page.text
    renewed = recovery_codes(await here.send(f"{PAGE}/codes", code=codes[1].replace("-", "")))
    assert len(renewed) == 10
    assert (await login(product, cafe.email, code=codes[2]))[0] == 401
    async with product.services.db.tenant(cafe.ref.id) as tx:
        kept = str(
            [
                await tx.value(f"SELECT json_agg(t)::text FROM {table} t")
                for table in ("staff_factors", "staff_recovery_codes", "audit_log")
            ]
        )
    raw = base64.b32decode(secret.replace(" ", "")).hex()
    assert not any(word in kept for word in (raw, secret, renewed[0], renewed[0].replace("-", "")))


async def test_guessing_codes_ends_after_five(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    """Check 29, for who knows the password."""
    here = await new_browser()
    await here.sign_in(cafe.email)
    secret, _ = await set_up(here)
    answers = [await login(product, cafe.email, code=f"{n:06}") for n in range(5)]
    assert [status for status, _ in answers] == [401] * 5
    assert (await login(product, cafe.email, code=code_of(secret)))[0] == 429


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_client_may_ask_its_staff_for_it(
    product: Product, cafe: Business, new_browser: NewBrowser, language: str
) -> None:
    async with product.services.db.tenant(cafe.ref.id) as tx:
        await SignInRules.ask(tx, second_factor=True)
    status, problem = await login(product, cafe.email)
    assert (status, problem["code"]) == (403, "enrolment_needed")
    browser = await new_browser(language)
    page = await browser.sign_in(cafe.email, return_to="/account/password")
    assert page.path.startswith(PAGE)
    assert {"en": "asks for a second step", "ar": "تشترط منشأتك"}[language] in page.text
    assert (await browser.see("/account")).path.startswith("/signin?")
    page = await browser.send(f"{PAGE}/begin")
    secret = page.found(r'<code dir="ltr">([A-Z2-7 ]+)</code>')
    done = await browser.send(
        f"{PAGE}/confirm", code=code_of(secret), return_to="/account/password"
    )
    assert len(recovery_codes(done)) == 10
    assert 'href="/account/password"' in done.html
    assert (await browser.see("/account")).path == "/account"
    refused = await browser.send(f"{PAGE}/remove", code=code_of(secret, 1))
    assert refused.status == 403


async def test_turning_it_off_takes_a_code(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    here = await new_browser()
    await here.sign_in(cafe.email)
    secret, _ = await set_up(here)
    assert (await here.send(f"{PAGE}/remove", code="123")).status == 401
    assert "turned off" in (await here.send(f"{PAGE}/remove", code=code_of(secret))).text
    assert (await login(product, cafe.email))[0] == 200


async def test_setting_it_up_takes_the_password(cafe: Business, new_browser: NewBrowser) -> None:
    """Who finds a browser open can't lock its owner out."""
    here = await new_browser()
    await here.sign_in(cafe.email)
    page = await here.send(f"{PAGE}/begin", password="guess")
    assert (page.status, "present password is wrong" in page.text) == (422, True)
    assert "<img" not in page.html
    assert (await here.see(f"{PAGE}/qr.svg")).status == 404
    await here.send(f"{PAGE}/begin", password=PASSWORD)
    picture = await here.see(f"{PAGE}/qr.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "<script" not in picture.html


async def test_a_changed_password_ends_every_other_session(
    product: Product, cafe: Business, new_browser: NewBrowser
) -> None:
    """Check 27."""
    here, there = await new_browser(), await new_browser()
    await here.sign_in(cafe.email)
    await there.sign_in(cafe.email)
    _, given = await login(product, cafe.email)
    token = {"Authorization": f"Bearer {given['access_token']}"}
    wrong = await here.send("/account/password", password="guess", new_password="another one")
    assert wrong.status == 422
    for weak in ("short", cafe.email.upper(), "owner   "):
        refused = await here.send("/account/password", password=PASSWORD, new_password=weak)
        assert refused.status == 422, weak
    page = await here.send("/account/password", password=PASSWORD, new_password="another one")
    assert "The password was changed." in page.text
    assert (await there.see("/account")).path.startswith("/signin")
    assert (await here.see("/account")).path == "/account"
    async with asyncio.timeout(15):
        while True:
            async with product.api.get("/v1/auth/me", headers=token) as answer:
                if answer.status == 401:
                    break
            await asyncio.sleep(0.1)
    assert (await there.sign_in(cafe.email)).status == 401
    assert (await there.sign_in(cafe.email, "another one")).path == "/account"


async def test_a_program_does_all_of_it_through_the_api(product: Product, cafe: Business) -> None:
    api = product.api
    _, given = await login(product, cafe.email)
    token = {"Authorization": f"Bearer {given['access_token']}"}

    async def post(path: str, **body: str) -> tuple[int, Any]:
        async with api.post(f"/v1/auth/{path}", json=body, headers=token) as answer:
            return answer.status, (await answer.json() if answer.status != 204 else None)

    assert (await post("second-factor", password="guess"))[0] == 422
    status, factor = await post("second-factor", password=PASSWORD)
    assert status == 201
    assert factor["uri"].startswith("otpauth://totp/Wafaa%20%28The%20Caf%C3%A9%29:owner%40cafe")
    assert (await post("second-factor/confirm", code="12"))[0] == 422
    status, codes = await post("second-factor/confirm", code=code_of(factor["secret"], -1))
    assert (status, len(codes["codes"])) == (200, 10)
    assert (await post("second-factor", password=PASSWORD))[0] == 409
    status, renewed = await post("recovery-codes", code=code_of(factor["secret"]))
    assert (status, len(renewed["codes"])) == (200, 10)
    assert (await post("second-factor/remove", code=renewed["codes"][0]))[0] == 204
    status, _ = await post("password", password=PASSWORD, new_password="another one")
    assert status == 204
    async with product.services.db.tenant(cafe.ref.id) as tx:
        acts = [row["action"] for row in await tx.all("SELECT action FROM audit_log ORDER BY id")]
    assert acts[-5:] == [
        "second_factor.added", "recovery_codes.renewed", "recovery_code.used", "second_factor.removed",
        "password.changed",
    ]  # fmt: skip

"""Check 27: who is let go, gets another role or another password is out in every process, within five seconds."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from app.core.security import Role, hash_password
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from app.models.staff import Staff
from app.models.staff_ticket import Kind
from app.services.identity import api_keys, credentials, sessions, tickets
from tests.fixtures.product import PASSWORD, Business, Product, installed, migrate_now, settings_for
from tests.fixtures.signin import NewBrowser
from tests.fixtures.third_party import NewApplication
from tests.fixtures.wired import until

EMAIL = "sara@cafe.example"


@pytest.fixture
async def database(postgres18: EmbeddedPostgres, fresh_database: Callable[..., str]) -> str:
    """That both processes use."""
    return fresh_database(postgres18, migrate_now)


@pytest.fixture
async def product(
    database: str, valkey: EmbeddedValkey, embed_home: Path
) -> AsyncIterator[Product]:
    """The process in which it happens."""
    async with installed(settings_for(database, embed_home, REDIS_URL=valkey.url)) as made:
        yield made


@pytest.fixture
async def other(
    database: str, product: Product, valkey: EmbeddedValkey, embed_home: Path
) -> AsyncIterator[Product]:
    """One beside it, with a memory of its own."""
    async with installed(settings_for(database, embed_home, REDIS_URL=valkey.url)) as made:
        yield made


def test_nothing_is_remembered_for_as_long_as_that() -> None:
    """The bound itself: what a process may not know of the others, with a second to answer in."""
    remembered = (
        sessions.MARKS_SECONDS,
        credentials.STANDING_SECONDS,
        api_keys.STANDING_SECONDS,
    )
    assert max(remembered) <= 4


Cause = Callable[[Product, Business, str], Awaitable[None]]


async def let_go(product: Product, cafe: Business, staff: str) -> None:
    async with product.api.delete(f"/v1/staff/{staff}", headers=cafe.staff) as answer:
        assert answer.status == 204


async def get_another_role(product: Product, cafe: Business, staff: str) -> None:
    body = {"role": "viewer"}
    async with product.api.put(f"/v1/staff/{staff}/role", json=body, headers=cafe.staff) as answer:
        assert answer.status == 204


async def change_the_password(product: Product, _cafe: Business, _staff: str) -> None:
    login = {"email": EMAIL, "password": PASSWORD}
    async with product.api.post("/v1/auth/login", json=login) as answer:
        token = (await answer.json())["access_token"]
    body = {"password": PASSWORD, "new_password": "another long password"}
    headers = {"Authorization": f"Bearer {token}"}
    async with product.api.post("/v1/auth/password", json=body, headers=headers) as answer:
        assert answer.status == 204, await answer.text()


async def reset_the_password(product: Product, cafe: Business, _staff: str) -> None:
    async with product.services.db.tenant(cafe.ref.id) as tx:
        staff = await Staff.of_email(tx, EMAIL)
        assert staff is not None
        link = await tickets.issue(tx, staff.id, Kind.RESET, product.url)
    token = link.partition("token=")[2]
    assert await tickets.redeem(product.services.db, token, Kind.RESET, "another long password")


@pytest.mark.parametrize(
    "happens", [let_go, get_another_role, change_the_password, reset_the_password]
)
async def test_every_process_knows(
    product: Product,
    other: Product,
    cafe: Business,
    new_browser: NewBrowser,
    new_application: NewApplication,
    happens: Cause,
) -> None:
    async with product.services.db.tenant(cafe.ref.id) as tx:
        staff = await Staff.add(tx, EMAIL, "Sara", Role.AGENT, hash_password(PASSWORD))
    browser, application = await new_browser(), await new_application()
    await browser.sign_in(EMAIL)
    (cookie,) = browser.cookies().items()
    _, granted = await application.exchanges(await application.code_from(browser))
    async with other.api.post("/v1/auth/login", json={"email": EMAIL, "password": PASSWORD}) as got:
        token = (await got.json())["access_token"]
    shown = [{"Cookie": "=".join(cookie)}, {"Authorization": f"Bearer {token}"}]
    delegated = {"Authorization": f"Bearer {granted['access_token']}"}

    async def roles(headers: dict[str, str]) -> set[str | None]:
        """Who each process takes somebody for."""
        found = set()
        for process in (product, other):
            async with (
                aiohttp.ClientSession(process.url) as http,
                http.get("/v1/auth/me", headers=headers) as answer,
            ):
                found.add((await answer.json())["role"] if answer.status == 200 else None)
        return found

    for headers in (*shown, delegated):
        assert await roles(headers) == {"agent"}
    await happens(product, cafe, str(staff))
    for headers in shown:
        await until(lambda headers=headers: _is(roles(headers), {None}))
    if happens in (let_go, get_another_role):
        rest = {None} if happens is let_go else {"viewer"}
        await until(lambda: _is(roles(delegated), rest))


async def _is(found: Awaitable[set[str | None]], wanted: set[str | None]) -> bool:
    return await found == wanted

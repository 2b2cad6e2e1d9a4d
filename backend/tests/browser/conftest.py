"""A real browser before the real product, on loopback only.

A request that would leave loopback, or an error on the browser's console, fails the test.
"""

import fcntl
import importlib.util
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright

from app.api.pages import DIST
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from tests.browser.installation import Installation, installation
from tests.browser.site import Site, site
from tests.fixtures.product import migrate_now
from tests.fixtures.servers import FreshDatabases

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGS = ["--headless", "--no-sandbox", "--disable-quic", "--disable-background-networking"]
ROOT = Path(__file__).resolve().parents[3]

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built widget, from the present sources; parallel runs build it once."""
    spec = importlib.util.spec_from_file_location("setup", ROOT / "tools" / "setup.py")
    assert spec
    assert spec.loader
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    with (tmp_path_factory.getbasetemp().parent / "web.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        setup.build_web()
    return DIST


@pytest.fixture(scope="session")
async def wafaa(
    dist: Path,
    postgres18: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    embed_home: Path,
    fresh_databases: FreshDatabases,
) -> AsyncIterator[Installation]:
    """The demo's two businesses, served and worked for."""
    database = postgres18.url_of(fresh_databases.make(postgres18, migrate_now))
    async with installation(database, embed_home, valkey.url) as made:
        yield made


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser, wafaa: Installation) -> AsyncIterator[OpenPage]:
    """Opens pages in contexts of their own, and fails the test for what must not happen on any of them."""
    wrongs: list[str] = []
    contexts: list[BrowserContext] = []

    async def guard(route: Route) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            await route.continue_()
        else:
            wrongs.append(f"left loopback: {route.request.url}")
            await route.abort()

    async def open_(path: str, *, forgive: tuple[str, ...] = (), **options: object) -> Page:
        context = await browser.new_context(base_url=wafaa.api.url, **options)  # type: ignore[arg-type]  # Playwright's own names.
        contexts.append(context)
        await context.route("**/*", guard)
        page = await context.new_page()
        page.set_default_timeout(10_000)

        def heard(text: str) -> None:
            if not any(part in text for part in forgive):
                wrongs.append(text)

        page.on(
            "console",
            lambda it: heard(f"console: {it.text}") if it.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: heard(f"page error: {error}"))
        await page.goto(path)
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert wrongs == []


@pytest.fixture(scope="session")
async def shop(wafaa: Installation) -> AsyncIterator[Site]:
    """A site that both businesses list."""
    async with site(wafaa.api.url) as made:
        for slug in wafaa.shops:
            await wafaa.allow(slug, made.url)
        yield made


@pytest.fixture(scope="session")
async def stranger(wafaa: Installation) -> AsyncIterator[Site]:
    """A site that nobody lists."""
    async with site(wafaa.api.url) as made:
        yield made

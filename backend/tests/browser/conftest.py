"""A real browser before the real product, on loopback only.

A request that would leave loopback, or an error on the browser's console, fails the test.
"""

import fcntl
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from app.api.pages import DIST
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.valkey import EmbeddedValkey
from tests.browser.installation import Installation, installation
from tests.browser.site import Site, site
from tests.fixtures._watched import OpenPage, watched
from tests.fixtures.product import migrate_now
from tests.fixtures.servers import FreshDatabases

ROOT = Path(__file__).resolve().parents[3]


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
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Installation]:
    """The demo's two businesses, served and worked for, in a home of their own: others are tested meanwhile."""
    database = postgres18.url_of(fresh_databases.make(postgres18, migrate_now))
    home = tmp_path_factory.mktemp("demo")
    (home / "embed.sock").symlink_to(embed_home / "embed.sock")
    async with installation(database, home, valkey.url) as made:
        yield made


@pytest.fixture
async def open_page(browser: Browser, wafaa: Installation) -> AsyncIterator[OpenPage]:
    """Opens pages of the demo."""
    async with watched(browser, wafaa.api.url) as watch:
        yield watch.open


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

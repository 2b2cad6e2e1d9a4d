"""An installation to be killed: everything is started, a business opens, and people may write."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from app.bootstrap import bootstrap
from app.cli.parts import bound
from app.core.config import Settings
from app.models.client import ClientSettings
from app.services.orchestrator import accounts, clients, library
from simulators.meta import MetaSimulator, Number
from tests.chaos.hosts import Hosts
from tests.chaos.keeper import servers
from tests.chaos.stage import LEASE, MOST_ATTEMPTS, NUMBER, PREFIX, Stage, keeper_of
from tests.fixtures.kafka import Kafka
from tests.fixtures.nursery import Nursery
from tests.fixtures.product import APP_SECRET, CACHE, settings_for
from tests.fixtures.shop_logged import kafka_settings
from tests.fixtures.wired import free_port, lives, plain, until

MENU = "# Menu\n\nA flat white costs 18 SAR. We open at 7 in the morning.\n"
LOOPBACK = "127.0.0.1"
PLATFORM_PATIENCE = 120.0
"""How long the platform tries to tell something: longer than anything is away."""


@asynccontextmanager
async def installation(
    seed: int,
    lost_send: float,
    log: Path | None = None,
    hosts: Hosts | None = None,
    brokers: int = 0,
    *,
    timed: bool = False,
) -> AsyncIterator[Stage]:
    """Starts all of it in a folder of its own.

    Args:
        seed: Of chance.
        lost_send: How long a lost send waits for its status.
        log: Where its parts log to.
        hosts: Where its roles run, if on hosts of their own.
        brokers: How many brokers stand in front, if any do.
        timed: Whether parts begin as slowly as in life.
    """
    home = Path(tempfile.mkdtemp(prefix="chaos"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        keeper = await keeper_of(home)
        stack.push_async_callback(keeper.end)
        database, cache = servers(home)
        port, address = free_port(), hosts.address("serve") if hosts else LOOPBACK
        door = None if hosts else stack.enter_context(bound(address, port))
        descriptors = [door.fileno()] if door else []
        nursery = stack.enter_context(Nursery(log or home / "parts.log", descriptors=descriptors))
        cold = replace(nursery, children=[], warm=False) if timed else None
        if cold:
            stack.enter_context(cold)
        kafka = stack.enter_context(_brokers(home, brokers, hosts)) if brokers else None
        settings = settings_for(
            database.url, home, REDIS_URL=cache.url, WAFAA_PORT=port, WAFAA_HOST=address,
            WAFAA_LEASE_SECONDS=LEASE, WAFAA_INDETERMINATE_SECONDS=lost_send,
            WAFAA_MAX_ATTEMPTS=MOST_ATTEMPTS,
        )  # fmt: skip
        if (CACHE / "models").exists():  # Built once a machine.
            (home / "models").symlink_to(CACHE / "models")
        ready = plain(settings) | (_behind(kafka) if kafka else {})
        await _migrate(nursery, ready)
        callback = f"http://{address}:{settings.port}/webhook/whatsapp/cafe"
        meta = await stack.enter_async_context(
            MetaSimulator(
                app_secret=APP_SECRET,
                callback_url=callback,
                seed=seed,
                patience=PLATFORM_PATIENCE,
                statuses=("sent", "delivered"),
            )
        )
        await _open_shop(settings, await hosts.reach_platform(meta.url) if hosts else meta.url)
        if hosts:
            ready["DATABASE_URL"] = await hosts.reach_database(database.url)
            ready["REDIS_URL"] = await hosts.reach_cache(cache.socket)
            hosts.ports["door"] = [settings.port]
            hosts.ports["log"] = [broker.port for broker in kafka.brokers] if kafka else []
        meta.connect(Number(NUMBER, "token"))

        stage = Stage(meta, settings, database, keeper, nursery, ready, kafka, hosts, cold, door)
        stage.begin()
        async with aiohttp.ClientSession() as http:
            await until(lambda: lives(http, settings.port, address), 60)
        assert await stage.rest(60), "The shop's menu isn't learned."
        await until(stage.takes_in, 60)
        supervisor = asyncio.create_task(stage.supervise())
        yield stage
        supervisor.cancel()


def _brokers(home: Path, size: int, hosts: Hosts | None) -> Kafka:
    return Kafka(home / "kafka", size, host=hosts.here if hosts else LOOPBACK)


def _behind(kafka: Kafka) -> dict[str, object]:
    """An installation behind a log, and never past it however long that is away: there is an order to keep."""
    return {
        "QUEUE_BROKER": "kafka",
        **kafka_settings(kafka, PREFIX=PREFIX, SECONDS=4),
    }


async def _migrate(nursery: Nursery, settings: dict[str, object]) -> None:
    migrating = nursery.start("migrate", settings)

    async def ended() -> bool:
        return not migrating.alive

    await until(ended, 120)


async def _open_shop(settings: Settings, platform: str) -> None:
    """A business with a number and a menu."""
    services = bootstrap(settings)
    fields = {
        "phone_number_id": NUMBER, "access_token": "token", "verify_token": "verify", "graph_url": platform,
    }  # fmt: skip
    shop = await clients.create(
        services.db, services.channels, name="Cafe", slug="cafe", settings=ClientSettings(language="en"),
        owner=("owner@cafe.example", "Owner", "!"), actor="chaos",
    )  # fmt: skip
    async with services.db.tenant(shop.id) as tx:
        await accounts.connect(tx, services.channels, "whatsapp", "WhatsApp", fields, actor="chaos")
        await library.add(
            tx, MENU.encode(), filename="menu.md", media_type="text/markdown", actor="chaos"
        )
    await services.close()

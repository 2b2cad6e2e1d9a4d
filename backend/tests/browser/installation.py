"""The demo for a browser: the API as a process that can be killed, and a worker in the test's own loop."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from app.bootstrap import Services, bootstrap
from app.core.multi_tenant import TenantTx
from app.demo import DEMO, DemoClient
from app.models.channel_config import ChannelConfig
from app.models.conversation import Conversation
from app.models.conversation_event import ConversationEvent
from app.models.message import Message
from app.models.staff import Staff
from app.services.orchestrator import accounts, clients, handover, library
from tests.fixtures.product import settings_for

BACKEND = Path(__file__).parents[2]
_WAFAA = "from app.cli import main; main()"
MEDIA_TYPES = {".md": "text/markdown", ".html": "text/html", ".csv": "text/csv"}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Api:
    """The process that serves HTTP, always on the same port."""

    environment: dict[str, str]
    home: Path
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Starts it and waits until it is ready."""
        environment = (
            os.environ
            | self.environment
            | {"WAFAA_PORT": str(self.port), "PYTHONPATH": str(BACKEND)}
        )
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WAFAA, "serve", cwd=self.home, env=environment
        )
        async with asyncio.timeout(40), aiohttp.ClientSession() as http:
            while not await self._is_alive(http):
                assert self.process.returncode is None, "The API ended."
                await asyncio.sleep(0.05)

    async def _is_alive(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.url}/health/live") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()


@dataclass
class Shop:
    """One business of the demo, as it stands in the database."""

    demo: DemoClient
    client_id: UUID
    account_id: UUID
    key: str


@dataclass
class Installation:
    """Everything behind the browser."""

    services: Services
    api: Api
    shops: dict[str, Shop] = field(default_factory=dict)

    async def seed(self) -> None:
        """Makes the demo's businesses and teaches them."""
        for demo in DEMO:
            await self._seed(demo)
        await self.services.worker.drain()

    async def _seed(self, demo: DemoClient) -> None:
        owner = (demo.owner, "سارة" if demo.settings.language == "ar" else "Sara", "x")
        ref = await clients.create(
            self.services.db, self.services.channels, name=demo.name, slug=demo.slug, settings=demo.settings,
            owner=owner, actor="test",
        )  # fmt: skip
        async with self.services.db.tenant(ref.id) as tx:
            for path in demo.documents:
                await library.add(
                    tx, path.read_bytes(), filename=path.name, media_type=MEDIA_TYPES[path.suffix], actor="test"
                )  # fmt: skip
            (web,) = await ChannelConfig.of_kind(tx, "web")
        self.shops[demo.slug] = Shop(demo, ref.id, web.id, web.external_id)

    async def allow(self, slug: str, *origins: str) -> None:
        """Lists the sites that may show a business's chat."""
        shop = self.shops[slug]
        async with self.services.db.tenant(shop.client_id) as tx:
            await ChannelConfig.allow_origins(tx, shop.account_id, list(origins))

    @asynccontextmanager
    async def paused(self, slug: str) -> AsyncIterator[None]:
        """A business that isn't served, for as long as the block lasts; a process knows within a second."""
        client_id, db = self.shops[slug].client_id, self.services.db
        async with db.tenant(client_id) as tx:
            await clients.suspend(tx, "The invoice is open.", actor="test")
        try:
            await asyncio.sleep(1.5)
            yield
        finally:
            async with db.tenant(client_id) as tx:
                await clients.resume(tx, actor="test")
            await asyncio.sleep(1.5)

    async def believe(self, slug: str, keys: str, *origins: str) -> None:
        """Lets a business's chat believe its sites' server."""
        shop = self.shops[slug]
        fields = {"identity_keys": keys, "allowed_origins": list(origins)}
        async with self.services.db.tenant(shop.client_id) as tx:
            account = await ChannelConfig.get(tx, shop.account_id)
            await accounts.reconnect(
                tx, self.services.channels, account, account.name, fields, actor="test"
            )

    @asynccontextmanager
    async def latest(self, slug: str) -> AsyncIterator["Talk"]:
        """The newest conversation of a business, for as long as the block lasts."""
        shop = self.shops[slug]
        async with self.services.db.tenant(shop.client_id) as tx:
            conversation = await tx.value(
                "SELECT id FROM conversations WHERE client_id = $1 ORDER BY id DESC LIMIT 1", shop.client_id
            )  # fmt: skip
            staff = await Staff.named(tx, shop.demo.owner)
            assert staff is not None
            yield Talk(tx, UUID(str(conversation)), staff)


@dataclass
class Talk:
    """What staff sees of a conversation and does in it."""

    tx: TenantTx
    conversation_id: UUID
    staff_id: UUID

    async def take_over(self) -> None:
        await handover.take_over(self.tx, self.conversation_id, self.staff_id)

    async def reply(self, text: str) -> None:
        await handover.reply(self.tx, self.conversation_id, self.staff_id, text, streamed=True)

    async def hand_back(self) -> None:
        await handover.hand_back(self.tx, self.conversation_id, self.staff_id)

    async def resolve(self) -> None:
        await handover.resolve(self.tx, self.conversation_id, self.staff_id)

    async def tell(self, type_: str, **data: Any) -> int:
        """Adds an event to the log, as a worker would."""
        return await ConversationEvent.append(self.tx, self.conversation_id, type_, data)

    async def messages(self) -> list[Message]:
        return await Message.page(self.tx, self.conversation_id)

    async def wants_human(self) -> bool:
        conversation = await Conversation.get(self.tx, self.conversation_id)
        return conversation.waiting_since is not None


@asynccontextmanager
async def installation(database: str, home: Path, redis: str) -> AsyncIterator[Installation]:
    """The demo, served and worked for."""
    values: dict[str, Any] = {"REDIS_URL": redis, "WAFAA_LIMITS": "contact=off,address=off"}
    settings = settings_for(database, home, **values)
    services = bootstrap(settings)
    environment = {
        field_.alias: getattr(value, "get_secret_value", lambda v=value: str(v))()
        for name, field_ in type(settings).model_fields.items()
        if field_.alias and (value := getattr(settings, name)) is not None
    }
    made = Installation(services, Api(environment, home))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(services.close)
        await services.open()
        stack.push_async_callback(made.api.kill)
        await asyncio.gather(made.seed(), made.api.start())
        worker = asyncio.create_task(services.worker.run())
        stack.push_async_callback(asyncio.wait_for, worker, 10)
        stack.callback(services.worker.stop)
        yield made

"""The demo: two made-up businesses with owners, channels and documents. Seeding again changes nothing."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.bootstrap import Services
from app.core.config import Settings
from app.core.multi_tenant import TenantTx
from app.core.security import hash_password
from app.demo import DEMO, DemoClient
from app.models.channel_config import ChannelConfig
from app.models.client import Client, ClientRef
from app.models.staff import Staff
from app.services.orchestrator import accounts, clients, library
from app.utils.media import media_type

ACTOR = "demo"
SOURCE = "demo"
SIMULATOR = 90
"""Where the demo's WhatsApp numbers send to, counted from our own port: `wafaa emulate whatsapp` listens there."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A demo client as it stands in the database."""

    demo: DemoClient
    client_id: UUID
    document_ids: frozenset[UUID]
    password: str

    def told(self) -> dict[str, Any]:
        """What a person needs to try it."""
        language = self.demo.settings.language
        return {
            "name": self.demo.name,
            "slug": self.demo.slug,
            "email": self.demo.owner,
            "password": self.password,
            "question": self.demo.questions[language].text,
        }


async def seed(services: Services) -> list[Seeded]:
    """Makes what is missing of the demo. A client that only shares a slug with it is left alone."""
    async with services.db.directory() as tx:
        known = {client.slug: client for client in await Client.every(tx)}
    made = [await _seed(services, demo, known.get(demo.slug)) for demo in DEMO]
    return [one for one in made if one]


async def _seed(services: Services, demo: DemoClient, known: ClientRef | None) -> Seeded | None:
    password = demo_password(services.settings)
    client = known or await _create(services, demo, password)
    async with services.db.tenant(client.id) as tx:
        if demo.owner not in await Staff.owners(tx):
            return None
        if not await ChannelConfig.of_kind(tx, "whatsapp"):
            await _connect_whatsapp(services, tx, demo)
        documents = await _teach(tx, demo)
    return Seeded(demo, client.id, documents, password)


def demo_password(settings: Settings) -> str:
    """What the demo's owners sign in with."""
    return settings.demo_password.get_secret_value()


async def _create(services: Services, demo: DemoClient, password: str) -> ClientRef:
    return await clients.create(
        services.db,
        services.channels,
        name=demo.name,
        slug=demo.slug,
        settings=demo.settings,
        owner=(demo.owner, demo.name, await asyncio.to_thread(hash_password, password)),
        actor=ACTOR,
    )


async def _connect_whatsapp(services: Services, tx: TenantTx, demo: DemoClient) -> None:
    """Connects the demo's number on the simulated WhatsApp, with secrets of its own."""
    fields = {
        "phone_number_id": demo.phone_number_id,
        "access_token": secrets.token_urlsafe(24),
        "verify_token": secrets.token_urlsafe(24),
        "app_secret": secrets.token_urlsafe(24),
        "graph_url": f"http://127.0.0.1:{services.settings.port + SIMULATOR}",
    }
    await accounts.connect(tx, services.channels, "whatsapp", "WhatsApp", fields, actor=ACTOR)


async def _teach(tx: TenantTx, demo: DemoClient) -> frozenset[UUID]:
    return frozenset(
        [
            await library.add(
                tx,
                path.read_bytes(),
                filename=path.name,
                media_type=media_type(path),
                actor=ACTOR,
                source=SOURCE,
            )
            for path in demo.documents
        ]
    )

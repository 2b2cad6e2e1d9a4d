"""The product in the races: its settings, its clients, its processes."""

import asyncio
import hashlib
import hmac
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson

from bench.lib import process, until_answers  # First: it makes the product importable.
from bench.models import vector

from app.bootstrap import Services, app_url, bootstrap, owner_url, signer
from app.core.config import Settings
from app.core.multi_tenant import Database
from app.migration import migrate
from app.models.client import Client, ClientSettings
from app.models.lane import Lane
from app.models.knowledge_base import KnowledgeDocument
from app.services.keyring import Keyring
from app.services.keys.file import Config as FileConfig
from app.services.keys.file import FileKeys
from app.services.orchestrator import accounts, clients, library

APP_SECRET = "shared-app-secret-of-the-benchmarks"  # noqa: S105


def settings(env: dict[str, str]) -> Settings:
    """Settings from an environment alone."""
    return Settings(_env_file=None, **env)


def database(chosen: Settings, **pool: int) -> Database:
    """The database as the product sees it, clients' keys with it."""
    plain = Database.connect(app_url(chosen), signer(chosen), **pool)
    keys = FileKeys(FileConfig(master_key=chosen.master_key, path=chosen.home / "master.keys"), None)
    return plain.sealed_with(Keyring(plain, keys))


async def prepare(env: dict[str, str], count: int, graph_url: str) -> list[str]:
    """Migrates and makes clients with a WhatsApp number each; gives the numbers' ids."""
    chosen = settings(env)
    await migrate(
        owner_url(chosen), signer(chosen), chosen.app_database_password.get_secret_value()
    )
    services = bootstrap(chosen)
    try:
        return [await _client(services, n, graph_url) for n in range(count)]
    finally:
        await services.close()


async def _client(services: Services, n: int, graph_url: str) -> str:
    number = str(700_000 + n)
    ref = await clients.create(
        services.db, services.channels, name=f"Client {n}", slug=f"client-{n}",
        settings=ClientSettings(language="en"), owner=(f"owner@{n}.example", "Owner", "no hash"), actor="bench",
    )  # fmt: skip
    fields = {
        "phone_number_id": number,
        "access_token": f"token-{n}",
        "verify_token": "verify",
        "graph_url": graph_url,
    }
    async with services.db.tenant(ref.id) as tx:
        await accounts.connect(tx, services.channels, "whatsapp", "WhatsApp", fields, actor="bench")
    return number


def body(
    number: str, sender: str, text: str, at: int, wamid: str | None = None
) -> tuple[bytes, dict[str, str]]:
    """One signed webhook with one message."""
    payload = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "900100", "changes": [{"field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550001111", "phone_number_id": number},
            "contacts": [{"profile": {"name": "Laila"}, "wa_id": sender, "user_id": f"SA.{sender}"}],
            "messages": [{
                "from": sender, "from_user_id": f"SA.{sender}", "id": wamid or f"wamid.{uuid.uuid4().hex}",
                "timestamp": str(at), "type": "text", "text": {"body": text},
            }],
        }}]}],
    }  # fmt: skip
    return signed(payload)


def signed(payload: object) -> tuple[bytes, dict[str, str]]:
    """A webhook's body and its headers, as Meta signs it."""
    raw = orjson.dumps(payload)
    signature = hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()
    return raw, {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}


def role(name: str) -> list[str]:
    """How a part of the product is started."""
    return [sys.executable, "-m", "app.cli", name]


def naive(port: int) -> list[str]:
    """How the naive app is started."""
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "bench.naive.app:app",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]


def naive_env(database: str, graph_url: str = "", model_url: str = "") -> dict[str, str]:
    """Settings of the naive app."""
    return {
        "NAIVE_DATABASE_URL": database,
        "NAIVE_APP_SECRET": APP_SECRET,
        "NAIVE_GRAPH_URL": graph_url,
        "NAIVE_MODEL_URL": model_url,
    }


async def prepare_naive(database: str, numbers: list[str], texts: Sequence[str] = ()) -> None:
    """Gives the naive app, which has made its tables, the same clients and the same knowledge."""
    connection = await asyncpg.connect(plain(database))
    try:
        await connection.executemany(
            "INSERT INTO clients (id, name, phone_number_id, prompt) VALUES (gen_random_uuid(), $1, $1, 'Answer.')",
            [(number,) for number in numbers],
        )
        await connection.executemany(
            "INSERT INTO chunks (id, client_id, text, embedding) "
            "SELECT gen_random_uuid(), id, $1, $2::text::vector FROM clients",
            [(text, str(vector(text))) for text in texts],
        )
    finally:
        await connection.close()


def plain(url: str) -> str:
    """A database's URL as the driver wants it."""
    return url.replace("+asyncpg", "")


async def count(url: str, what: str) -> int:
    """How many rows a table has; ``what`` may add a condition."""
    connection = await asyncpg.connect(plain(url))
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {what}"))  # noqa: S608
    finally:
        await connection.close()


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Installation:
    """The product as it runs: every role a process.

    Attributes:
        url: The API.
        seconds: How long the API took until it answered.
    """

    url: str
    seconds: float
    api: int
    worker: int
    embedder: int


@asynccontextmanager
async def running(env: dict[str, str], home: Path) -> AsyncIterator[Installation]:
    """Starts every role and waits until they are ready."""
    url = f"http://127.0.0.1:{env['WAFAA_PORT']}"
    with (
        process(role("embed"), env, home / "embed.log") as embedder,
        process(role("work"), env, home / "work.log") as worker,
    ):
        await _until_listening(home / "embed.sock")
        with process(role("serve"), env, home / "api.log") as api:
            seconds = await until_answers(f"{url}/health/live", api)
            yield Installation(url, seconds, api.pid, worker.pid, embedder.pid)


async def _until_listening(path: Path) -> None:
    async with asyncio.timeout(120):
        while not path.exists():
            await asyncio.sleep(0.1)


async def teach(env: dict[str, str], slugs: Sequence[str], content: bytes) -> None:
    """Gives clients a file, and waits until they have learned it."""
    services = bootstrap(settings(env))
    try:
        for slug in slugs:
            async with services.db.directory() as directory:
                client = await Client.find(directory, slug)
            async with services.db.tenant(client.id) as tx:
                await library.add(
                    tx, content, filename="faq.txt", media_type="text/plain", actor="bench"
                )
        await _until_learned(services, client.id)
    finally:
        await services.close()


async def _until_learned(services: Services, client_id: UUID) -> None:
    async with asyncio.timeout(120):
        while True:
            async with services.db.directory() as tx:
                backlog = await Lane.backlog(tx)
            async with services.db.tenant(client_id) as tx:
                states = {document.status for document in await KnowledgeDocument.all(tx)}
            if not backlog and states <= {"ready", "failed"}:
                assert states == {"ready"}, states
                return
            await asyncio.sleep(0.2)

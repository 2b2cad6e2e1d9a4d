"""The product in the races: its settings, its clients, its processes."""

import hashlib
import hmac
import socket
import sys
import uuid
from collections.abc import Sequence

import asyncpg
import orjson

from bench.lib import BACKEND  # noqa: F401  # Puts the backend on the path.

from app.bootstrap import Services, bootstrap, owner_url, signer
from app.core.config import Settings
from app.migration import migrate
from app.models.client import ClientSettings
from app.services.orchestrator import accounts, clients

APP_SECRET = "shared-app-secret-of-the-benchmarks"  # noqa: S105


def settings(env: dict[str, str]) -> Settings:
    """Settings from an environment alone."""
    return Settings(_env_file=None, **env)


async def prepare(env: dict[str, str], count: int, graph_url: str) -> list[str]:
    """Migrates and makes clients with a WhatsApp number each; gives the numbers' ids."""
    chosen = settings(env)
    await migrate(owner_url(chosen), signer(chosen), chosen.app_database_password.get_secret_value())
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
    fields = {"phone_number_id": number, "access_token": f"token-{n}", "verify_token": "verify", "graph_url": graph_url}
    async with services.db.tenant(ref.id) as tx:
        await accounts.connect(tx, services.channels, "whatsapp", "WhatsApp", fields, actor="bench")
    return number


def body(number: str, sender: str, text: str, at: int, wamid: str | None = None) -> tuple[bytes, dict[str, str]]:
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
    raw = orjson.dumps(payload)
    signature = hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()
    return raw, {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}


def role(name: str) -> list[str]:
    """How a part of the product is started."""
    return [sys.executable, "-m", "app.cli", name]


def naive(port: int) -> list[str]:
    """How the naive app is started."""
    return [sys.executable, "-m", "uvicorn", "bench.naive.app:app", "--port", str(port), "--log-level", "warning"]


def naive_env(database: str, graph_url: str = "") -> dict[str, str]:
    """Settings of the naive app."""
    return {"NAIVE_DATABASE_URL": database, "NAIVE_APP_SECRET": APP_SECRET, "NAIVE_GRAPH_URL": graph_url}


async def prepare_naive(database: str, numbers: list[str], texts: Sequence[str] = ()) -> None:
    """Gives the naive app, which has made its tables, the same clients and the same knowledge."""
    connection = await asyncpg.connect(plain(database))
    try:
        await connection.executemany(
            "INSERT INTO clients (id, name, phone_number_id, prompt) VALUES (gen_random_uuid(), $1, $1, 'Answer.')",
            [(number,) for number in numbers],
        )
        await connection.executemany(
            "INSERT INTO chunks (id, client_id, text) SELECT gen_random_uuid(), id, $1 FROM clients",
            [(text,) for text in texts],
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

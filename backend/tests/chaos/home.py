"""An installation as `wafaa up` runs it, in a directory of its own, with the simulated platform in front of it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from app.bootstrap import bootstrap
from app.cli.emulate import platform
from app.core.config import Settings
from app.demo import DEMO
from app.embedded.postgres import EmbeddedPostgres
from app.models.client import Client
from simulators._meta_payloads import Payload
from simulators.meta import MetaSimulator, SendReceived
from tests.fixtures.nursery import ROOT
from tests.fixtures.product import CACHE
from tests.fixtures.wired import free_port, until

SLUG = DEMO[0].slug


@dataclass(frozen=True)
class Said:
    """A message of a contact on its way."""

    id: str
    sender: str
    payload: Payload


@dataclass(frozen=True)
class Refusal:
    """What the API answered."""

    status: int
    headers: dict[str, str]
    problem: dict[str, Any]


@dataclass
class Installation:
    """One that runs."""

    home: Path
    port: int
    number: str
    meta: MetaSimulator
    http: aiohttp.ClientSession

    def says(self, text: str, sender: str = "966500000001") -> Said:
        payload = self.meta.says(self.number, sender, text)
        message = payload["entry"][0]["changes"][0]["value"]["messages"][0]
        return Said(message["id"], sender, payload)

    async def post(self, text: str, name: str) -> Refusal:
        """Posts a message of somebody new, once."""
        message = self.says(text, sender=f"9665{abs(hash(name)) % 10**8:08d}")
        body, headers = self.meta.signed(message.payload)
        url = f"http://127.0.0.1:{self.port}/webhook/whatsapp/{SLUG}"
        try:
            async with self.http.post(url, data=body, headers=headers) as answer:
                told = await answer.json()
                lower = {name.lower(): value for name, value in answer.headers.items()}
                return Refusal(answer.status, lower, told)
        except (aiohttp.ClientError, TimeoutError):
            return Refusal(0, {}, {})

    async def until_taken(self, message: Said, seconds: float) -> bool:
        """Posts it until it is taken."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if await self.meta.deliver(message.payload) == 200:
                return True
            await asyncio.sleep(0.3)
        return False

    async def until_refused(self, seconds: float = 20.0) -> bool:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if (await self.post("?", f"probe {time.monotonic()}")).status == 503:
                return True
            await asyncio.sleep(0.2)
        return False

    async def answered(self, message_id: str, seconds: float = 60.0) -> bool:
        """Whether a reply to it, or to a later message of the burst it belongs to, arrives."""
        with suppress(TimeoutError):
            await until(self._has_reply(message_id), seconds)
            return True
        return False

    def _has_reply(self, message_id: str) -> Any:
        async def look() -> bool:
            return message_id in self._quoted()

        return look

    def _quoted(self) -> list[str]:
        return [
            str(r.body.get("context", {}).get("message_id"))
            for r in self.meta.history.records
            if isinstance(r, SendReceived) and r.accepted
        ]

    def answers_twice(self) -> list[str]:
        """Messages that were answered more than once."""
        return [message for message, times in Counter(self._quoted()).items() if times > 1]

    async def parts(self) -> dict[str, bool]:
        """Which parts say that they are well."""
        async with self.http.get(f"http://127.0.0.1:{self.port}/health/ready") as answer:
            return {part["name"]: part["ok"] for part in (await answer.json())["parts"]}

    def fill_database(self) -> None:
        """Writes until there is no room."""
        sql = "CREATE TABLE filler AS SELECT repeat(md5(n::text), 90) FROM generate_series(1, 400000) n"
        _database(self.home).execute(sql)


@asynccontextmanager
async def installed(
    home: Path, environment: dict[str, str] | None = None
) -> AsyncIterator[Installation]:
    """Runs `wafaa up` there, and the platform its demo is connected to."""
    port = free_port()
    (home / ".wafaa").mkdir(parents=True)
    (CACHE / "models").mkdir(parents=True, exist_ok=True)
    (home / ".wafaa" / "models").symlink_to(CACHE / "models")
    up = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "app.cli", "up", "--port", str(port),
        cwd=home, env=_clean() | (environment or {}), stdout=asyncio.subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        await asyncio.wait_for(_until_ready(up), 180)
        async with AsyncExitStack() as stack:
            services = bootstrap(_settings(home, port))
            stack.push_async_callback(services.close)
            async with services.db.directory() as tx:
                client = await Client.find(tx, SLUG)
            meta, number = await stack.enter_async_context(platform(services, client))
            timeout = aiohttp.ClientTimeout(total=30)
            http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            yield Installation(home, port, number.phone_number_id, meta, http)
    finally:
        up.send_signal(signal.SIGINT)
        await asyncio.wait_for(up.wait(), 60)


def _clean() -> dict[str, str]:
    mine = ("WAFAA_", "DATABASE_URL", "REDIS_URL", "META_", "LLM_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {**kept, "PYTHONPATH": str(ROOT)}


async def _until_ready(up: asyncio.subprocess.Process) -> None:
    assert up.stdout
    said = []
    while line := await up.stdout.readline():
        said.append(line.decode())
        if "Ctrl-C" in said[-1]:
            return
    raise AssertionError("".join(said))


def _settings(home: Path, port: int) -> Settings:
    """As its own commands read them."""
    at = {"home": home / ".wafaa", "port": port, "database_url": SecretStr(_database(home).url)}
    return Settings.read(home / ".env").model_copy(update=at)


def _database(home: Path) -> EmbeddedPostgres:
    """For whoever wants to know where it listens."""
    return EmbeddedPostgres(home / ".wafaa", max_connections=0)

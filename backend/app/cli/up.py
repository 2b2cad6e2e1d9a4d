"""`wafaa up`: everything on this machine, from nothing to the first answer."""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from app.cli import parts
from app.cli.banner import banner
from app.cli.health import unwell
from app.cli.logfiles import LogFiles
from app.cli.output import Progress, say, to_json
from app.cli.preparing import steps
from app.core.config import Settings, generate_secrets
from app.core.errors import WafaaError
from app.core.observability import configure_logging
from app.embedded.gateway import Gateway
from app.embedded.processes import Part
from app.embedded.server import EmbeddedServer
from app.embedded.supervisor import Supervisor

START_SECONDS = 300.0
"""The first start makes a database cluster and builds the embedding model."""

READY_SECONDS = 30.0
_ADDRESSES = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
"""How the other parts learn where the servers are."""


ENV_FILE = Path(".env")


def load_settings(*, demo: bool) -> Settings:
    """The settings; secrets that nobody gave are made, and the demo's password where the demo is wanted."""
    if demo:
        generate_secrets(ENV_FILE, names=["WAFAA_DEMO_PASSWORD"], size=9)
    return Settings.load(ENV_FILE)


class Up:
    """One run of an installation."""

    def __init__(
        self,
        settings: Settings,
        *,
        demo: bool,
        verbose: bool,
        as_json: bool,
        gateway: Gateway | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            settings: The installation's.
            demo: Whether the two demo clients are wanted.
            verbose: Whether what the parts log is said aloud.
            as_json: Whether a program reads along.
            gateway: What stands in front of the API, if TLS is wanted.
        """
        self._gateway = gateway
        self._settings = settings
        self._demo = demo
        self._as_json = as_json
        self._logs = LogFiles(settings.home / "logs", aloud=verbose)
        self._progress = Progress(wanted=not verbose)
        self._env = {"WAFAA_HOST": settings.host, "WAFAA_PORT": str(settings.port)}
        if gateway:
            self._env["WAFAA_TRUSTED_PROXIES"] = settings.trusted_proxies
            self._env["WAFAA_PUBLIC_URL"] = settings.public_url or ""
        self._began = time.monotonic()

    def run(self) -> None:
        """Starts everything, tells so, and stops everything when asked to."""
        door = parts.bound(self._settings.host, self._settings.port)
        if self._gateway:
            parts.refuse_taken_port(
                self._gateway.addresses[0].strip("[]"), self._gateway.https_port
            )
        with door, ExitStack() as stack:
            stack.callback(self._logs.close)
            stream = stack.enter_context((self._logs.directory / "up.log").open("a"))
            configure_logging(json=self._settings.log_json, stream=stream)
            servers = self._servers()
            for server in servers:
                server.reserve()
                stack.callback(server.release)
            stack.enter_context(parts.posted(self._settings))
            stack.callback(self._progress.clear)
            asyncio.run(self._supervise(servers, door))

    def _servers(self) -> list[EmbeddedServer]:
        """What comes along, where nothing else was given."""
        databases: list[EmbeddedServer] = []
        if self._settings.database_url is None:
            databases.append(parts.postgres(self._settings))
        if self._settings.redis_url is None:
            databases.append(parts.valkey(self._settings))
        local = self._settings.embedder == "local"
        return [*databases, *([parts.EmbeddingServer(self._settings.home)] if local else [])]

    async def _supervise(self, servers: Sequence[EmbeddedServer], door: socket.socket) -> None:
        async with Supervisor(self._logs) as supervisor:
            starting = asyncio.create_task(self._start(supervisor, servers, door))
            asked = asyncio.create_task(supervisor.wait())
            await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                starting.cancel()
                await asyncio.wait([starting])
                return
            self._tell(*starting.result())
            await asked
            self._progress.at("Stopping …")

    async def _start(
        self, supervisor: Supervisor, servers: Sequence[EmbeddedServer], door: socket.socket
    ) -> tuple[dict[str, Any], list[str]]:
        """Starts everything at once; each part waits for what it needs.

        Returns:
            What is to be told about the demo, and what isn't well even after a while.
        """
        self._progress.at("Starting …")
        self._env |= {_ADDRESSES[s.name]: s.url for s in servers if s.name in _ADDRESSES}
        ours = [*parts.apis(self._settings, self._env, door), parts.worker(self._env)]
        ours += [self._gateway.part()] if self._gateway else []
        if self._settings.queue_broker:
            ours.append(parts.consumer(self._env))
        try:
            async with asyncio.TaskGroup() as group:
                starting = {
                    part.name: group.create_task(self._begin(supervisor, part))
                    for part in (*(server.part() for server in servers), *ours)
                }
                databases = [task for name, task in starting.items() if name in _ADDRESSES]
                told = await self._prepare(databases)
        except* WafaaError as errors:
            raise _first(errors) from None
        return told, await self._until_well()

    async def _prepare(self, databases: Sequence[asyncio.Task[None]]) -> dict[str, Any]:
        """Migrates and seeds, once the databases are there."""

        async def begin() -> None:
            for task in databases:
                await task

        told: dict[str, Any] = {}
        logs = self._logs.directory
        async for step in steps(self._env, demo=self._demo, log=logs, begin=begin):
            if step["step"] == "learning":
                self._progress.at("Learning the demo", step["part"])
            if step["step"] == "done":
                told = step
        return told

    async def _begin(self, supervisor: Supervisor, part: Part) -> None:
        await supervisor.start(part, seconds=START_SECONDS)

    async def _until_well(self) -> list[str]:
        """Waits until everything is well; names what still isn't after a while."""
        ends = time.monotonic() + READY_SECONDS
        while missing := await asyncio.to_thread(unwell, self._settings):
            if time.monotonic() > ends:
                break
            await asyncio.sleep(0.1)
        return missing

    def _tell(self, demo: dict[str, Any], missing: list[str]) -> None:
        self._progress.clear()
        seconds = round(time.monotonic() - self._began, 1)
        if self._as_json:
            url = parts.address(self._settings)
            say(to_json({"url": url, "seconds": seconds, "not_ready": missing, **demo}))
            return
        for line in banner(self._settings, demo.get("clients", []), seconds, missing):
            say(line)


def _first(errors: BaseExceptionGroup[WafaaError]) -> WafaaError:
    """One of several errors, for one line is all a person reads."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error

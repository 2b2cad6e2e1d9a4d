"""The processes of an installation: the servers that come along, and ourselves in several roles."""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from app.core.config import Settings
from app.core.errors import Conflict
from app.embedded.places import digest
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.processes import Part, marked
from app.embedded.server import EmbeddedServer
from app.embedded.valkey import EmbeddedValkey

_ROOT = Path(__file__).parents[2]
_LISTENERS = 3
"""Connections of its own that a process may have: the API and the worker each listen for events, the API for changed
doors, the worker for work too; one to spare."""

_COMMANDS_AND_PEOPLE = 40
_PATIENT = ("--patience", "300")
"""They are started with what they need, and load their modules meanwhile."""


def ourselves(*words: str) -> list[str]:
    """The command line that runs another command of ours. ``-P``: what lies where one stands isn't imported."""
    return [sys.executable, "-P", "-m", "app.cli", *words]


def our_path() -> dict[str, str]:
    """Where that command finds us."""
    rest = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(_ROOT), *([rest] if rest else [])])}


def embed_socket(home: Path) -> Path:
    """Where embeddings are asked for. As ``bootstrap`` has it, without importing everything."""
    return home / "embed.sock"


class EmbeddingServer(EmbeddedServer):
    """The embedding model of this host, shared by every process that embeds."""

    name: ClassVar[str] = "embedder"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._socket = embed_socket(home)  # As given: a relative path keeps it short.

    @property
    def url(self) -> str:
        """Its socket."""
        return str(self._socket)

    @property
    def mark(self) -> str:
        """Says whose it is on its command line."""
        return f"--installation=wafaa-{digest(self.home)}"

    def argv(self) -> list[str]:
        """The command."""
        return ourselves("embed", self.mark)

    def part(self) -> Part:
        """How a supervisor runs it: beside us, where our settings are."""
        return replace(super().part(), env=our_path(), directory=None)

    def running(self) -> bool:
        """Whether somebody answers the socket, which appears when the model is loaded."""
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def leader(self) -> int | None:
        """Its process."""
        return next(iter(marked(self.mark)), None)

    def prepare(self) -> None:
        """Makes its place; the server itself replaces a socket that a crash left."""
        self.home.mkdir(parents=True, exist_ok=True)


def postgres(settings: Settings) -> EmbeddedPostgres:
    """The embedded PostgreSQL, with room for the pools of all processes, for commands and people."""
    processes = settings.api_processes + (2 if settings.queue_broker else 1)
    each = settings.pool_size + settings.pool_overflow + _LISTENERS
    return EmbeddedPostgres(settings.home, max_connections=processes * each + _COMMANDS_AND_PEOPLE)


def valkey(settings: Settings) -> EmbeddedValkey:
    """The embedded Valkey."""
    return EmbeddedValkey(settings.home)


def apis(settings: Settings, env: Mapping[str, str], door: socket.socket) -> list[Part]:
    """What serves HTTP, at one door: where one dies, others serve or connections wait until it is back."""
    names = ["api", *(f"api-{n}" for n in range(2, settings.api_processes + 1))]
    return [
        Part(
            name,
            ourselves("serve", *_PATIENT, "--socket", str(door.fileno())),
            {**our_path(), **env},
            ready=lambda: listening(settings.host, settings.port),
            descriptors=(door.fileno(),),
        )
        for name in names
    ]


def worker(env: Mapping[str, str]) -> Part:
    """What answers, delivers and learns."""
    return Part("worker", ourselves("work", *_PATIENT), {**our_path(), **env})


def consumer(env: Mapping[str, str]) -> Part:
    """What takes in what the event log holds."""
    return Part("consumer", ourselves("consume", *_PATIENT), {**our_path(), **env})


def listening(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((reachable(host), port)) == 0


def reachable(host: str) -> str:
    """Where to knock at a server that listens on every address."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound.
    return everywhere.get(host, host)


def refuse_taken_port(host: str, port: int) -> None:
    """Says early that a port is in use.

    Raises:
        Conflict: Somebody else listens there.
    """
    bound(host, port).close()


def bound(host: str, port: int) -> socket.socket:
    """A socket at a port that nobody else can take; whoever serves begins to listen.

    Raises:
        Conflict: Somebody else listens there.
    """
    door = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if door.family == socket.AF_INET6:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise Conflict(
            f"Port {port} on {host} can't be used: {error.strerror}. Choose another: "
            f"`wafaa up --port {port + 1}`."
        ) from error
    return door


def address(settings: Settings) -> str:
    """How people reach this installation. As ``bootstrap`` has it, without importing everything."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


@contextmanager
def posted(settings: Settings) -> Iterator[None]:
    """Leaves a note where the API listens, for commands in other terminals."""
    note = settings.home / "up.json"
    note.write_text(json.dumps({"host": settings.host, "port": settings.port}), "utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def as_posted(settings: Settings) -> Settings:
    """The settings with the address of the API that runs, if one does: `up --port` may have moved it."""
    note = settings.home / "up.json"
    if not note.exists():
        return settings
    found = json.loads(note.read_text("utf-8"))
    return settings.model_copy(update=found) if listening(**found) else settings

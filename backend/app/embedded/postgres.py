"""The PostgreSQL that comes along, on a Unix socket, owned by whoever runs Wafaa.

Nobody is asked for a password: it listens on no network, and the directory of its socket is its owner's alone
(0700). Whoever may enter that directory could read the data files as well.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from signal import SIGINT, Signals
from typing import ClassVar
from urllib.parse import quote

from app.core.errors import Unavailable
from app.embedded import pgwire
from app.embedded.places import digest, socket_directory
from app.embedded.postgres_ways import (
    COMMON_PLACE,
    Way,
    find_binaries,
    give,
    major_version,
    open_to_all,
    prefix,
    reachable,
    usual_way,
    within_reach,
)
from app.embedded.processes import Part, marked
from app.embedded.server import EmbeddedServer

_SOCKET_NAME = ".s.PGSQL.5432"
_DATABASE = "wafaa"


class EmbeddedPostgres(EmbeddedServer):
    """One cluster under ``home``."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[Signals] = SIGINT  # Ends sessions; SIGTERM would wait for them to leave.

    def __init__(
        self,
        home: Path,
        *,
        max_connections: int,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
        way: Way | None = None,
    ) -> None:
        """Chooses where it lives; touches nothing yet.

        Args:
            home: Where data and socket live.
            max_connections: Room for the pools of every process, and some for people.
            binaries: A directory with ``initdb``; found when absent.
            settings: More server settings.
            way: How to avoid running as root; found when absent.
        """
        super().__init__(home)
        self._way = way or usual_way()
        self._binaries = within_reach(binaries or find_binaries(), self._way)
        self._settings = {
            "max_connections": str(max_connections),
            "shared_buffers": "64MB",
            "max_wal_size": "512MB",
            "min_wal_size": "256MB",  # Whoever commits waits while a new file of the log is made; used ones are kept.
            "checkpoint_timeout": "15min",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            **(settings or {}),
        }
        self._base = self._choose_base()
        self.data = self._base / "postgres"

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return socket_directory(self._base, _SOCKET_NAME) / _SOCKET_NAME

    @property
    def url(self) -> str:
        """The database ``wafaa``, as the tables' owner."""
        return self.url_of(_DATABASE)

    def url_of(self, database: str) -> str:
        """One of its databases, as SQLAlchemy names it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={quote(str(self.socket.parent))}"

    @property
    def mark(self) -> str:
        """The cluster's name: the server writes it into the title of each of its processes."""
        return f"wafaa-{digest(self.data)}"

    def argv(self) -> list[str]:
        """The command."""
        fixed = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "cluster_name": self.mark,
        }
        options = [
            word
            for name, value in (self._settings | fixed).items()
            for word in ("-c", f"{name}={value}")
        ]
        return [
            *self._command("postgres"),
            "-D",
            str(self.data),
            "-k",
            str(self.socket.parent),
            *options,
        ]

    def part(self) -> Part:
        """How a supervisor runs it."""
        return replace(super().part(), unprivileged=self._way is Way.DROPPED)

    def running(self) -> bool:
        """Whether a session opens."""
        try:
            return pgwire.execute(self.socket, "SELECT 1") == [("1",)]
        except Unavailable:
            return False

    def ready(self) -> bool:
        """Whether it runs and our database is there."""
        if not self.running():
            return False
        self.createdb(_DATABASE)
        return True

    def execute(
        self, sql: str, *, database: str = "postgres", seconds: float = 60.0
    ) -> list[pgwire.Row]:
        """Runs one statement as its superuser."""
        return pgwire.execute(self.socket, sql, database=database, seconds=seconds)

    def createdb(self, name: str, *, template: str | None = None) -> str:
        """Makes a database unless there is one, and gives its URL."""
        if (name,) not in self.execute("SELECT datname FROM pg_database"):
            source = f" TEMPLATE {pgwire.identifier(template)}" if template else ""
            self.execute(f"CREATE DATABASE {pgwire.identifier(name)}{source}")
        return self.url_of(name)

    def dropdb(self, name: str) -> None:
        """Removes a database and ends whoever is in it."""
        self.execute(f"DROP DATABASE IF EXISTS {pgwire.identifier(name)} WITH (FORCE)")

    def leader(self) -> int | None:
        """The postmaster, if it lives; its file alone proves nothing, for numbers are used again."""
        pid = self._recorded_pid()
        return pid if pid in marked(self.mark) else None

    def prepare(self) -> None:
        """Makes the cluster at the first start; later removes the lock files of a postmaster that died."""
        if self._recorded_pid() in marked(str(self.data)):
            raise Unavailable(f"A PostgreSQL that isn't ours runs in {self.data}. Stop it first.")
        if self._base != self.home:
            open_to_all(self._base)
        give(self.socket.parent, self._way)
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        give(self.data, self._way)
        for left in (self.data / "postmaster.pid", Path(f"{self.socket}.lock"), self.socket):
            left.unlink(missing_ok=True)

    def _initialise(self) -> None:
        """Makes the cluster beside its place and moves it there when whole: a crash leaves none or all."""
        unfinished = self._base / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        give(unfinished, self._way)
        made = subprocess.run(  # noqa: S603 - our own binary.
            [*self._command("initdb"), "-D", str(unfinished), *self._initdb_options()],
            **self.part().options(),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise Unavailable(f"PostgreSQL can't be set up in {self._base}.\n{made.stderr[-2000:]}")
        unfinished.rename(self.data)

    def _initdb_options(self) -> list[str]:
        """C.UTF-8 knows every letter and sorts the same on every system; built in since 17."""
        provider = ["--locale-provider=builtin"] if major_version(self._binaries) >= 17 else []
        careless = ["--no-sync"] if self._settings.get("fsync") == "off" else []
        access = ["--username=postgres", "--auth-local=trust", "--auth-host=reject"]
        return [
            *access,
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            *provider,
            *careless,
        ]

    def _command(self, name: str) -> list[str]:
        return [*prefix(self._way), str(self._binaries / name)]

    def _choose_base(self) -> Path:
        """``home``, unless nobody has to run it and can't get there; then a common place, for good."""
        common = COMMON_PLACE / digest(self.home)
        moved = (common / "postgres" / "PG_VERSION").exists()
        return (
            common
            if moved or (self._way is Way.DROPPED and not reachable(self.home))
            else self.home
        )

    def _recorded_pid(self) -> int | None:
        record = self.data / "postmaster.pid"
        first = record.read_text().partition("\n")[0] if record.exists() else ""
        return int(first) if first.isdigit() else None

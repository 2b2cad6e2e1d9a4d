"""A second host for the product: a network namespace of its own, joined to ours by one cable that can be cut.

The product lives there; its database, the platform and whoever writes stay here. Making it needs root, as the tests'
containers have.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.fixtures.nursery import ROOT

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Carry = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
IP, NFT = "/sbin/ip", "/usr/sbin/nft"
HERE, THERE = "10.231.77.1", "10.231.77.2"


@dataclass
class Hosts:
    """Ours, and the product's.

    Attributes:
        name: The namespace's, the cable's and the firewall table's.
        relays: What carries connections between the two, to be closed at the end.
    """

    name: str
    relays: AsyncExitStack = field(default_factory=AsyncExitStack)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def prefix(self) -> tuple[str, ...]:
        """In front of a command: run there."""
        return (IP, "netns", "exec", self.name)

    async def reach_database(self, url: str) -> str:
        """The URL of a database here, as it is reached from there: by TCP."""
        found = make_url(url)
        socket_path = Path(str(found.query["host"])) / f".s.PGSQL.{found.query.get('port', 5432)}"
        server = await asyncio.start_server(_to_socket(socket_path), HERE, 0)
        self.relays.push_async_callback(_close, server)
        self.ports["database"] = server.sockets[0].getsockname()[1]
        reached = found.set(host=HERE, port=self.ports["database"], query={})
        return reached.render_as_string(hide_password=False)

    async def reach_platform(self, url: str) -> str:
        """The URL of a platform on this host's loopback, as it is reached from the other one's loopback."""
        port = make_url(url).port or 0
        server = await asyncio.start_server(_to_port(port), HERE, 0)
        self.relays.push_async_callback(_close, server)
        self.ports["platform"] = server.sockets[0].getsockname()[1]
        relay = await asyncio.create_subprocess_exec(
            *self.prefix, sys.executable, "-m", "tests.chaos.hosts", HERE, str(self.ports["platform"]),
            stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        self.relays.push_async_callback(_end, relay)
        assert relay.stdout
        return f"http://127.0.0.1:{int(await relay.stdout.readline())}"

    async def cut(self, what: str, seconds: float) -> None:
        """Lets nothing through for a while: packets vanish, nobody is told."""
        port = self.ports[what]
        rules = [
            f"add rule inet {self.name} {chain} {way} {self.name}a tcp {end} {port} drop"
            for chain, way in (("input", "iifname"), ("output", "oifname"))
            for end in ("dport", "sport")
        ]
        try:
            for rule in rules:
                _run(NFT, *rule.split())
            await asyncio.sleep(seconds)
        finally:
            for chain in ("input", "output"):
                _run(NFT, "flush", "chain", "inet", self.name, chain)


@asynccontextmanager
async def two_hosts() -> AsyncIterator[Hosts]:
    """Joins them, and takes everything away again."""
    name = f"wafaa{os.getpid() % 100000}"
    hosts = Hosts(name)
    _clear(name)
    try:
        _run(IP, "netns", "add", name)
        _run(IP, *f"link add {name}a type veth peer name {name}b netns {name}".split())
        _run(IP, *f"addr add {HERE}/30 dev {name}a".split())
        _run(IP, "link", "set", f"{name}a", "up")
        _run(*hosts.prefix, IP, *f"addr add {THERE}/30 dev {name}b".split())
        _run(*hosts.prefix, IP, "link", "set", f"{name}b", "up")
        _run(*hosts.prefix, IP, "link", "set", "lo", "up")
        _run(NFT, "add", "table", "inet", name)
        for chain in ("input", "output"):
            hook = f"{{ type filter hook {chain} priority 0 ; }}"
            _run(NFT, "add", "chain", "inet", name, chain, hook)
        async with hosts.relays:
            yield hosts
    finally:
        _clear(name)


def _clear(name: str) -> None:
    for command in ((NFT, "delete", "table", "inet", name), (IP, "netns", "del", name)):
        subprocess.run(command, capture_output=True, check=False)  # Only what is there.


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _to_socket(path: Path) -> Carry:
    return _relay(lambda: asyncio.open_unix_connection(str(path)))


def _to_port(port: int, host: str = "127.0.0.1") -> Carry:
    return _relay(lambda: asyncio.open_connection(host, port))


def _relay(connect: Callable[[], Awaitable[Streams]]) -> Carry:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await connect()
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    return carry


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def _close(server: asyncio.Server) -> None:
    server.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _serve(host: str, port: int) -> None:
    """A relay on the other host's loopback: says its port, and carries until it is killed."""
    server = await asyncio.start_server(_to_port(port, host), "127.0.0.1", 0, family=socket.AF_INET)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))

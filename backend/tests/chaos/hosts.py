"""A host for each role of the product: a network namespace, joined to ours by a cable in which connections can be cut.

The roles live there; database, cache, log, platform and whoever writes stay here. Making hosts needs root, as the
tests' containers have.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.fixtures.nursery import ROOT

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Carry = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
IP, NFT = "/sbin/ip", "/usr/sbin/nft"
ROLES = ("serve", "work", "consume")


@dataclass
class Hosts:
    """Ours, and one for each role.

    Attributes:
        name: The firewall table's; what the names of namespaces and cables begin with.
        net: What all addresses begin with.
        relays: What carries connections between them, to be closed at the end.
        ports: Where each thing is reached, by its name.
    """

    name: str
    net: str
    relays: AsyncExitStack = field(default_factory=AsyncExitStack)
    ports: dict[str, list[int]] = field(default_factory=dict)
    _turns: defaultdict[tuple[str, str], asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    @property
    def here(self) -> str:
        """Our own address."""
        return f"{self.net}.1"

    def address(self, role: str) -> str:
        """A role's."""
        return f"{self.net}.{2 + ROLES.index(role)}"

    def network(self, role: str) -> Path | None:
        """The network that a role lives in, if not in ours."""
        return Path("/run/netns", self.namespace(role)) if role in ROLES else None

    def namespace(self, role: str) -> str:
        """Its name, which is its cable's as well."""
        return f"{self.name}{role[0]}"

    async def reach_database(self, url: str) -> str:
        """The URL of a database here, as it is reached from there: by TCP."""
        found = make_url(url)
        path = Path(str(found.query["host"])) / f".s.PGSQL.{found.query.get('port', 5432)}"
        port = await self._reach("database", _to_socket(path))
        return found.set(host=self.here, port=port, query={}).render_as_string(hide_password=False)

    async def reach_cache(self, path: Path) -> str:
        """The URL of a cache on a socket here."""
        return f"redis://{self.here}:{await self._reach('cache', _to_socket(path))}/0"

    async def reach_platform(self, url: str) -> str:
        """The URL of a platform on this host's loopback, as it is reached from the worker's own loopback."""
        port = await self._reach("platform", _to_port(make_url(url).port or 0))
        relay = await asyncio.create_subprocess_exec(
            IP, "netns", "exec", self.namespace("work"),
            sys.executable, "-m", "tests.chaos.hosts", self.here, str(port),
            stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        self.relays.push_async_callback(_end, relay)
        assert relay.stdout
        return f"http://127.0.0.1:{int(await relay.stdout.readline())}"

    async def _reach(self, what: str, carry: Carry) -> int:
        server = await asyncio.start_server(carry, self.here, 0)
        self.relays.push_async_callback(_close, server)
        self.ports[what] = [server.sockets[0].getsockname()[1]]
        return self.ports[what][0]

    async def cut(self, role: str, what: str, seconds: float) -> None:
        """Lets nothing through between a role and a thing for a while: packets vanish, nobody is told."""
        cable = self.namespace(role)
        pairs = ", ".join(f"{cable} . {port}" for port in self.ports[what])
        async with self._turns[role, what]:
            self._cuts("add", pairs)
            try:
                await asyncio.sleep(seconds)
            finally:
                self._cuts("delete", pairs)

    def _cuts(self, change: str, pairs: str) -> None:
        _run(NFT, f"{change} element inet {self.name} cuts {{ {pairs} }}")


@asynccontextmanager
async def separate_hosts() -> AsyncIterator[Hosts]:
    """Joins them, and takes everything away again."""
    pid = os.getpid()  # Others may have theirs beside us.
    hosts = Hosts(f"wafaa{pid}", f"10.{200 + pid // 250 % 50}.{pid % 250}")
    for left in {hosts.name, *_of_the_dead()}:
        _clear(left)
    try:
        _run(NFT, f"add table inet {hosts.name}")
        _run(NFT, f"add set inet {hosts.name} cuts {{ type ifname . inet_service ; }}")
        for chain, way in (("input", "iifname"), ("output", "oifname")):
            hook = f"{{ type filter hook {chain} priority 0 ; }}"
            _run(NFT, f"add chain inet {hosts.name} {chain} {hook}")
            for end in ("dport", "sport"):
                _run(NFT, f"add rule inet {hosts.name} {chain} {way} . tcp {end} @cuts drop")
        for role in ROLES:
            _join(hosts.namespace(role), hosts.address(role), hosts.here)
        async with hosts.relays:
            yield hosts
    finally:
        _clear(hosts.name)


def _of_the_dead() -> set[str]:
    """What runs have left that were killed."""
    found = {path.name[:-1] for path in Path("/run/netns").glob("wafaa*")}
    return {name for name in found if not Path("/proc", name.removeprefix("wafaa")).exists()}


def _join(name: str, address: str, here: str) -> None:
    """A namespace with an address, at the other end of a cable."""
    inside = ["netns", "exec", name, IP]
    for words in (
        ["netns", "add", name],
        f"link add {name} type veth peer name uplink netns {name}".split(),
        f"addr add {here} peer {address} dev {name}".split(),
        ["link", "set", name, "up"],
        [*inside, *f"addr add {address} peer {here} dev uplink".split()],
        [*inside, "link", "set", "uplink", "up"],
        [*inside, "link", "set", "lo", "up"],
    ):
        _run(IP, *words)


def _clear(name: str) -> None:
    commands = [[NFT, f"delete table inet {name}"]]
    commands += [[IP, "netns", "del", f"{name}{role[0]}"] for role in ROLES]
    for command in commands:
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

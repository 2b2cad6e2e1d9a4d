"""A URL that a person gave leads to a public web server or nowhere. Security check 47: nothing reaches a canary."""

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest

from app.core.errors import InvalidInput, UpstreamRefused, UpstreamUnavailable, WafaaError
from app.core.given_urls import Allowed, read_url
from app.core.public_addresses import is_public
from app.core.safe_fetch import Asked, Fetched, safe_fetch
from tests.fixtures.certificates import Certify

PUBLIC = "93.184.215.14"
PORT = 18_931
"""Where canaries and servers listen: the same everywhere, so that only the address decides."""
SERVER = "127.0.0.2"
"""Plays a public server; the canaries are on other addresses of this machine."""
CANARIES = ("127.0.0.1", "127.0.0.53", "127.1.2.3", "::1")


@dataclass
class Canary:
    """Listens where nobody may come, and counts who does."""

    visits: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits.append(str(writer.get_extra_info("sockname")))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\ncanary")
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    canary = Canary()
    listeners = [await asyncio.start_server(canary.serve, address, PORT) for address in CANARIES]
    yield canary
    for listener in listeners:
        listener.close()
        await listener.wait_closed()


class Names:
    """A name server that counts; it answers each question with the next of its answers, then with the last one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


# --- The table -------------------------------------------------------------------------------------------------------

INSIDE_4 = [
    "127.0.0.1", "127.0.0.53", "127.1.2.3", "127.255.255.254", str(IPv4Address(0)), "0.1.2.3", "10.0.0.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.192", "198.18.0.1",
    "168.63.129.16", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.88.99.1", "203.0.113.1",
]  # fmt: skip
INSIDE_6 = [
    "::", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:0:127.0.0.1", "::127.0.0.1",
    "::7f00:1",
    "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::", "2001:0000:4136:e378:8000:63bf:3fff:fdd2", "fe80::1", "fe80::1%1", "fe80::1%25lo", "::1%lo",
    "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff05::2", "2001:db8::1", "3fff::1", "100::1", "5f00::1",
    "2001:10::1",
    "2001:20::1", "[::1]", "::1]", "v1.127.0.0.1", "::ffff:2130706433", "2620:4f:8000::1", "1::1", "4000::1",
]  # fmt: skip


def spellings(address: IPv4Address) -> Iterator[str]:
    """An IPv4 address as parsers somewhere have read it."""
    a, b, c, d = address.packed
    n = int(address)
    wide = str.maketrans("0123456789.", "０１２３４５６７８９．")
    yield from (
        f"{a}.{b}.{c}.{d}",
        f"{a}.{b}.{c}.{d}.",
        f"{n}",
        f"{n}.",
        f"0x{n:x}",
        f"0X{n:08X}",
        f"0{n:o}",
    )
    yield from (
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"0x{a:x}.0{b:o}.{c}.{d}",
    )
    yield from (
        f"{a}.{b}.{c * 256 + d}",
        f"{a}.{n & 0xFFFFFF}",
        f"0x{a:x}.{n & 0xFFFFFF}",
        f"00{a:o}.{b}.{c}.{d}",
    )
    yield from (
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{a + 256}.{b}.{c}.{d}",
        f"{n + 2**32}",
        f"{a}.{b}.{c}.{d}.nip.io",
    )
    yield from (
        str(address).translate(wide),
        str(address).replace(".", "。"),
        str(address).replace(".", "｡"),
    )
    yield from (
        str(address).replace(".", "%2e"),
        "".join(f"%{ord(x):02x}" for x in str(address)),
        f"{a}..{b}.{c}.{d}",
    )
    yield from (
        f"[::ffff:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[::ffff:0:{address}]",
    )
    yield from (
        f"[2002:{n >> 16:x}:{n & 0xFFFF:x}::1]",
        f"{a}.{b}.{c}.{d}\u200b",
        f"\u00ad{a}.{b}.{c}.{d}",
    )
    yield from (
        f"[{address}]",
        "".join(chr(0x245F + int(x)) if x in "123456789" else x for x in str(address)),
    )


NAMES_INSIDE = [
    "localhost", "LOCALHOST", "LocalHost.", "localhost.localdomain", "sub.localhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ｌｏｃａｌｈｏｓｔ", "local\u00adhost",
    "loc%61lhost", "metadata", "metadata.google.internal", "metadata.google.internal.", "instance-data", "kubernetes",
    "kubernetes.default.svc.cluster.local", "host.docker.internal", "router.home.arpa", "printer.local",
    "ip6-localhost",
    "postgres", "redis", "valkey.internal", "localtest.me", "127.0.0.1.nip.io", "7f000001.rebind.example",
    "shop.example",
    "xn--localhost-.example", "مثال.إختبار", "bücher.example", "shop.example.", ".shop.example", "shop..example", "-",
    "shop_.example", "_dns.shop.example", "a" * 64 + ".example", "a." * 127 + "example", "shop.example:", "*",
    "%00.example",
    "shop.123", "shop.0x7f", "1.2.3", "0", "1e3", "0x", "0x7f.0.0.1.example",
]  # fmt: skip
AUTHORITIES = [
    "127.0.0.1", "shop.example@127.0.0.1", "shop.example:443@127.0.0.1", "user:password@127.0.0.1", "@127.0.0.1",
    ":@127.0.0.1", "127.0.0.1#@shop.example", "127.0.0.1?@shop.example", "127.0.0.1\\@shop.example", "a@b@127.0.0.1",
    "shop.example%40127.0.0.1", "shop.example@127.0.0.1@shop.example", "user@shop.example",
    "shop.example\\.127.0.0.1",
    "127.0.0.1%23.shop.example", "127.0.0.1%2f.shop.example", "127.0.0.1;.shop.example", "127.0.0.1,shop.example",
    "shop.example 127.0.0.1", "[::1]@shop.example", "[::1].shop.example", "shop.example[::1]", "[::1]shop.example",
]  # fmt: skip
SHAPES = [
    "{}", "//{}/", "http:/{}/", "http:{}/", "http:///{}/", "http:\\\\{}\\", "http:/\\{}/", "\\\\{}\\x",
    " http://{}/", "http://{}/ ",
    "http://\t{}/", "ht\ntp://{}/", "http://{}\r\nHost: x/", "http://{}/\r\nX: y", "\x00http://{}/",
    "http://{}\x00.shop.example/",
    "http://{}/\ud800", "http://\u2028{}/", "http://{}\ufeff/", "ftp://{}/", "gopher://{}/_x", "file://{}/etc/passwd",
    "file:///etc/passwd", "dict://{}/d", "ldap://{}/", "ws://{}/", "wss://{}/", "tftp://{}/", "sftp://{}/",
    "jar:http://{}!/",
    "view-source:http://{}/", "data:text/html,{}", "javascript:fetch('{}')", "unix:///var/run/docker.sock",
    "netdoc://{}/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "url:http://{}/", "httpss://{}/", "http;//{}/", "://{}/",
    "http://", "http:", "", ".",
    "http://" + "a" * 3000 + "/{}", "http://{}:99999/", "http://{}:-1/", "http://{}:port/", "http://{}:٨٠/",
    "http://[{}/",
]  # fmt: skip
PORTS = [
    0,
    1,
    7,
    22,
    23,
    25,
    53,
    79,
    110,
    111,
    135,
    445,
    2375,
    3306,
    5432,
    6379,
    9200,
    11211,
    65535,
]


def table() -> list[str]:
    """Every form, each leading to this machine or a neighbour if it leads anywhere."""
    hosts = [s for address in INSIDE_4 for s in spellings(IPv4Address(address))]
    hosts += [f"[{address}]" for address in INSIDE_6] + NAMES_INSIDE + AUTHORITIES
    urls = [f"http://{host}:{PORT}/" for host in hosts] + [f"https://{host}/" for host in hosts]
    urls += [shape.format(f"127.0.0.1:{PORT}") for shape in SHAPES]
    urls += [shape.format("shop.example") for shape in SHAPES]
    urls += [f"http://{PUBLIC}:{port}/" for port in PORTS] + [
        f"https://shop.example:{p}/" for p in PORTS
    ]
    return list(dict.fromkeys(urls))


async def refuses(url: str, allow: Allowed, resolve: Names) -> bool:
    """Whether a URL is called the caller's mistake."""
    try:
        await safe_fetch(url, allow=allow, resolve=resolve)
    except InvalidInput:
        return True
    return False


async def test_no_form_of_a_url_reaches_this_machine(canary: Canary) -> None:
    """Every form is refused as the caller's mistake, or finds no host; nobody connects, and it takes no time."""
    urls, allow = table(), Allowed(http=True, ports=frozenset({PORT}), redirects=3, seconds=0.5)
    assert len(urls) >= 300
    leads_inside = Names(["127.0.0.1", "::1"])
    for url in urls:
        assert await refuses(url, allow, leads_inside), url
    assert canary.visits == []


async def test_the_canary_would_be_heard(canary: Canary) -> None:
    allow = Allowed(http=True, ports=frozenset({PORT}), networks=(ip_network("127.0.0.0/8"),))
    assert (await safe_fetch(f"http://127.0.0.1:{PORT}/", allow=allow)).body == b"canary"
    assert (
        await safe_fetch(f"http://shop.example:{PORT}/", allow=allow, resolve=Names(["127.0.0.1"]))
    ).body == b"canary"
    assert len(canary.visits) == 2


@pytest.mark.parametrize(
    "inside", INSIDE_4 + [a for a in INSIDE_6 if "[" not in a and "]" not in a and a[0] != "v"]
)
async def test_one_address_inside_among_public_ones_is_enough(canary: Canary, inside: str) -> None:
    allow = Allowed(http=True, ports=frozenset({PORT}), seconds=0.5)
    for answer in ([inside], [PUBLIC, inside], [inside, PUBLIC], [PUBLIC] * 20 + [inside]):
        names = Names([a.replace("%25", "%") for a in answer])
        with pytest.raises((InvalidInput, UpstreamRefused)):
            await safe_fetch(f"http://shop.example:{PORT}/", allow=allow, resolve=names)
    assert canary.visits == []


@pytest.mark.parametrize("address", INSIDE_4)
def test_what_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        PUBLIC,
        "223.255.255.254",
        "100.128.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860::1",
    ],
)
def test_what_is_out_there_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example", "https://shop.example/a?b=c#d", "https://SHOP.example/", "https://shop.example:443/",
        "https://مثال.إختبار/قهوة?س=ص", "https://xn--mgbh0fb.xn--kgbechtv/",
        "https://bücher.example/", f"https://{PUBLIC}/",
        "https://[2606:4700::1111]/", "https://a.b.c.d.shop.example/%2e%2e/x", "https://1.shop.example/",
        "https://3com.example/",
    ],
)  # fmt: skip
def test_addresses_of_public_servers_are_read(url: str) -> None:
    assert read_url(url, Allowed()).scheme == "https"


@pytest.mark.parametrize(
    "url", ["http://shop.example/", "http://shop.example:443/", f"http://{PUBLIC}/"]
)
def test_http_needs_a_permission(url: str) -> None:
    with pytest.raises(InvalidInput):
        read_url(url, Allowed())


# --- A server out there ----------------------------------------------------------------------------------------------

Answer = Callable[[str], bytes]


@dataclass
class Server:
    """Plays a public web server. A path is the answer's name."""

    answers: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    drip: float = 0.0
    sni: list[str | None] = field(default_factory=list)

    def redirects(self, path: str, to: str, status: int = 302) -> None:
        self.answers[path] = (
            f"HTTP/1.1 {status} Found\r\nlocation: {to}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n".encode()
        )

    def says(self, path: str, body: bytes, *headers: str) -> None:
        head = "\r\n".join(["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers])
        self.answers[path] = head.encode() + b"\r\n\r\n" + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        answer = self.answers.get(
            head.split(" ")[1], b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"
        )
        try:
            for part in (
                [answer] if not self.drip else [answer[n : n + 1] for n in range(len(answer))]
            ):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(self.drip)
        except OSError:
            pass  # It went away, as it should.
        writer.close()


@asynccontextmanager
async def listening(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    listener = await asyncio.start_server(server.serve, SERVER, PORT, ssl=tls)
    try:
        yield server
    finally:
        listener.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with listening(Server()) as server:
        yield server


OUT_THERE = (ip_network(f"{SERVER}/32"),)


async def get(
    path: str, resolve: Names | None = None, asked: Asked | None = None, **more: object
) -> Fetched:
    allow = Allowed(**{"http": True, "ports": frozenset({PORT}), "networks": OUT_THERE, "seconds": 2.0, **more})  # type: ignore[arg-type] # Each test's own.
    url = path if path.startswith("http") else f"http://shop.example:{PORT}{path}"
    return await safe_fetch(url, asked, allow=allow, resolve=resolve or Names([SERVER]))


async def test_a_page_is_fetched_whole(server: Server) -> None:
    server.says("/menu", "قهوة".encode(), "content-type: Text/HTML; charset=utf-8")
    found = await get("/menu")
    assert (found.status, found.body.decode(), found.media_type) == (200, "قهوة", "text/html")
    assert (await get("/nothing")).status == 404
    assert "\r\nHost: shop.example:" in server.requests[0]


async def test_a_name_is_resolved_once_and_means_that_until_the_end(
    server: Server, canary: Canary
) -> None:
    """Rebinding: the second answer would lead inside, and is never asked for."""
    server.says("/", b"here")
    for _ in range(20):
        names = Names([SERVER], ["127.0.0.1"])
        assert (await get("/", names)).body == b"here"
        assert names.asked == 1
    assert canary.visits == []


async def test_a_redirect_asks_and_checks_anew(server: Server, canary: Canary) -> None:
    server.redirects("/", f"http://other.example:{PORT}/")
    names = Names([SERVER], ["127.0.0.1"])
    with pytest.raises(InvalidInput):
        await get("/", names, redirects=3)
    assert (names.asked, canary.visits) == (2, [])


async def test_redirects_lead_nowhere_inside(server: Server, canary: Canary) -> None:
    hosts = [
        s for a in ("127.0.0.1", "127.1.2.3", "169.254.169.254") for s in spellings(IPv4Address(a))
    ]
    targets = [f"http://{h}:{PORT}/" for h in hosts if h.isascii()] + [
        f"//{h}:{PORT}/" for h in hosts[:10]
    ]
    targets += [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://[::1]:18931/",
        "\\\\127.0.0.1\\",
    ]
    names = Names([SERVER])
    for target in targets:
        server.redirects("/", target)
        with pytest.raises((InvalidInput, UpstreamRefused)):
            await get("/", names, redirects=3)
    assert canary.visits == []


async def test_redirects_are_followed_only_if_asked_for_and_not_for_ever(server: Server) -> None:
    for n, path in enumerate(("/3", "/2", "/1")):
        server.redirects(path, f"/{2 - n}")
    server.says("/0", b"arrived")
    server.redirects("/loop", "/loop")
    assert (await get("/3", redirects=3)).body == b"arrived"
    assert (await get("/3", redirects=3)).url.endswith("/0")
    for path, redirects in (("/1", 0), ("/3", 2), ("/loop", 3)):
        with pytest.raises(UpstreamRefused, match="redirects"):
            await get(path, redirects=redirects)
    with pytest.raises(UpstreamRefused, match="redirects"):
        await get("/1", asked=Asked("POST", body=b"{}"), redirects=3)
    with pytest.raises(ValueError, match="At most"):
        Allowed(redirects=4)


async def test_what_was_meant_for_one_host_is_not_told_another(server: Server) -> None:
    server.redirects("/", f"http://other.example:{PORT}/end")
    server.says("/end", b"")
    listed = frozenset({"shop.example", "other.example"})
    secret = Asked(headers={"Authorization": "Bearer canary", "X-Note": "canary"})
    await get("/", asked=secret, hosts=listed, redirects=1)
    assert "Bearer canary" in server.requests[0]
    assert "canary" not in server.requests[1]
    assert "ookie" not in server.requests[1]


@pytest.mark.parametrize(
    "name",
    ["Authorization", "cookie", "Host", "Transfer-Encoding", "X-API-Key", "Proxy-Authorization"],
)
async def test_credentials_go_to_listed_hosts_alone(server: Server, name: str) -> None:
    with pytest.raises(ValueError, match="headers"):
        await get("/", asked=Asked(headers={name: "canary"}))
    assert server.requests == []


async def test_only_listed_hosts_where_there_is_a_list(server: Server) -> None:
    server.says("/", b"ok")
    assert (await get("/", hosts=frozenset({"shop.example"}))).body == b"ok"
    with pytest.raises(InvalidInput, match="list"):
        await get("/", hosts=frozenset({"example"}))


async def test_neither_proxies_nor_passwords_of_the_environment(
    server: Server, canary: Canary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine shop.example login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{PORT}")
    server.says("/", b"direct")
    assert (await get("/")).body == b"direct"
    assert canary.visits == []
    assert "uthorization" not in server.requests[0]


async def test_bombs_and_floods_end_early(server: Server) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    server.says("/gzip", bomb, "content-encoding: gzip")
    server.says("/br", bomb, "content-encoding: BR")
    server.says("/two", bomb, "content-encoding: gzip, gzip")
    server.says("/large", b"x" * 2_000)
    server.answers["/endless"] = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"400\r\n"
        + b"x" * 1024
        + b"\r\n"
        + b"400\r\n"
        + b"x" * 1024
        + b"\r\n"
    )
    server.answers["/boast"] = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx"
    for path in ("/gzip", "/br", "/two", "/large", "/endless", "/boast"):
        with pytest.raises(UpstreamRefused):
            await get(path, most_bytes=1_500)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(20_000)) + b"\r\n", b"+PONG\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n",
    ],
)  # fmt: skip
async def test_a_strange_answer_is_an_error_of_ours(server: Server, answer: bytes) -> None:
    server.answers["/"] = answer
    with pytest.raises((UpstreamRefused, UpstreamUnavailable)):
        await get("/")


async def test_a_slow_answer_ends_in_time_and_so_does_a_slow_name(server: Server) -> None:
    server.says("/", b"x" * 1000)
    server.drip = 0.05

    async def slow(_host: str) -> Sequence[str]:
        await asyncio.sleep(30)
        return [SERVER]

    began = time.monotonic()
    with pytest.raises(UpstreamUnavailable, match="in time"):
        await get("/", seconds=0.3)
    with pytest.raises(UpstreamUnavailable, match="in time"):
        await safe_fetch("https://shop.example/", allow=Allowed(seconds=0.3), resolve=slow)
    assert time.monotonic() - began < 2


async def test_nobody_there_and_no_such_name() -> None:
    async def unknown(_host: str) -> Sequence[str]:
        raise OSError("no such name")

    for resolve in (unknown, Names([SERVER]), Names([])):
        with pytest.raises(UpstreamUnavailable):
            await safe_fetch(
                f"http://shop.example:{PORT}/",
                allow=Allowed(http=True, ports=frozenset({PORT}), networks=OUT_THERE, seconds=1),
                resolve=resolve,
            )


async def test_the_certificate_must_be_the_names_although_the_address_is_pinned(
    certify: Certify,
) -> None:
    """TLS goes to the pinned address with the name in SNI, and checks the name, not the address."""
    made = certify(["shop.example"])
    offered = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    offered.load_cert_chain(made.chain, made.key)
    server = Server()
    offered.sni_callback = lambda _socket, name, _context: server.sni.append(name)
    server.says("/", b"secure")
    believed = ssl.create_default_context(cafile=made.authority)
    allow = Allowed(ports=frozenset({PORT}), networks=OUT_THERE)
    async with listening(server, offered):
        found = await safe_fetch(
            f"https://shop.example:{PORT}/", allow=allow, resolve=Names([SERVER]), tls=believed
        )
        assert found.body == b"secure"
        assert server.sni == ["shop.example"]
        for url, context in (("https://other.example", believed), ("https://shop.example", None)):
            with pytest.raises(UpstreamUnavailable):
                await safe_fetch(
                    f"{url}:{PORT}/", allow=allow, resolve=Names([SERVER]), tls=context
                )


async def test_a_refusal_tells_nothing_of_what_is_inside(canary: Canary) -> None:
    with pytest.raises(WafaaError) as caught:
        await safe_fetch("https://shop.example/", resolve=Names(["10.1.2.3"]))
    assert "10.1.2.3" not in caught.value.message

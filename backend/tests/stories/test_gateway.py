"""The real gateway on loopback: what it refuses, what it hands on, and that streams flow through it as they come."""

import asyncio
import io
import itertools
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from app.api.addresses import Proxies
from app.api.catalogue import PROBLEMS
from app.api.errors import MEDIA_TYPE
from app.api.limits import Gate, WebhookGate
from app.core.errors import Misconfigured
from app.core.limits import LocalLimits, Policy
from app.embedded.gateway import Gateway
from app.embedded.processes import wait_until
from tests.fixtures.certificates import Certificate, Certify

NAME = "wafaa.test"
TESTSSL = Path("/usr/bin/testssl")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- Behind it: a product that tells what it was given ---------------------------------------------------------------


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the request as it arrived; a path that ends in ``/events`` streams slowly."""
    if scope["type"] == "lifespan":
        return
    if scope["path"].endswith("/events"):
        await stream(send)
        return
    size = 0
    while True:
        message: Message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    headers = [(k.decode(), v.decode("latin-1")) for k, v in scope["headers"]]
    body = json.dumps(
        {"path": scope["path"], "peer": scope["client"][0], "size": size, "headers": headers}
    )
    start = [
        (b"content-type", b"application/json"),
        (b"strict-transport-security", b"max-age=1"),
        (b"content-security-policy", b"default-src 'none'"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": body.encode()})


async def stream(send: Send) -> None:
    start = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    for n in range(5):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % n, "more_body": True})
        await asyncio.sleep(0.3)
    await send({"type": "http.response.body", "body": b""})


async def nobody(_: Scope) -> None:
    """Who is calling: nobody that is known."""


@pytest.fixture(scope="session")
async def upstream() -> AsyncIterator[int]:
    """The port of a product whose gate believes the gateway."""
    off = Policy.parse("address=off, webhook=off, refused=off")
    proxies = Proxies("127.0.0.1")
    webhooks = WebhookGate(off, LocalLimits(), lambda *_: False)
    gate = Gate(
        told,
        limits=LocalLimits(),
        policy=off,
        proxies=proxies,
        identify=nobody,
        webhooks=webhooks,
    )
    config = uvicorn.Config(gate, port=0, log_config=None, lifespan="off", proxy_headers=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await asyncio.to_thread(wait_until, lambda: server.started, 10.0)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


# --- The gateway -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Door:
    """A running gateway."""

    gateway: Gateway
    trusted: ssl.SSLContext
    log: Path

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.gateway.https_port}"

    @property
    def port(self) -> int:
        return self.gateway.https_port


@contextmanager
def running(gateway: Gateway, certificate: Certificate) -> Iterator[Door]:
    part = gateway.part()
    assert part.prepare is not None
    assert part.ready is not None
    part.prepare()
    log = gateway.home / "gateway.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            part.argv, stdout=output, stderr=subprocess.STDOUT, **part.options()
        ) as process,
    ):
        try:
            if not wait_until(part.ready, 10.0):
                pytest.fail(log.read_text())
            yield Door(gateway, ssl.create_default_context(cafile=certificate.authority), log)
        finally:
            process.send_signal(part.stop_signal)
            process.wait(10)
    for left in gateway.work_directory.rglob("*"):
        assert not left.is_file() or left.name == "nginx.conf", f"{left} was left behind"
    shutil.rmtree(gateway.work_directory)


@pytest.fixture(scope="session")
def certificate(certify: Certify) -> Certificate:
    return certify([NAME])


@pytest.fixture(scope="session")
def plan(
    certificate: Certificate, upstream: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """How the gateway is set up; its limits are out of the way, and what proves its name can be read by anybody."""
    home = tmp_path_factory.mktemp("gateway")
    with tempfile.TemporaryDirectory(prefix="acme") as acme:
        Path(acme).chmod(0o755)
        yield Gateway(
            NAME, f"127.0.0.1:{upstream}", certificate.chain, certificate.key, home,
            addresses=("127.0.0.1",), https_port=free_port(), http_port=free_port(), acme_root=Path(acme),
            requests_per_second=100_000, webhooks_per_second=100_000,
        )  # fmt: skip


@pytest.fixture(scope="session")
def door(plan: Gateway, certificate: Certificate) -> Iterator[Door]:
    with running(plan, certificate) as door:
        yield door


class Local(aiohttp.abc.AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self) -> None:
        return


@pytest.fixture
async def http(door: Door) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(resolver=Local(), ssl=door.trusted)
    async with aiohttp.ClientSession(door.url, connector=connector) as session:
        yield session


async def test_a_request_arrives_with_its_true_address_and_nothing_forged(
    http: aiohttp.ClientSession,
) -> None:
    forged = {
        "X-Forwarded-For": "198.51.100.1, 10.0.0.1", "X-Real-IP": "198.51.100.1", "Forwarded": "for=198.51.100.1",
        "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "22",
        "X_Forwarded_For": "198.51.100.2",
        "X-Request-ID": "0123456789abcdef",
    }  # fmt: skip
    async with http.get("/v1/things?x=1", headers=forged) as answer:
        seen = await answer.json()
    got: dict[str, str] = dict(seen["headers"])
    assert got["x-forwarded-for"] == "127.0.0.1"
    assert seen["peer"] == "127.0.0.1"
    assert (got["x-forwarded-proto"], got["host"]) == ("https", NAME)
    assert (
        not {"x-real-ip", "forwarded", "x-forwarded-host", "x-forwarded-port", "x_forwarded_for"}
        & got.keys()
    )
    assert "198.51" not in json.dumps(seen)
    assert "evil" not in json.dumps(seen)
    assert len(got["x-request-id"]) == 32


@pytest.mark.parametrize(
    "host", ["wafaa.test:1@evil.example", "WAFAA.test", "wafaa.test.", "wafaa.test:22"]
)
async def test_the_product_sees_one_spelling_of_its_name(
    http: aiohttp.ClientSession, host: str
) -> None:
    async with http.get("/v1/x", headers={"Host": host}) as answer:
        assert dict((await answer.json())["headers"])["host"] == NAME


async def test_every_answer_says_to_come_by_tls_only(http: aiohttp.ClientSession) -> None:
    """Check 49."""
    for path in ("/v1/x", "/metrics", "/w.js"):
        async with http.get(path) as answer:
            assert answer.headers.getall("strict-transport-security") == [
                "max-age=31536000; includeSubDomains"
            ]


async def test_without_tls_one_is_sent_to_it_by_its_own_name(door: Door) -> None:
    url = f"http://127.0.0.1:{door.gateway.http_port}/c/bakery?x=1"
    async with aiohttp.ClientSession() as session:
        async with session.get(
            url, headers={"Host": "evil.example"}, allow_redirects=False
        ) as answer:
            assert answer.status == 308
            assert answer.headers["location"] == f"{door.url}/c/bakery?x=1"
        assert door.gateway.acme_root is not None
        challenge = door.gateway.acme_root / ".well-known" / "acme-challenge"
        challenge.mkdir(parents=True)
        (challenge / "token").write_text("proof")
        for name, status in (("token", 200), ("none", 404)):
            wanted = url.replace("/c/bakery?x=1", f"/.well-known/acme-challenge/{name}")
            async with session.get(wanted) as answer:
                assert answer.status == status
                assert (await answer.text() == "proof") is (status == 200)


def shake(door: Door, context: ssl.SSLContext, name: str | None = NAME) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", door.port), 5)
    return context.wrap_socket(raw, server_hostname=name)


def openssl(door: Door, *options: str) -> str:
    argv = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{door.port}",
        "-servername",
        NAME,
        *options,
    ]
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=10, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize("options", [["-tls1"], ["-tls1_1"]])
def test_old_tls_is_refused(door: Door, options: list[str]) -> None:
    """With a client that is willing (security level 0): the refusal is the gateway's."""
    said = openssl(door, *options, "-cipher", "ALL:@SECLEVEL=0")
    assert "protocol version" in said
    assert "Cipher is (NONE)" in said


@pytest.mark.parametrize(
    "ciphers",
    ["NULL", "eNULL", "aNULL", "EXPORT", "LOW", "3DES", "RC4", "MD5", "SHA1", "CBC", "AES128-SHA", "AES256-SHA256",
     "kRSA", "AES128-GCM-SHA256", "ECDHE+AES+SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-CCM8",
     "CAMELLIA", "ARIA", "SEED", "IDEA", "DHE", "PSK", "SRP"],
)  # fmt: skip
def test_weak_ciphers_are_refused(door: Door, ciphers: str) -> None:
    said = openssl(door, "-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0")
    assert (
        "Cipher is (NONE)" in said
        or "no cipher" in said.lower()
        or "error setting cipher" in said.lower()
    )


def test_good_tls_is_spoken_and_http_2_with_it(door: Door) -> None:
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        context = ssl.create_default_context(cafile=str(door_authority(door)))
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        with shake(door, context) as connection:
            assert (connection.version(), connection.selected_alpn_protocol()) == (name, "h2")
            cipher = connection.cipher()
            assert cipher is not None
            assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]
            assert connection.compression() is None


def door_authority(door: Door) -> Path:
    return door.gateway.certificate.with_name("authority.pem")


async def test_a_request_travels_by_http_2(door: Door) -> None:
    argv = [
        "curl",
        "-sS",
        "--http2",
        "--cacert",
        str(door_authority(door)),
        "--resolve",
        f"{NAME}:{door.port}:127.0.0.1",
    ]
    argv += ["-w", "%{http_version} %{http_code}", f"{door.url}/v1/x"]
    done = await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, timeout=10, check=True
    )
    assert done.stdout.endswith(b"2 200")


@pytest.mark.parametrize(
    "name", ["other.test", None, "sub.wafaa.test", "wafaa.test.evil.example", "localhost"]
)
def test_an_unknown_name_gets_no_certificate(door: Door, name: str | None) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, ConnectionResetError)), shake(door, context, name):
        pytest.fail("a certificate")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "wafaa.test.evil.example",
        "x/?",
        "_",
        "wafaa.test evil",
        "",
    ],
)
def test_an_unknown_host_is_not_served_under_a_known_name(door: Door, host: str) -> None:
    with shake(door, door.trusted) as connection:
        connection.sendall(
            f"GET /v1/x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        status = int(read_all(connection).split(b" ", 2)[1])
    assert status in (400, 421)


def read_all(connection: ssl.SSLSocket) -> bytes:
    received = b""
    with suppress(ssl.SSLError, ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/v1/things", 1024 * 1024, 200),
        ("/v1/things", 1024 * 1024 + 1, 413),
        ("/webhook/whatsapp/bakery", 4 * 1024 * 1024, 200),
        ("/webhook/whatsapp/bakery", 4 * 1024 * 1024 + 1, 413),
        ("/v1/documents", 21 * 1024 * 1024, 200),
        ("/v1/documents", 21 * 1024 * 1024 + 1, 413),
        ("/v1/documents/1", 1024 * 1024 + 1, 413),
        ("/v1/documents/../things", 1024 * 1024 + 1, 413),
        ("/WEBHOOK/x", 1024 * 1024 + 1, 413),
    ],
)
async def test_bodies_have_bounds(
    http: aiohttp.ClientSession, path: str, size: int, status: int
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 1 << 16):
            yield bytes(min(1 << 16, size - start))

    for body in (io.BytesIO(bytes(size)), chunks()):
        with suppress(aiohttp.ClientConnectionError):  # It may close while we still send.
            async with http.post(path, data=body, headers={"Expect": "100-continue"}) as answer:
                assert answer.status == status
                assert status != 200 or (await answer.json())["size"] == size


async def test_its_own_refusals_are_problems_in_the_callers_language(
    http: aiohttp.ClientSession,
) -> None:
    for language in ("en", "ar"):
        headers = {"Accept-Language": f"{language}-SA,{language};q=0.9", "Expect": "100-continue"}
        for method, path, body, status, code in (
            ("GET", "/metrics", b"", 404, "not_found"),
            ("POST", "/v1/x", bytes(1024 * 1024 + 1), 413, "too_large"),
            ("GET", "/x" * 5000, b"", 414, "bad_request"),
            ("TRACE", "/v1/x", b"", 405, "method_not_allowed"),
        ):
            async with http.request(method, path, data=io.BytesIO(body), headers=headers) as answer:
                assert (answer.status, answer.content_type) == (status, MEDIA_TYPE)
                problem = await answer.json(content_type=MEDIA_TYPE)
                told = PROBLEMS[code]
                assert (problem["code"], problem["status"]) == (code, status)
                # A request line that is too long is refused before any header is read, and in English.
                wanted = "en" if status == 414 else language
                said = (told.title.within(wanted), told.detail.within(wanted))
                assert (problem["title"], problem["detail"]) == said
                assert problem["request_id"] == answer.headers["x-request-id"]
                assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "//metrics",
        "/%6detrics",
        "/x/../metrics",
        "/./metrics",
        "/metrics?x",
        "/%2e/metrics",
    ],
)
def test_no_spelling_opens_the_figures(door: Door, path: str) -> None:
    with shake(door, door.trusted) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode()
        )
        assert read_all(connection).split(b" ", 2)[1] == b"404"


async def test_events_leave_as_they_come(http: aiohttp.ClientSession) -> None:
    for path in ("/web/v1/conversations/1/events", "/v1/conversations/1/events"):
        arrived = []
        async with http.get(path) as answer:
            async for line in answer.content:
                if line.startswith(b"data"):
                    arrived.append(time.monotonic())
        gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
        assert len(arrived) == 5
        assert min(gaps) > 0.2, "one by one, not together"


async def test_who_dawdles_is_let_go(door: Door) -> None:
    """Headers and bodies that don't come within ten seconds."""

    async def dawdle(opening: bytes) -> float:
        began = time.monotonic()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", door.port, ssl=door.trusted, server_hostname=NAME
        )
        writer.write(opening)
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return time.monotonic() - began

    head = f"POST /v1/x HTTP/1.1\r\nHost: {NAME}\r\n".encode()
    waits = await asyncio.gather(
        dawdle(head), dawdle(head + b"Content-Length: 9\r\n\r\nx"), dawdle(b"G")
    )
    assert all(wait < 15 for wait in waits)


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Content-Length: -1", "Content-Length: 5 5", "Transfer-Encoding: chunked, identity", "Host: evil.example",
        "X" * 9000 + ": y",
        "\r\n".join(f"X-{n}: {'y' * 400}" for n in range(100)), "Bad\x00Header: x", "X: a\x00b",
    ],
)  # fmt: skip
def test_ambiguous_or_swollen_heads_are_refused(door: Door, head: str) -> None:
    with shake(door, door.trusted) as connection:
        connection.sendall(
            f"POST /v1/x HTTP/1.1\r\nHost: {NAME}\r\n{head}\r\nConnection: close\r\n\r\n0\r\n\r\n".encode()
        )
        answer = read_all(connection)
    assert 400 <= int(answer.split(b" ", 2)[1]) < 500 or b'"code":"bad_request"' in answer


@pytest.mark.parametrize("path", ["/v1/x", "/webhook/whatsapp/bakery"])
async def test_a_flood_from_one_address_is_slowed(
    plan: Gateway, certificate: Certificate, tmp_path: Path, path: str
) -> None:
    slow = replace(
        plan,
        home=tmp_path,
        https_port=free_port(),
        http_port=free_port(),
        requests_per_second=1,
        webhooks_per_second=1,
    )
    allowed = 300 if path == "/v1/x" else 4000
    with running(slow, certificate) as door:
        connector = aiohttp.TCPConnector(resolver=Local(), ssl=door.trusted, limit=20)
        async with aiohttp.ClientSession(door.url, connector=connector) as session:

            async def one(n: int) -> tuple[int, Mapping[str, Any]]:
                async with session.get(
                    path, headers={"X-Forwarded-For": f"198.51.100.{n % 250}"}
                ) as answer:
                    return answer.status, answer.headers

            answers = await asyncio.gather(*(one(n) for n in range(allowed + 50)))
    refused = [headers for status, headers in answers if status == 429]
    assert 30 <= len(refused) <= 50
    assert all(headers["retry-after"] == "1" for headers in refused)


async def test_a_product_that_is_away_is_a_problem_and_not_a_page(
    plan: Gateway, certificate: Certificate, tmp_path: Path
) -> None:
    alone = replace(
        plan,
        home=tmp_path,
        https_port=free_port(),
        http_port=free_port(),
        upstream=f"127.0.0.1:{free_port()}",
    )
    with running(alone, certificate) as door:
        connector = aiohttp.TCPConnector(resolver=Local(), ssl=door.trusted)
        async with (
            aiohttp.ClientSession(door.url, connector=connector) as session,
            session.get("/v1/x") as answer,
        ):
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert (await answer.json(content_type=MEDIA_TYPE))["code"] == "unavailable"


async def test_the_log_tells_no_path_query_header_or_address(
    http: aiohttp.ClientSession, door: Door
) -> None:
    canary = "secret-canary"
    for path in (f"/webhook/whatsapp/{canary}?hub.verify_token={canary}", f"/metrics?{canary}"):
        async with http.get(
            path, headers={"X-Canary": canary, "User-Agent": canary, "Referer": f"https://{canary}"}
        ):
            pass
    await asyncio.sleep(0.1)
    text = door.log.read_text()
    assert canary not in text
    assert "127.0.0.1" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"webhook", "other"} <= {line["route"] for line in lines}


_LOOKED_AT = """
SSLv2 SSLv3 TLS1 TLS1_1 TLS1_2 TLS1_3 ALPN_HTTP2 PFS cipherlist_NULL cipherlist_aNULL cipherlist_EXPORT cipherlist_LOW
cipherlist_3DES_IDEA cipherlist_AVERAGE heartbleed CCS secure_client_renego CRIME_TLS POODLE_SSL SWEET32
FREAK LOGJAM DROWN RC4 HSTS_time
"""


@pytest.mark.timeout(180)
async def test_testssl_finds_nothing_weak(door: Door, tmp_path: Path) -> None:
    """The protocols, ciphers and known weaknesses that testssl.sh knows; the tests' own authority aside."""
    report = tmp_path / "report.json"
    argv = [
        str(TESTSSL), "--quiet", "--color", "0", "--warnings", "batch", "--protocols", "--std", "--fs",
        "--heartbleed", "--ccs-injection", "--renegotiation", "--compression", "--poodle", "--sweet32", "--freak",
        "--logjam", "--drown", "--rc4", "--headers",
        "--jsonfile", str(report), "--ip", "127.0.0.1", f"{NAME}:{door.port}",
    ]  # fmt: skip
    await asyncio.to_thread(subprocess.run, argv, capture_output=True, timeout=170, check=False)
    findings = json.loads(report.read_text())
    checked = {f["id"] for f in findings}
    bad = [f for f in findings if f["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]
    assert bad == []
    undecided = {f["id"] for f in findings if f["severity"] == "WARN"}
    assert set(_LOOKED_AT.split()) <= checked - undecided


@pytest.mark.parametrize("name", ["a;b", "a b", "a{}", "", "a\nb", "$host", 'a"b'])
def test_no_value_ends_a_directive(plan: Gateway, name: str) -> None:
    with pytest.raises(Misconfigured, match="WAFAA_SERVER_NAME"):
        replace(plan, server_name=name).render()


def test_a_missing_template_is_named(plan: Gateway, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="template"):
        plan.render(tmp_path / "nginx.conf.template")

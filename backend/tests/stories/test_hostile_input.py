"""Whatever a stranger sends: an answer in good time, never a 5xx, always a problem that says nothing of our inside."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.datastructures import Headers

from app.api.catalogue import PROBLEMS
from tests.fixtures.strangers import LISTED, Fortress, ask, check
from tests.naughty import as_json
from tests.unit.api_frame import Answer

# --- Bombs -----------------------------------------------------------------------------------------------------------

DEEP = 100_000


def bombs() -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """Bodies that cost more to read than to write: name, path, headers, body."""
    as_form = {"content-type": "multipart/form-data; boundary=b"}
    part = b'--b\r\ncontent-disposition: form-data; name="x"\r\n\r\ny\r\n'
    files = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\ny\r\n'
    login = "/v1/auth/login"
    yield "brackets", login, {}, b"[" * DEEP
    yield "closed brackets", login, {}, b"[" * DEEP + b"]" * DEEP
    yield "objects", login, {}, b'{"a":' * DEEP + b"1" + b"}" * DEEP
    yield "brackets in a field", login, {}, b'{"email":' + b"[" * DEEP + b"]" * DEEP + b"}"
    yield "open strings", login, {}, b'["' * DEEP
    yield "a large body", login, {}, b'"' + b"x" * (1024 * 1024) + b'"'
    yield "a huge body", "/v1/answers", {}, b"x" * (30 * 1024 * 1024)
    yield "a large webhook", "/webhook/whatsapp/cafe", {}, b"x" * (4 * 1024 * 1024 + 1)
    yield "a large file", "/v1/documents", as_form, b"--b\r\n" + b"x" * (25 * 1024 * 1024)
    yield "a long number", login, {}, b'{"email":' + b"9" * 500_000 + b"}"
    yield "a long exponent", login, {}, b'{"email":1e' + b"9" * 1000 + b"}"
    yield "many keys", login, {}, b"{" + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}"
    yield "many wrong items", "/v1/answers", {}, b'{"question":[' + b"1," * 500_000 + b"1]}"
    yield "many wrong starters", "/web/v1/sessions", {}, b'{"channel_key":"x","locale":[' + b"[]," * 300_000 + b"1]}"
    yield "equal keys", login, {}, b"{" + b",".join(b'"k":1' for n in range(100_000)) + b"}"
    yield "gzip", login, {"content-encoding": "gzip"}, gzip.compress(b" " * 100_000_000, 9)
    yield "deflate", login, {"content-encoding": "deflate"}, zlib.compress(b" " * 100_000_000, 9)
    yield "twice gzip", login, {"content-encoding": "gzip, gzip"}, gzip.compress(
        gzip.compress(b" " * 100_000_000, 9)
    )
    yield "many form fields", "/v1/documents", as_form, part * 10_000 + b"--b--\r\n"
    yield "many files", "/v1/documents", as_form, files * 5_000 + b"--b--\r\n"
    yield "a part with many headers", "/v1/documents", as_form, b"--b\r\n" + b"x: y\r\n" * 100_000
    yield "a part with a long header", "/v1/documents", as_form, b"--b\r\nx: " + b"y" * 1_000_000
    yield "no boundary", "/v1/documents", {"content-type": "multipart/form-data"}, part
    yield "a long boundary", "/v1/documents", {
        "content-type": "multipart/form-data; boundary=" + "b" * 5_000
    }, part
    yield "no end", "/v1/documents", as_form, part + b"--b"
    yield "a form in place of JSON", login, {
        "content-type": "application/x-www-form-urlencoded"
    }, b"a=1&" * 200_000
    yield "utf-16", login, {}, '{"email":"a"}'.encode("utf-16")
    yield "utf-32", login, {}, '{"email":"a"}'.encode("utf-32")
    yield "broken utf-8", login, {}, b'{"email":"\xff\xfe\xc0\x80\xed\xa0\x80"}'
    yield "NaN", login, {}, b'{"email":NaN,"password":Infinity}'
    yield "nothing", login, {}, b""
    yield "a scalar", login, {}, b"1"
    yield "a slow type", login, {"content-type": "application/json" + ";a=" * 2_000 + '"'}, b"{}"
    yield "an odd type", login, {"content-type": "\x01"}, b"{}"


BOMBS = {name: (path, headers, body) for name, path, headers, body in bombs()}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_at_once(fortress: Fortress, name: str) -> None:
    """Check 45: less than 100 ms of this process's time, and little memory."""
    path, headers, body = BOMBS[name]
    chunks = [body[n : n + (1 << 16)] for n in range(0, len(body), 1 << 16)] or [b""]
    credentials = {} if path.startswith("/webhook") else fortress.cafe.staff
    best = 10.0
    for _ in range(3):  # The machine may be busy with something else.
        began = time.process_time()
        kind = {"content-type": "application/json"} | headers
        answer = await ask(fortress, "POST", path, headers=credentials | kind, body=list(chunks))
        best = min(best, time.process_time() - began)
        check(answer, name)
        assert 400 <= answer.status < 500
    assert best < 0.1


@pytest.mark.parametrize("declared", [False, True])
async def test_a_body_too_large_is_refused_before_it_has_come(
    fortress: Fortress, declared: bool
) -> None:
    """On the wire: by what the head declares, or as soon as the bound is passed; the rest isn't waited for."""
    url = urlsplit(fortress.product.url)
    assert url.hostname
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = "Content-Length: 1000000000" if declared else "Transfer-Encoding: chunked"
    writer.write(
        f"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n\r\n".encode()
    )
    if not declared:
        for _ in range(20):
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


HEADS = {
    "one long header": "X: " + "y" * 100_000,
    "many headers": "\r\n".join(f"X-{n}: y" for n in range(20_000)),
    "long cookies": "Cookie: " + "a=b; " * 30_000,
    "a long token": "Authorization: Bearer " + "x" * 100_000,
    "long languages": "Accept-Language: " + "en;q=0.1," * 10_000,
    "long ranges": "Range: bytes=" + "0-1," * 20_000,
    "long proxies": "X-Forwarded-For: " + "1.1.1.1, " * 10_000,
    "long origin": "Origin: https://" + "a." * 40_000,
    "long etags": "If-None-Match: " + '"a", ' * 15_000,
}


@pytest.mark.parametrize("name", HEADS)
async def test_a_swollen_head_is_refused(fortress: Fortress, name: str) -> None:
    """Check 45."""
    await _refused_cheaply(fortress, "/health/live", f"\r\n{HEADS[name]}")


@pytest.mark.parametrize(
    "target",
    [
        "/" + "x" * 100_000,
        "/health/live?" + "x=y&" * 30_000,
        "/" + "%00" * 30_000,
        "/" + "../" * 30_000,
    ],
)
async def test_a_long_address_is_refused(fortress: Fortress, target: str) -> None:
    """Check 45."""
    await _refused_cheaply(fortress, target)


async def _refused_cheaply(fortress: Fortress, target: str, more: str = "") -> None:
    """Less than 100 ms of this process's time, the server and its caller together, in the best of three."""
    request = f"GET {target} HTTP/1.1\r\nHost: x{more}\r\nConnection: close\r\n\r\n".encode()
    spent = []
    for _ in range(3):  # The machine may be busy with something else.
        began = time.process_time()
        answer = await raw(fortress, request)
        spent.append(time.process_time() - began)
        assert 400 <= status(answer) < 500
    assert min(spent) < 0.1


GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
UNREADABLE = {
    "no request": b"\x00\x01\x02\r\n\r\n",
    "words": b"what a day\r\n\r\n",
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a version of nobody's": b"GET /health/live HTTP/9.9\r\nHost: x\r\n\r\n",
    "NUL in the address": b"GET /health\x00/live HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": GET + b"X-Name: a\x00b\r\n\r\n",
    "NUL in a header's name": GET + b"X-\x00: a\r\n\r\n",
    "a header without a name": GET + b": a\r\n\r\n",
    "a header without a colon": GET + b"X-Name\r\n\r\n",
    "a space before the colon": GET + b"X-Name : a\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "an endless length": POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "a length and chunks": POST
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_is_not_http_is_answered_by_a_problem(
    fortress: Fortress, name: str, language: str
) -> None:
    """Check 51: nobody of ours has seen such a request, and still the answer is one of ours."""
    line, end, rest = UNREADABLE[name].partition(b"\r\n")
    asked = line + end + f"Accept-Language: {language}\r\n".encode() + rest
    answer = await raw(fortress, asked)
    head, _, body = answer.partition(b"\r\n\r\n")
    told = Headers(dict(part.split(": ", 1) for part in head.decode().split("\r\n")[1:]))
    heard = Answer(status(answer), told, body, ended=True)
    check(heard, name)
    assert heard.status == 400
    problem = heard.json()
    assert problem["code"] == "bad_request"
    assert problem["request_id"] == told["x-request-id"] != "-"
    assert told["content-length"] == str(len(body))
    assert told["x-content-type-options"] == "nosniff"
    assert told["connection"] == "close"
    assert problem["title"] == PROBLEMS["bad_request"].title.within(told["content-language"])
    if name.startswith(("a header", "a space", "NUL in a header")):
        assert told["content-language"] == language  # It was read before what can't be.


async def raw(fortress: Fortress, request: bytes) -> bytes:
    url = urlsplit(fortress.product.url)
    assert url.hostname
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(request)
    answer = b""
    with suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


RANGES = [
    "bytes=" + ",".join(f"{n}-{n}" for n in range(2000)),
    "bytes=" + ",".join("0-" for _ in range(2000)),
    "bytes=-",
    "bytes=9-1",
    "lines=1",
]


@pytest.mark.parametrize("value", RANGES)
@pytest.mark.parametrize("path", ["/health/live", "/openapi.json", "/w.js", "/docs"])
async def test_ranges_cost_nothing(fortress: Fortress, path: str, value: str) -> None:
    """Check 45: whether they are refused or overlooked, an answer is no larger than the file, and as cheap."""
    spent = []
    for _ in range(3):  # The machine may be busy with something else.
        began = time.process_time()
        async with fortress.product.api.get(path, headers={"Range": value[:8000]}) as answer:
            body = await answer.read()
        spent.append(time.process_time() - began)
        assert answer.status in (200, 206, 400, 404, 416, 503)
        assert answer.status < 400 or answer.content_type == "application/problem+json"
        assert len(body) < 2_000_000
    assert min(spent) < 0.1


# --- Whose host, which path, which origin ----------------------------------------------------------------------------

HOSTS = [
    "", " ", "evil.example", "evil.example:443", "localhost", "127.0.0.1", "[::1]", "wafaa.test@evil.example",
    "evil.example/", "x/?", "x/health/live?", "x/health/live#", "x:80/health/live?",
    "wafaa.test, evil.example", "wafaa.test evil.example", "wafaa.test:0", "wafaa.test:99999", "wafaa.test:x",
    "%00", "a" * 300, "../", "wafaa.test\\evil", "؟", "xn--", "*", "null", "_", "-", ".", "..", "wafaa.test.",
]  # fmt: skip
FORWARDED = [
    ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "javascript"),
    ("x-forwarded-prefix", "/health"), ("x-original-url", "/health/live"), ("x-rewrite-url", "/health/live"),
    ("x-forwarded-path", "/health/live"), ("x-http-method-override", "GET"), ("x-method-override", "OPTIONS"),
    ("forwarded", "host=evil.example;proto=https"), ("x-host", "evil.example"), ("x-real-ip", "127.0.0.1"),
    ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-user", "owner"), ("x-client-id", "cafe"),
    ("x-tenant-id", "cafe"), ("remote-user", "owner"), ("via", "1.1 x"), ("te", "trailers"),
]  # fmt: skip
PROTECTED = ["/v1/conversations", "/v1/clients/me", "/v1/documents", "/v1/audit", "/v1/usage"]
DISGUISES = [
    "/{0}", "//{0}", "/./{0}", "/x/../{0}", "/health/live/../../{0}", "/health/live/..%2f..%2f{0}", "/{0}/",
    "/{0}//", "/{0}/.", "/{0}%2f", "/{0}%20", "/{0}%00", "/{0}%0a", "/{0};x", "/{0};/health/live", "/{0}.json",
    "/{0}?/health/live", "/{0}%3f", "/{0}%23/health/live", "/%2e/{0}", "/{1}", "/{2}", "/{0}%ff", "/{0}\\",
    "/webhook/web/cafe/../../{0}", "/docs/../{0}", "/w.js/{0}", "/widget/../{0}", "/web/v1/../../{0}",
    "/{0}/%2e%2e", "/metrics/../{0}", "/openapi.json/{0}",
]  # fmt: skip


async def test_fifty_hosts_and_paths_open_nothing(fortress: Fortress) -> None:
    """Check 30: decisions rest on the path alone; nothing is built from Host, nothing forwarded is believed."""
    assert len(HOSTS) + len(FORWARDED) + len(DISGUISES) >= 50
    for path in PROTECTED:
        for host in HOSTS:
            answer = await ask(
                fortress, "GET", path, headers=[("host", host.encode().decode("latin-1"))]
            )
            assert answer.status == 401
            assert not host.strip() or len(host) < 4 or host.encode() not in answer.body
        for name, value in FORWARDED:
            answer = await ask(fortress, "GET", path, headers={name: value})
            assert answer.status == 401
            assert "location" not in answer.headers
        for disguise in DISGUISES:
            bare = path.lstrip("/")
            target = disguise.format(bare, bare.upper(), "".join(f"%{ord(c):02x}" for c in bare))
            answer = await ask(fortress, "GET", target)
            assert answer.status in (400, 401, 404, 405), target
            check(answer, target)
            assert "location" not in answer.headers


@pytest.mark.parametrize(
    "method",
    ["TRACE", "CONNECT", "PROPFIND", "get", "GETX", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"],
)
async def test_other_methods_open_nothing(fortress: Fortress, method: str) -> None:
    for path in PROTECTED:
        answer = await ask(fortress, method, path)
        assert answer.status in (401, 404, 405)


ORIGINS = [
    "null", "", "*", " ", "https://", "https:", "//shop.example", "shop.example", "http://shop.example",
    "HTTPS://shop.example", "https://SHOP.example", "https://shop.example:443", "https://shop.example:8443",
    "https://shop.example:0", "https://shop.example:", "https://shop.example/", "https://shop.example//",
    "https://shop.example/x", "https://shop.example?x", "https://shop.example#x", "https://shop.example.",
    "https://shop.example.evil.example", "https://shop.exampleevil.example", "https://evilshop.example",
    "https://evil-shop.example", "https://evil.example", "https://sub.shop.example", "https://.shop.example",
    "https://shop..example", "https://shop.example@evil.example", "https://evil.example@shop.example",
    "https://user@shop.example", "https://user:password@shop.example", "https://shop.example%00.evil.example",
    "https://shop.example\x00", "https://shop.example\t", " https://shop.example.evil.example",
    "https://shop.example https://evil.example", "https://shop.example,https://evil.example",
    "https://evil.example/shop.example", "https://evil.example?https://shop.example",
    "https://evil.example#https://shop.example", "https://shop_example", "https://shop-example",
    "https://shopxexample", "https://shop.example`.evil.example", "https://shop.example!.evil.example",
    "https://shop.example{.evil.example", "https://shop.example'.evil.example", "https://shоp.example",
    "https://xn--shp-0dd.example", "https://shop。example", "https://shop.examp1e", "https://[::1]",
    "https://127.0.0.1", "http://localhost", "http://localhost:3000", "file://", "data:text/html,x",
    "javascript:alert(1)", "blob:https://shop.example/1", "chrome-extension://shop.example", "about:blank",
    "ftp://shop.example", "ws://shop.example", "wss://shop.example", "https:\\\\shop.example",
    "https:/shop.example", "https:///shop.example",
]  # fmt: skip


async def test_sixty_origins_are_others(fortress: Fortress) -> None:
    """Check 50: compared as a whole, letter by letter; the listed page may, and no other sees an answer."""
    assert len(ORIGINS) >= 60
    body = as_json({"channel_key": fortress.cafe.channel_key})
    for origin in ORIGINS:
        header = {"origin": origin.encode().decode("latin-1")}
        preflight = await ask(
            fortress,
            "OPTIONS",
            "/web/v1/sessions",
            headers=header | {"access-control-request-method": "POST"},
        )
        opened = await ask(fortress, "POST", "/web/v1/sessions", headers=header, body=body)
        for answer in (preflight, opened):
            assert not [
                name for name in answer.headers if name.startswith("access-control")
            ], origin
        assert opened.status == (400 if "\0" in origin else 403), origin
        api = await ask(fortress, "GET", "/v1/clients/me", headers=fortress.cafe.staff | header)
        assert not [name for name in api.headers if name.startswith("access-control")]
    header = {"origin": LISTED}
    opened = await ask(fortress, "POST", "/web/v1/sessions", headers=header, body=body)
    assert (opened.status, opened.headers["access-control-allow-origin"]) == (200, LISTED)
    assert "access-control-allow-credentials" not in opened.headers


async def test_problems_are_told_in_the_callers_language(fortress: Fortress) -> None:
    for path, method, body in (
        ("/v1/nothing", "GET", b""),
        ("/v1/auth/login", "POST", b"{"),
        ("/v1/audit", "GET", b""),
    ):
        said: dict[str, Mapping[str, Any]] = {}
        for language in ("ar", "en"):
            answer = await ask(
                fortress, method, path, headers={"accept-language": language}, body=body
            )
            check(answer, path)
            said[language] = answer.json()
            assert answer.headers["content-language"] == language
        assert said["ar"]["code"] == said["en"]["code"]
        assert said["ar"]["title"] != said["en"]["title"]

"""What happens around every request."""

import gzip
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import structlog
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import StreamingResponse

from app.core.observability import Part, configure_logging
from app.core.security import Role
from tests.unit.api_frame import CLIENT, LISTED, app_for, call, stage

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged() -> Iterator[Lines]:
    stream = io.StringIO()
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    configure_logging(stream=stream, strict=True)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123456789abcdef", True),
        ("trace.id-1_x", True),
        ("short", False),
        ("x" * 65, False),
        ("has spaces in it", False),
        ("<script>alert(1)</script>", False),
        ("line\nbreak-12345", False),
        ("", False),
    ],
)
async def test_a_sane_request_id_is_kept_and_another_replaced(given: str, kept: bool) -> None:
    answer = await call(app_for(stage()), "GET", "/health/live", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert len(answer.headers["x-request-id"]) >= 8


async def test_the_log_tells_route_and_client_but_no_path_query_or_header(logged: Lines) -> None:
    services = stage()
    headers = services.token() | {"x-request-id": "request-0001", "cookie": "canary"}
    path = "/v1/things/missing/01890000-0000-7000-8000-0000000000ff?secret=canary"
    await call(app_for(services), "GET", path, headers=headers)
    (line,) = [line for line in logged() if line["event"] == "request_answered"]
    assert (line["method"], line["route"], line["status"]) == (
        "GET",
        "/v1/things/missing/{id}",
        404,
    )
    assert (line["client_id"], line["request_id"]) == (str(CLIENT), "request-0001")
    assert "canary" not in json.dumps(logged())
    assert "0000000000ff" not in json.dumps(logged())


async def test_a_crash_is_logged_by_place_and_never_reaches_the_server(logged: Lines) -> None:
    answer = await call(app_for(stage()), "GET", "/v1/things/crash")
    assert answer.status == 500
    (line,) = [line for line in logged() if line["event"] == "request_failed"]
    assert line["exception"][0]["type"] == "RuntimeError"
    assert line["request_id"] == answer.json()["request_id"]
    assert "canary" not in json.dumps(logged())


async def test_errors_are_counted_by_client_and_code() -> None:
    services = stage()
    app = app_for(services)
    await call(
        app,
        "GET",
        "/v1/things/missing/01890000-0000-7000-8000-0000000000ff",
        headers=services.token(),
    )
    await call(app, "GET", "/nothing")
    text = services.metrics.render().decode()
    assert f'wafaa_errors_total{{client="{CLIENT}",code="not_found"}} 1.0' in text
    assert 'wafaa_errors_total{client="none",code="not_found"} 1.0' in text


@pytest.mark.parametrize(
    "path", ["/health/live", "/nothing", "/v1/things/crash", "/v1/auth/me", "/openapi.json"]
)
async def test_every_answer_has_safe_headers(path: str) -> None:
    """Check 49."""
    for url, https in [
        ("https://wafaa.example", True),
        ("http://127.0.0.1:8000", False),
        (None, False),
    ]:
        headers = (await call(app_for(stage(url)), "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; frame-ancestors 'none'"
        )
        assert headers["cache-control"] == "no-store"
        assert ("strict-transport-security" in headers) is https
        assert "server" not in headers


async def test_long_answers_are_compressed_and_streams_are_not() -> None:
    app = app_for(stage())

    async def events() -> AsyncIterator[bytes]:
        yield b"data: " + b"x" * 5000 + b"\n\n"

    async def native() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(data="x" * 5000)

    app.add_api_route(
        "/events", lambda: StreamingResponse(events(), media_type="text/event-stream")
    )
    app.add_api_route("/native", native, response_class=EventSourceResponse)
    wanted = {"accept-encoding": "gzip"}
    big = await call(app, "GET", "/v1/things/big", headers=wanted)
    assert big.headers["content-encoding"] == "gzip"
    assert len(gzip.decompress(big.body)) > 5000
    for path in ("/events", "/native"):
        stream = await call(app, "GET", path, headers=wanted)
        assert "content-encoding" not in stream.headers
        assert stream.headers["content-type"].startswith("text/event-stream")


async def test_a_stream_that_breaks_is_not_ended_as_if_it_were_whole(logged: Lines) -> None:
    app = app_for(stage())

    async def events() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise RuntimeError("canary")

    app.add_api_route(
        "/events", lambda: StreamingResponse(events(), media_type="text/event-stream")
    )
    answer = await call(app, "GET", "/events")
    assert not answer.ended
    assert answer.body == b"data: 1\n\n"
    assert any(line["event"] == "request_failed" for line in logged())
    assert "canary" not in json.dumps(logged())


async def test_no_redirect_is_built_from_the_host_header() -> None:
    for path in ("/v1/things/", "/health/live/", "//evil.example", "/v1//things"):
        answer = await call(app_for(stage()), "GET", path, headers={"host": "evil.example"})
        assert answer.status in (404, 405)
        assert "location" not in answer.headers


OTHERS = [
    "null", "", "*", "https://shop.example.evil.example", "https://evil-shop.example",
    "https://evil.example/shop.example", "http://shop.example", "https://shop.example:8443", "https://SHOP.example",
    "https://shop.example/", "https://shop.example.", "https://user@shop.example", "https://shop.example#",
    "https://shop.example?x", "https://sub.shop.example", "shop.example", "//shop.example", "https:shop.example",
    "https://shop.example https://evil.example", "https://shop.example,https://evil.example", "file://",
    "data:text/html,x", "javascript:alert(1)", "chrome-extension://abc",
    "https://shоp.example", "https://xn--shp-fmc.example", "https://shop.example:443", "https://shop.example:0",
    "https://[::1]", "https://127.0.0.1", "http://localhost", "https://shop_example", "https://.shop.example",
    "https://shop..example", "https://",
    "https://shop.example\\@evil.example", "https://shop.example%2eevil.example", "https://shop.example%00",
    "https://shop.example\u3002evil.example", "HTTPS://shop.example", "https://shop.example:443443",
    "https://shop.example:", "https://shop.example:0443", "https://shop.example:-1", "https://shop.example:443 ",
    " https://shop.example", "\thttps://shop.example", "https://shop.example;x", "https://shop.example,", "https:///shop.example",
    "https://https://shop.example", "https://evil.example?https://shop.example", "https://evil.example#https://shop.example",
    "https://shop-example", "https://shopxexample", "https://shop.exampl", "https://shop.example.co", "ttps://shop.example",
    "wss://shop.example", "ftp://shop.example", "blob:https://shop.example", "view-source:https://shop.example",
    "https://*.example", "https://*", "https://[shop.example]", "https://\u0455hop.example", "about:blank", "undefined",
]  # fmt: skip


SHOP = app_for(stage())


def test_sixty_origins_and_more_are_tried() -> None:
    """Check 50: each is another origin, and none is the listed one."""
    assert len(set(OTHERS)) >= 60
    assert LISTED not in OTHERS


@pytest.mark.parametrize("origin", OTHERS)
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
async def test_another_origin_gets_no_cors_header(origin: str, method: str) -> None:
    """Check 50."""
    origin = origin.encode().decode("latin-1")
    headers = {"origin": origin, "access-control-request-method": "GET"}
    answer = await call(SHOP, method, "/web/v1/try", headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "Origin" in answer.headers["vary"]


async def test_a_listed_origin_may_use_the_web_channel_and_nothing_else() -> None:
    services = stage()
    app = app_for(services)
    asked = {"origin": LISTED, "access-control-request-method": "POST"}
    preflight = await call(app, "OPTIONS", "/web/v1/try", headers=asked)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == LISTED
    assert "last-event-id" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    real = await call(
        app, "GET", "/web/v1/try", headers={"origin": LISTED} | services.token(Role.VISITOR)
    )
    assert (real.status, real.headers["access-control-allow-origin"]) == (200, LISTED)
    refused = await call(app, "GET", "/web/v1/try", headers={"origin": LISTED})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, LISTED)
    for path in ("/v1/things/owners", "/v1/auth/me", "/health/live", "/web/v10/try"):
        other = await call(app, "GET", path, headers={"origin": LISTED})
        assert "access-control-allow-origin" not in other.headers, path


async def test_two_origins_are_none() -> None:
    pairs = [("origin", LISTED), ("origin", LISTED)]
    answer = await call(SHOP, "GET", "/web/v1/try", headers=pairs)
    assert "access-control-allow-origin" not in answer.headers


async def _well() -> str:
    return "18.6"


async def _ill() -> str:
    raise RuntimeError("canary")


@pytest.mark.parametrize(("needed", "status"), [(True, 503), (False, 200)])
async def test_readiness_has_a_line_for_each_part(needed: bool, status: int) -> None:
    services = stage()
    services.parts = [Part("database", _well), Part("cache", _ill, needed=needed)]
    answer = await call(app_for(services), "GET", "/health/ready")
    assert answer.status == status
    assert answer.json()["ok"] is (status == 200)
    for part in answer.json()["parts"]:
        assert part.pop("ms") >= 0
    assert answer.json()["parts"][0]["name"] == "database"
    assert [(p["name"], p["ok"], p["detail"]) for p in answer.json()["parts"]] == [
        ("database", True, "18.6"),
        ("cache", False, "RuntimeError"),
    ]
    assert b"canary" not in answer.body


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("203.0.113.7", {}, 401),
        ("not an address", {}, 401),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 401),
        ("127.0.0.1", {"forwarded": "for=203.0.113.7"}, 401),
        ("127.0.0.1", {"via": "1.1 proxy"}, 401),
        ("203.0.113.7", {"x-forwarded-for": "127.0.0.1"}, 401),
        ("203.0.113.7", {"authorization": "Bearer a metrics token"}, 200),
        ("203.0.113.7", {"authorization": "Bearer wrong"}, 401),
        ("203.0.113.7", {"authorization": "Bearer "}, 401),
    ],
)
async def test_figures_are_for_this_machine_or_the_token(
    peer: str, headers: dict[str, str], status: int
) -> None:
    app = app_for(stage(metrics_token="a metrics token"))
    answer = await call(app, "GET", "/metrics", headers=headers, peer=peer)
    assert answer.status == status
    assert (b"wafaa_lane_backlog" in answer.body) is (status == 200)


async def test_services_open_with_the_application_and_close_with_it() -> None:
    services = stage()
    app = app_for(services)
    async with app.router.lifespan_context(app):
        assert services.opened == ["open serving"]
    assert services.opened == ["open serving", "close"]

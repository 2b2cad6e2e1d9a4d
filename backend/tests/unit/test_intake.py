"""A webhook's short way in front of the framework answers as the framework does."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from fastapi import FastAPI

from app.api import errors
from app.api.intake import Intake
from app.api.v1.endpoints import webhooks
from app.bootstrap import Services
from app.core.errors import InvalidInput, InvalidSignature, NotFound, RateLimited, Unavailable
from app.services.channels.base import WebhookRequest
from app.utils.places import Places
from tests.unit.api_frame import Answer, Stage, app_for, call, stage

MOST = webhooks.MOST_BYTES
FAILURES: dict[str, Exception] = {
    "unknown": NotFound("There is no client of this name."),
    "forged": InvalidSignature(),
    "busy": RateLimited(retry_after=7.5),
    "down": Unavailable(),
    "odd": InvalidInput("That is no challenge.", pointer="/hub.challenge"),
    "crash": RuntimeError("canary"),
}


@dataclass
class Doorman:
    """Lets calls in, when it may, or fails as the client's slug says; notes what it was handed."""

    admitted: list[tuple[str, str, WebhookRequest]] = field(default_factory=list)
    leave: asyncio.Event | None = None
    known: tuple[str, ...] = ()

    def knows(self, kind: str, slug: str) -> bool:
        return slug in self.known

    async def admit(self, kind: str, slug: str, request: WebhookRequest) -> None:
        self.admitted.append((kind, slug, request))
        if self.leave:
            await self.leave.wait()
        if slug in FAILURES:
            raise FAILURES[slug]


@dataclass
class Refusals:
    """Who is told that something was refused here."""

    troubles: list[str] = field(default_factory=list)

    def refused(self, trouble: str) -> None:
        self.troubles.append(trouble)


@dataclass
class Front(Stage):
    """The stage with an ingress."""

    ingress: Doorman = field(default_factory=Doorman)
    followers: Refusals = field(default_factory=Refusals)


def front(public_url: str | None = None) -> tuple[FastAPI, Front]:
    services = Front(stage(public_url).settings)
    return app_for(services), services


async def both(
    path: str, body: bytes | Sequence[bytes] = b"{}", headers: Mapping[str, str] | None = None
) -> tuple[Answer, Answer, Front, Front]:
    """The same call by the short way, and by the framework's."""
    app, short = front("https://wafaa.example")
    given = {"x-request-id": "request-0001", **(headers or {})}
    one = await call(app, "POST", path, headers=given, body=body)
    slow_app, long = front("https://wafaa.example")
    stack = slow_app.build_middleware_stack()
    assert isinstance(stack, Intake)
    scope_app: Any = stack._app
    slow_app.middleware_stack = scope_app
    other = await call(slow_app, "POST", path, headers=given, body=body)
    return one, other, short, long


@pytest.mark.parametrize("slug", ["bakery", *FAILURES])
@pytest.mark.parametrize("language", ["en", "ar"])
async def test_both_ways_answer_alike(slug: str, language: str) -> None:
    headers = {"accept-language": language, "x-hub-signature-256": "sha256=0"}
    path = f"/webhook/whatsapp/{slug}"
    one, other, short, long = await both(path, b'{"a": 1}', headers)
    assert (one.status, one.body) == (other.status, other.body)
    assert dict(one.headers) == dict(other.headers)
    assert short.ingress.admitted == long.ingress.admitted
    assert b"canary" not in one.body
    assert short.metrics.render().count(b"wafaa_errors_total{") == (slug != "bakery")
    assert short.followers.troubles == (["crash"] if slug == "crash" else [])


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/webhook/whatsapp/a\0b", b"", {}, 400),
        ("/webhook/whatsapp/bakery", b"", {"x-odd": "a\0b"}, 400),
        ("/webhook/whatsapp/" + "x" * 9000, b"", {}, 414),
        ("/webhook/whatsapp/bakery", b"", {"x-large": "x" * 40_000}, 431),
        ("/webhook/whatsapp/bakery", b"", {"content-length": str(MOST + 1)}, 413),
        ("/webhook/whatsapp/bakery", [b"x" * MOST, b"x"], {}, 413),
        ("/webhook/whatsapp/bakery", [b"x" * MOST, b""], {}, 200),
        ("/webhook/whatsapp/bakery", [b"x", b"y", b"z"], {}, 200),
    ],
)
async def test_both_ways_have_the_same_bounds(
    path: str, body: bytes | Sequence[bytes], headers: dict[str, str], status: int
) -> None:
    one, other, short, long = await both(path, body, headers)
    assert one.status == other.status == status
    assert one.headers["x-request-id"] == other.headers["x-request-id"] == "request-0001"
    assert [r.body for *_, r in short.ingress.admitted] == [
        r.body for *_, r in long.ingress.admitted
    ]


@pytest.mark.parametrize(
    "path", ["/webhook/whatsapp", "/webhook//bakery", "/webhook/whatsapp/", "/webhook/a/b/c", "/Webhook/a/b"]
)  # fmt: skip
async def test_other_paths_are_left_to_the_framework(path: str) -> None:
    one, other, short, _ = await both(path)
    assert one.status == other.status
    assert not short.ingress.admitted


async def test_both_ways_count_against_the_same_limits() -> None:
    """A forger can't use the handshake's allowance beside the calls': the address has one."""
    services = Front(
        stage().settings.model_copy(update={"limits": "refused=2/60"}), ingress=Doorman()
    )
    app = app_for(services)
    forged = "/webhook/whatsapp/forged"
    answers = [(await call(app, "POST", forged)).status for _ in range(3)]
    assert answers == [403, 403, 429]
    assert (await call(app, "GET", forged)).status == 429
    assert (await call(app, "POST", forged, peer="198.51.100.9")).status == 403
    services.ingress.known = ("bakery", "forged")  # Their calls cost a check, and no look-up.
    assert (await call(app, "POST", forged)).status == 403
    assert (await call(app, "POST", "/webhook/whatsapp/bakery")).status == 200
    assert (await call(app, "POST", "/webhook/whatsapp/florist")).status == 429


async def test_what_is_served_in_front_of_the_framework_stands_in_its_document() -> None:
    app, services = front()
    document = app.openapi()["paths"][webhooks.PATH]["post"]
    assert {p["name"] for p in document["parameters"]} == {"channel", "client_slug"}
    assert {"200", "4XX", "5XX"} <= set(document["responses"])
    assert isinstance(app.build_middleware_stack(), Intake)
    assert cast(Services, services) is app.state.services


async def test_a_caller_who_leaves_early_is_not_taken_for_a_whole_call() -> None:
    app, services = front()
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/webhook/whatsapp/bakery", "raw_path": b"", "query_string": b"",
        "headers": [], "client": ("203.0.113.7", 1), "scheme": "http", "http_version": "1.1", "server": None,
    }  # fmt: skip
    await app(scope, receive, send)
    assert not services.ingress.admitted
    assert told[0]["status"] == 500


async def test_more_calls_than_there_are_places_for_are_asked_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.api.intake.MOST_AT_ONCE", 2)
    monkeypatch.setattr("app.api.intake.LONGEST_WAIT", 0.05)
    app, services = front("https://wafaa.example")
    services.ingress.leave = leave = asyncio.Event()
    taken = [asyncio.create_task(call(app, "POST", "/webhook/whatsapp/bakery")) for _ in range(2)]
    await asyncio.sleep(0)
    refused = await call(app, "POST", "/webhook/whatsapp/bakery", headers={"accept-language": "ar"})
    assert (refused.status, refused.json()["code"]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert b'code="overloaded"' in services.metrics.render()
    assert services.followers.troubles == ["crowd"]
    leave.set()
    assert [answer.status for answer in await asyncio.gather(*taken)] == [200, 200]
    assert (await call(app, "POST", "/webhook/whatsapp/bakery")).status == 200


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_who_finds_no_place_is_told_in_their_language_when_to_come_again(
    language: str,
) -> None:
    app, services = front()
    door = app.build_middleware_stack()
    assert isinstance(door, Intake)
    door.places = Places(0, seconds=0.0)
    app.middleware_stack = door
    headers = {"accept-language": language, "x-request-id": "request-0001"}
    told = await call(app, "POST", "/webhook/whatsapp/bakery", headers=headers)
    plain = errors.for_status(
        {
            "headers": [(b"accept-language", language.encode())],
            "state": {"request_id": "request-0001"},
        },
        503,
    )
    assert (told.status, told.body) == (503, plain.body)
    assert dict(told.headers).items() >= dict(plain.headers).items()
    assert told.headers["x-request-id"] == "request-0001"
    assert not services.ingress.admitted

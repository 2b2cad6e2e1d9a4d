"""Who may call what: every route is closed, but for those on the list."""

import asyncio
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.api import deps
from app.api.deps import Needs
from app.core.security import RIGHTS, Audience, Principal, Role, Scope
from tests.unit.api_frame import CLIENT, Answer, app_for, as_json, call, stage

PUBLIC = Path(__file__).parent.parent / "public_routes.txt"
ID = "01890000-0000-7000-8000-0000000000ff"


def _public() -> set[str]:
    lines = PUBLIC.read_text("utf-8").splitlines()
    return {line.partition("#")[0].strip() for line in lines} - {""}


def _routes(app: FastAPI) -> list[tuple[str, str]]:
    found = [
        (method, route.path or "", route.methods)
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
    ]
    return sorted({(method, path) for method, path, _ in found if method != "HEAD"})


APP = app_for(stage())
ROUTES = _routes(APP)


def test_the_walk_sees_the_routes() -> None:
    assert ("POST", "/v1/auth/login") in ROUTES
    assert ("GET", "/v1/things/owners") in ROUTES


def test_the_list_names_nothing_that_is_gone() -> None:
    assert _public() <= {f"{method} {path}" for method, path in ROUTES}


TRIALS = [f"{method} {path}" for method, path in ROUTES if not path.startswith("/v1/things")]


@pytest.mark.parametrize("route", [r for r in TRIALS if r not in _public()])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic b3duZXI6b3duZXI="},
        {"cookie": "access_token=x"},
    ],
)
async def test_a_route_that_is_not_on_the_list_is_closed(
    route: str, headers: dict[str, str]
) -> None:
    """Check 32."""
    method, _, path = route.partition(" ")
    answer = await call(APP, method, re.sub(r"\{[^}]+\}", ID, path), headers=headers)
    assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")


def _asked(dependant: Dependant) -> Iterator[Needs]:
    for part in dependant.dependencies:
        if isinstance(part.call, Needs):
            yield part.call
        yield from _asked(part)


def _calls(dependant: Dependant) -> Iterator[object]:
    for part in dependant.dependencies:
        yield part.call
        yield from _calls(part)


def test_nothing_that_a_route_asks_for_takes_a_thread() -> None:
    """A plain function would be called in one, at twice the cost of all that it does, several times a request."""
    routes = [
        one for one in iter_route_contexts(APP.routes) if isinstance(one.original_route, APIRoute)
    ]
    for route in routes:
        dependant = route.original_route.dependant
        for part in (dependant.call, *_calls(dependant)):
            asked = part if inspect.isroutine(part) else type(part).__call__
            is_async = inspect.iscoroutinefunction(asked) or inspect.isasyncgenfunction(asked)
            assert is_async, f"{route.path}: {part}"


APART = {
    "GET /v1/auth/me": "Tells a caller only what its own credential says.",
    "GET /metrics": "Asks for a token of its own, or to be called from this machine.",
}
"""Routes that are closed in a way of their own, each with its reason."""


def test_every_route_says_which_role_and_which_right_it_asks_for() -> None:
    """A route that states neither is open to every API key: it belongs on the public list, or is a visitor's."""
    for context in iter_route_contexts(APP.routes):
        route = context.original_route
        for method in route.methods or ():
            title = f"{method} {context.path}"
            if title in _public() | set(APART) or method == "HEAD" or "/v1/things" in title:
                continue
            assert isinstance(route, APIRoute), title
            asked = list(_asked(route.dependant))
            assert bool(asked) != (deps.visitor in _calls(route.dependant)), title
            for needs in asked:
                assert needs.roles, title
                assert needs.scope is None or any(
                    needs.scope in RIGHTS[r] for r in needs.roles
                ), title


@pytest.mark.parametrize("scope", [*Scope, None])
@pytest.mark.parametrize("role", Role)
def test_a_narrowed_credential_has_what_it_was_given_and_never_more_than_its_role(
    role: Role, scope: Scope | None
) -> None:
    """Check 31: scoped to no more than whom it acts for."""
    whole = Principal("x", CLIENT, role)
    narrowed = replace(whole, scopes=frozenset({str(scope)}), application="key")
    assert narrowed.may(scope) == (scope is not None and scope in RIGHTS[role])
    assert not any(narrowed.may(other) for other in Scope if other != scope)
    assert not replace(narrowed, scopes=frozenset()).may(scope)
    person = role not in (Role.SERVICE, Role.VISITOR)
    if scope is not None:
        assert whole.may(scope) == (person and scope in RIGHTS[role])


async def test_a_right_that_was_not_given_is_refused() -> None:
    services = stage()
    app = app_for(services)
    for scopes, status in ((frozenset({"admin"}), 200), (frozenset({"knowledge:read"}), 403)):
        token = services.tokens.issue(Principal("s-1", CLIENT, Role.OWNER, scopes))
        headers = {"authorization": f"Bearer {token}"}
        assert (await call(app, "GET", "/v1/things/owners", headers=headers)).status == status


TRICKS = [
    "{}/",
    "/{}",
    "//{}",
    "/.{}",
    "/./{}",
    "/x/..{}",
    "/health/live/../..{}",
    "/docs/..{}",
    "/widget/..{}",
    "{}%00",
    "{}%2f",
    "{}%20",
    "{}%0a",
    "{}%09",
    "{};x",
    "{};.css",
    "{}.json",
    "{}.js",
    "{}/.",
    "{}/..",
    "{}/x/..",
    "{}%3f",
    "{}%23",
    "{}/%2e%2e/me",
    "{}//",
    "{}\\",
    "{}%5c",
    "{}~",
    "{}*",
    "{}%ff",
    "{}%c0%af",
    "/%2e/{}",
    "/%2e%2e/{}",
    "/..%2f{}",
    "/..;{}",
    "/health/live;{}",
    "/w.js/..{}",
    "/w.js%2f..{}",
    "/openapi.json/..{}",
    "/c/x/../..{}",
    "/v1/..{}",
    "/V1/..{}",
    "http://wafaa.test{}",
    "/http://wafaa.test{}",
    "/@{}",
    "/%252e%252e{}",
    "/webhook/web/x/../../..{}",
    "{}/../../health/live",
    "{}?/health/live",
    "{}#/health/live",
    "{}&x",
    "{}%u002e",
]
"""Spellings of a closed path; the path itself stands in each."""
HOSTS = [
    "wafaa.test",
    "localhost",
    "127.0.0.1",
    "wafaa.test/health/live?",
    "[::1",
    "a@b",
    "",
    "wafaa.test:0",
    "evil.example",
    "wafaa.test#",
    "wafaa.test/../health/live",
    "wafaa.test, evil.example",
    "wafaa.test\\health\\live",
    "x" * 300,
]
_PEERS = (f"10.{n >> 8 & 255}.{n & 255}.1" for n in itertools.count())
"""Each comes from somewhere else: how often somebody may come isn't what is tried here."""
CLOSED = ["/v1/auth/me", "/v1/keys"]


def test_the_table_has_fifty_tricks() -> None:
    assert len(set(TRICKS)) >= 50
    assert all(trick.format("/v1/x") != "/v1/x" for trick in TRICKS)


@pytest.mark.parametrize("trick", TRICKS)
async def test_no_spelling_of_a_path_or_host_opens_a_closed_route(trick: str) -> None:
    """Check 30: decisions look at the path that is routed by, never at what Host or a prefix makes of it."""
    for closed in (*CLOSED, "/V1/AUTH/ME", "/v1/auth/%6de"):
        for host in HOSTS:
            path = trick.format(closed)
            answer = await call(APP, "GET", path, headers={"host": host}, peer=next(_PEERS))
            assert answer.status in (400, 401, 404, 405), (path, host)


FORWARDED = (
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-http-method-override",
    "x-method-override",
    "forwarded",
    "x-custom-ip-authorization",
    "x-real-ip",
    "x-forwarded-for",
    "x-host",
)


@pytest.mark.parametrize("header", FORWARDED)
@pytest.mark.parametrize(
    "value", ["/health/live", "127.0.0.1", "localhost", "GET", "host=localhost"]
)
async def test_no_header_opens_a_closed_route(header: str, value: str) -> None:
    """Check 30."""
    for closed in CLOSED:
        answer = await call(APP, "GET", closed, headers={header: value}, peer=next(_PEERS))
        assert answer.status == 401, closed


async def test_roles_are_let_in_as_the_route_says() -> None:
    """Check 7."""
    services = stage()
    app = app_for(services)
    for role in Role:
        answer = await call(app, "GET", "/v1/things/owners", headers=services.token(role))
        wanted = 200 if role is Role.OWNER else 401 if role is Role.VISITOR else 403
        assert answer.status == wanted, role


async def test_two_credentials_are_none() -> None:
    services = stage()
    token = services.token()["authorization"]
    pairs = [("authorization", token), ("authorization", token)]
    assert (await call(app_for(services), "GET", "/v1/auth/me", headers=pairs)).status == 401


async def test_me_tells_whom_the_token_speaks_of() -> None:
    services = stage()
    answer = await call(app_for(services), "GET", "/v1/auth/me", headers=services.token(Role.AGENT))
    assert answer.json() == {
        "subject": "s-1",
        "client_id": str(CLIENT),
        "role": "agent",
        "scopes": sorted(RIGHTS[Role.AGENT]),
    }


async def test_the_transaction_is_the_principals_whatever_the_request_says() -> None:
    services = stage()
    path = f"/v1/things/missing/{ID}?client_id={uuid4()}"
    await call(
        app_for(services), "GET", path, headers=services.token() | {"x-client-id": str(uuid4())}
    )
    assert services.db.began == [CLIENT]


async def test_a_staff_token_is_no_visitors_and_the_other_way_round() -> None:
    services = stage()
    app = app_for(services)
    assert (
        await call(app, "GET", "/web/v1/try", headers=services.token(Role.VISITOR))
    ).status == 200
    assert (await call(app, "GET", "/web/v1/try", headers=services.token(Role.OWNER))).status == 401
    assert (
        await call(app, "GET", "/v1/auth/me", headers=services.token(Role.VISITOR))
    ).status == 401
    assert Principal("x", CLIENT, Role.VISITOR).audience is Audience.WEB


LOGIN = "/v1/auth/login"


async def _login(app: FastAPI, email: str, password: str) -> Answer:
    headers = {"content-type": "application/json"}
    return await call(
        app, "POST", LOGIN, headers=headers, **as_json({"email": email, "password": password})
    )


async def test_an_unknown_account_is_told_nothing_more() -> None:
    answer = await _login(app_for(stage()), "nobody@cafe.example", "guess")
    assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")


async def test_guessing_ends_after_five_attempts_even_at_once() -> None:
    """Check 29."""
    app, email = app_for(stage()), "nobody@cafe.example"
    answers = await asyncio.gather(*(_login(app, email, f"guess {n}") for n in range(12)))
    assert sorted(a.status for a in answers) == [401] * 5 + [429] * 7
    late = await _login(app, email.upper(), "كلمة سرّ")
    assert late.status == 429
    assert 1 <= int(late.headers["retry-after"]) <= 900


@pytest.mark.parametrize(
    "body",
    [
        {"email": "owner", "password": "x"},
        {"email": "a b@c d.e", "password": "x"},
        {"email": "a@b@c.example", "password": "x"},
        {"email": "owner@cafe.example", "password": ""},
        {"email": "owner@cafe.example", "password": "canary" * 100},
        {"email": "owner@cafe.example", "password": "x", "client_id": ID},
        {"email": "owner@cafe.example", "password": "x", "role": "platform"},
        {"email": "owner\u0000@cafe.example", "password": "x"},
        {"email": ["owner@cafe.example"], "password": "x"},
        {"email": "owner@cafe.example"},
        [],
    ],
)
async def test_a_login_that_is_none_is_refused_without_repeating_it(body: object) -> None:
    headers = {"content-type": "application/json"}
    answer = await call(app_for(stage()), "POST", LOGIN, headers=headers, **as_json(body))
    assert (answer.status, answer.json()["code"]) == (422, "invalid_input")
    assert b"canary" not in answer.body

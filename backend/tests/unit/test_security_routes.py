"""Who may call what: every route is closed, but for those on the list."""

import asyncio
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.core.security import Audience, Principal, Role, hash_password
from tests.unit.api_frame import CLIENT, Answer, Stage, app_for, as_json, call, stage

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


TRICKS = [
    "/v1/auth/me/", "//v1/auth/me", "/V1/AUTH/ME", "/v1/auth/%6de", "/v1/auth/me%2f", "/v1/auth/./me", "/v1/auth/me;x",
    "/x/../v1/auth/me", "/health/live/../../v1/auth/me", "/v1/auth/me%00",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize(
    "host", ["wafaa.test", "localhost", "127.0.0.1", "wafaa.test/health/live?", "[::1", "a@b", ""]
)
async def test_no_spelling_of_a_path_or_host_opens_a_closed_route(trick: str, host: str) -> None:
    """Check 30."""
    answer = await call(APP, "GET", trick, headers={"host": host})
    assert answer.status in (400, 401, 404)


async def test_roles_are_let_in_as_the_route_says() -> None:
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
        "scopes": [],
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


@pytest.fixture
def owner() -> Stage:
    """Services that know one owner."""
    services = stage()
    services.db.staff["owner@cafe.example"] = {
        "client_id": CLIENT,
        "staff_id": UUID(ID),
        "role": "owner",
        "password_hash": hash_password("كلمة سرّ"),
        "name": "سارة",
    }
    return services


@pytest.mark.parametrize("email", ["owner@cafe.example", " Owner@Cafe.Example "])
async def test_staff_sign_in_and_the_token_opens_what_is_theirs(owner: Stage, email: str) -> None:
    app = app_for(owner)
    given = await _login(app, email, "كلمة سرّ")
    assert (given.status, given.json()["token_type"], given.json()["expires_in"]) == (
        200,
        "Bearer",
        900,
    )
    assert given.headers["cache-control"] == "no-store"
    headers = {"authorization": f"Bearer {given.json()['access_token']}"}
    mine = (await call(app, "GET", "/v1/auth/me", headers=headers)).json()
    assert (mine["subject"], mine["client_id"], mine["role"]) == (ID, str(CLIENT), "owner")


async def test_an_unknown_account_and_a_wrong_password_look_alike(owner: Stage) -> None:
    app = app_for(owner)
    wrong = await _login(app, "owner@cafe.example", "guess")
    unknown = await _login(app, "nobody@cafe.example", "guess")
    differing = ("request_id", "instance")
    told = [{k: v for k, v in a.json().items() if k not in differing} for a in (wrong, unknown)]
    assert told[0] == told[1]
    assert (wrong.status, told[0]["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("email", ["owner@cafe.example", "nobody@cafe.example"])
async def test_guessing_ends_after_five_attempts_even_at_once(owner: Stage, email: str) -> None:
    """Check 29."""
    app = app_for(owner)
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
async def test_a_login_that_is_none_is_refused_without_repeating_it(
    owner: Stage, body: object
) -> None:
    headers = {"content-type": "application/json"}
    answer = await call(app_for(owner), "POST", LOGIN, headers=headers, **as_json(body))
    assert (answer.status, answer.json()["code"]) == (422, "invalid_input")
    assert b"canary" not in answer.body

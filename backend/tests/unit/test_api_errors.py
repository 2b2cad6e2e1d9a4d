"""Every error is a problem (RFC 9457): in the caller's language, without our insides and without their input."""

import json
import re
from collections.abc import Iterator
from typing import cast

import pytest

from app.api.app import create_app
from app.api.catalogue import FIELD_ERRORS, PROBLEMS
from app.api.language import language_of
from app.bootstrap import Services
from app.core.errors import WafaaError
from tests.unit.api_frame import app_for, as_json, call, stage

ARABIC = {"accept-language": "ar-SA,ar;q=0.9,en;q=0.5"}


def _tree(kind: type[WafaaError] = WafaaError) -> Iterator[type[WafaaError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


KINDS = list(dict.fromkeys(kind for kind in _tree() if kind.__module__ == "app.core.errors"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_words_in_both_languages(kind: type[WafaaError]) -> None:
    entry = PROBLEMS[kind.code]
    for said in (entry.title, entry.detail):
        assert re.search("[a-z]", said.en)
        assert re.search("[\u0621-\u064a]", said.ar)
    if kind.status != 500:
        assert entry.detail.en == kind().message
    assert kind.retryable == (kind.status in (429, 503)), "what the problem says of trying again"


@pytest.mark.parametrize("said", FIELD_ERRORS.values())
def test_field_errors_too(said: object) -> None:
    en, ar = said.en, said.ar  # type: ignore[attr-defined] # A Said.
    assert re.findall(r"\{\w+\}", en) == re.findall(r"\{\w+\}", ar)
    assert re.search("[\u0621-\u064a]", ar)


SERVICES = stage()
APP = app_for(SERVICES)
ID = "01890000-0000-7000-8000-0000000000ff"
SENT_NAME = "canary-input-is-too-long"

CASES = [
    # method, path, headers, body, status, code
    ("GET", "/nothing/here", {}, b"", 404, "not_found"),
    ("GET", "/", {}, b"", 404, "not_found"),
    ("DELETE", "/v1/things", {}, b"", 405, "method_not_allowed"),
    ("GET", "/v1/things/busy", {}, b"", 429, "rate_limited"),
    ("GET", "/v1/things/crash", {}, b"", 500, "internal_error"),
    ("GET", "/v1/things/forbidden", {}, b"", 403, "forbidden"),
    ("GET", f"/v1/things/missing/{ID}", {}, b"", 404, "not_found"),
    ("GET", "/v1/things/missing/canary-input", {}, b"", 422, "invalid_input"),
    ("GET", "/v1/things/missing/%00", {}, b"", 400, "bad_request"),
    ("GET", "/v1/things/busy?x=%00", {}, b"", 400, "bad_request"),
    ("POST", "/v1/things", {}, b"{", 422, "invalid_input"),
    ("POST", "/v1/things", {}, b"", 422, "invalid_input"),
    ("POST", "/v1/things", {}, b"[" * 500_000, 400, "bad_request"),
    ("POST", "/v1/things", {}, b'"\xff"', 400, "bad_request"),
    ("POST", "/v1/things", {}, b'{"name":"\\ud800"}', 422, "invalid_input"),
    ("POST", "/v1/things", {}, b'{"name":"a\\u0000b"}', 422, "invalid_input"),
    ("POST", "/v1/things", {}, b'{"name":"a","tags":["\\u0000"]}', 422, "invalid_input"),
    ("POST", "/v1/things", {}, b'{"name":"a","canary-input \\u0000":1}', 422, "invalid_input"),
    ("POST", "/v1/things", {}, b"x" * 1_100_000, 413, "too_large"),
    ("POST", "/v1/things", {}, [b"x" * 600_000] * 3, 413, "too_large"),
    ("POST", "/v1/things", {"content-length": "9000000"}, b"{}", 413, "too_large"),
    ("POST", "/v1/things", {"content-type": "text/plain"}, b"canary-input", 422, "invalid_input"),
    (
        "POST",
        "/v1/things",
        {},
        json.dumps({"name": SENT_NAME, "count": 9}).encode(),
        422,
        "invalid_input",
    ),
    ("GET", "/metrics", {}, b"", 401, "unauthenticated"),
    ("GET", "/v1/auth/me", {}, b"", 401, "unauthenticated"),
]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code"), CASES)
async def test_every_error_is_a_problem(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | list[bytes],
    status: int,
    code: str,
    language: str,
) -> None:
    """Check 51."""
    more = (
        {"content-type": "application/json", "accept-language": language}
        | SERVICES.token()
        | headers
    )
    if code == "unauthenticated":
        del more["authorization"]
    answer = await call(APP, method, path, headers=more, body=body)
    problem = answer.json()
    assert (answer.status, problem["code"], problem["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    assert problem["type"] == f"/docs/errors#{code}"
    assert problem["title"] == PROBLEMS[code].title.within(language)
    assert problem["retryable"] == (status in (429, 503))
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["request_id"] in problem["instance"]
    told = answer.body.decode().lower()
    for secret in ("canary", "traceback", "select ", "/srv", ".py", "\\u0000", "x" * 50):
        assert secret not in told
    assert "nosniff" in answer.headers["x-content-type-options"]
    assert answer.ended


async def test_wrong_fields_are_named_in_the_callers_language() -> None:
    services = stage()
    body = as_json({"name": "x" * 11, "count": 9, "admin": True, "bad name!": 1})
    for language, words in [
        (
            "en",
            {
                "/name": "At most 10 characters.",
                "/count": "At most 5.",
                "/admin": "There is no such field.",
            },
        ),
        (
            "ar",
            {
                "/name": "10 حرفًا على الأكثر.",
                "/count": "5 على الأكثر.",
                "/admin": "لا يوجد حقل بهذا الاسم.",
            },
        ),
    ]:
        headers = services.token() | {
            "content-type": "application/json",
            "accept-language": language,
        }
        problem = (
            await call(app_for(services), "POST", "/v1/things", headers=headers, **body)
        ).json()
        told = {error["pointer"]: error["detail"] for error in problem["errors"]}
        assert words.items() <= told.items()
        assert "bad name" not in json.dumps(
            problem
        ), "a name that the caller made up isn't repeated"


async def test_headers_say_what_to_do() -> None:
    services = stage()
    app = app_for(services)
    assert (await call(app, "GET", "/v1/things/busy")).headers["retry-after"] == "13"
    assert (await call(app, "GET", "/v1/auth/me")).headers["www-authenticate"].startswith("Bearer")
    assert (await call(app, "DELETE", "/v1/things")).headers["allow"] == "POST"


async def test_our_own_words_reach_people_who_read_english() -> None:
    services = stage()
    app = app_for(services)
    path = f"/v1/things/missing/{ID}"
    english = (await call(app, "GET", path, headers=services.token())).json()
    arabic = (await call(app, "GET", path, headers=services.token() | ARABIC)).json()
    assert english["detail"].startswith("There is no such thing:")
    assert arabic["detail"] == PROBLEMS["not_found"].detail.ar


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ar", "ar"),
        ("AR-sa", "ar"),
        ("fr, ar;q=0.2", "ar"),
        ("ar;q=0.3, en;q=0.8", "en"),
        ("en;q=0.3, ar;q=0.8", "ar"),
        ("ar;q=0", "en"),
        ("*", "en"),
        ("ar;q=x", "en"),
        (";;;,,,", "en"),
        ("arz", "en"),
        ("x" * 100_000 + ",ar", "en"),
    ],
)
def test_the_language_is_the_readers(accept: str | None, language: str) -> None:
    assert language_of(accept) == language


async def test_a_commit_that_fails_is_never_told_as_success() -> None:
    """The framework's default would answer 200 first and commit later."""
    services = stage()
    services.db.commit_fails = True
    headers = services.token() | {"content-type": "application/json"}
    answer = await call(
        app_for(services), "POST", "/v1/things", headers=headers, **as_json({"name": "a"})
    )
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
    assert b"canary" not in answer.body


async def test_an_error_rolls_back_and_success_commits() -> None:
    services = stage()
    app = app_for(services)
    headers = services.token() | {"content-type": "application/json"}
    assert (
        await call(app, "POST", "/v1/things", headers=headers, **as_json({"name": "a"}))
    ).status == 200
    assert (await call(app, "GET", f"/v1/things/missing/{ID}", headers=headers)).status == 404
    assert services.db.ended == ["committed", "rolled back"]


async def test_every_error_page_and_operation_is_described_without_anything_from_elsewhere() -> (
    None
):
    app = app_for(stage())
    for path in ("/docs", "/docs/errors"):
        page = await call(app, "GET", path)
        text = page.body.decode()
        assert page.status == 200
        assert "http://" not in text
        assert "https://" not in text
        assert "<script" not in text
        assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert all(f'id="{code}"' in text for code in PROBLEMS)


async def test_without_docs_nothing_is_described() -> None:
    app = app_for(stage(docs=False))
    for path in ("/docs", "/docs/errors", "/openapi.json", "/redoc"):
        assert (await call(app, "GET", path)).status == 404


def test_the_description_has_short_names_a_licence_and_one_shape_of_error() -> None:
    schema = create_app(cast(Services, stage("https://wafaa.example"))).openapi()
    operations = [o for path in schema["paths"].values() for o in path.values()]
    ids = [o["operationId"] for o in operations]
    assert {"auth.login", "auth.me", "health.ready"} <= set(ids)
    assert len(set(ids)) == len(ids)
    assert schema["servers"][0]["url"] == "https://wafaa.example"
    assert schema["info"]["license"]["identifier"] == "Apache-2.0"
    assert schema["openapi"].startswith("3.1")
    for operation in operations:
        assert operation["responses"]["4XX"]["content"].keys() == {"application/problem+json"}
        assert "422" not in operation["responses"]
        assert set(operation["tags"]) <= {t["name"] for t in schema["tags"]}
    assert {"Problem", "FieldError"} <= schema["components"]["schemas"].keys()
    assert {"staff"} <= schema["components"]["securitySchemes"].keys()

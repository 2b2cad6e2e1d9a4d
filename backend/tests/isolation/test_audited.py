"""Who changes something of a client leaves an entry in its audit log, whatever the operation."""

import json
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from app.api.app import create_app
from tests.isolation.asgi import Request, send
from tests.isolation.operations import READS, operations
from tests.isolation.test_acts import BODIES, _request
from tests.isolation.world import House, World

OWN_SESSION = "Where somebody is signed in themselves; their sessions tell."
VISITOR = "A visitor: the conversation itself says what they did."
OWN_STORY = "Needs a password, a code or a platform: a story of its own looks at its entry."
UNAUDITED = {
    "POST /web/v1/sessions": VISITOR,
    "POST /web/v1/conversations/{conversation_id}/messages": VISITOR,
    "POST /web/v1/conversations/{conversation_id}/feedback": VISITOR,
    "POST /web/v1/conversations/{conversation_id}/handover": VISITOR,
    "POST /webhook/{channel}/{client_slug}": "A platform: what it told is kept as it came.",
    "POST /v1/conversations/{conversation_id}/messages": "The message names its author, and isn't changed.",
    "POST /v1/auth/login": OWN_SESSION,
    "POST /v1/auth/logout": OWN_SESSION,
    "DELETE /v1/auth/sessions/{session_id}": OWN_SESSION,
    **dict.fromkeys(READS, "Changes nothing."),
}
"""Operations that leave no entry, each with its reason."""
ELSEWHERE = dict.fromkeys(
    (
        "POST /v1/auth/password", "POST /v1/auth/second-factor", "POST /v1/auth/second-factor/confirm",
        "POST /v1/auth/second-factor/remove", "POST /v1/auth/recovery-codes", "PUT /v1/identity-provider",
        "DELETE /v1/identity-provider", "POST /v1/deliveries/{message_id}/resend",
    ),
    OWN_STORY,
)  # fmt: skip
MAKES_CLIENT = "POST /v1/clients"
"""Its entry is the new client's."""
PLATFORM = "POST /v1/access-wishes", MAKES_CLIENT, "POST /v1/access-grants/{access_grant_id}/token"
LAST = (
    "PUT /v1/assistant/draft", "DELETE /v1/assistant/draft", "PUT /v1/assistant/draft", "POST /v1/assistant/publish",
    "POST /v1/access-grants/{access_grant_id}/approval", "POST /v1/access-grants/{access_grant_id}/token",
    "DELETE /v1/access-grants/{access_grant_id}", "POST /v1/staff/{staff_id}/invitation",
    "DELETE /v1/staff/{staff_id}", "POST /v1/contacts/{contact_id}/erasure",
    "POST /v1/clients/{slug}/suspend", "POST /v1/clients/{slug}/resume", "PUT /v1/clients/{slug}/quota",
    "POST /v1/clients/{slug}/erasure", "POST /v1/clients/{slug}/keep",
)  # fmt: skip
"""What is done in this order, after the others."""


def _bodies(house: House) -> dict[str, Any]:
    secret = house.secret.decode()
    return BODIES | {
        "POST /v1/access-grants": {
            "email": f"platform@{secret}.example",
            "reason": "They asked for help.",
            "hours": 1,
        },
        "POST /v1/access-wishes": {
            "slug": house.public.decode(),
            "reason": "They asked for help.",
            "hours": 1,
        },
        "POST /v1/clients/{slug}/erasure": {"confirm": house.public.decode()},
    }


async def test_every_act_leaves_an_entry(world: World) -> None:
    """Of its client and its actor; what leaves none has a reason."""
    services = world.product.services
    mailing = services.settings.model_copy(update={"smtp_url": SecretStr("smtp://127.0.0.1:1")})
    app, house = create_app(replace(services, settings=mailing)), world.houses[0]
    by_title = {
        o.title: o for o in operations(app) if o.method != "GET" and o.title in _described(app)
    }
    assert set(by_title) >= UNAUDITED.keys() | ELSEWHERE.keys() | set(LAST)
    names = {"kind": "web", "version": "1", "slug": house.public.decode()}
    names |= {f"{kind}_id": ids[0] for kind, ids in house.objects.items() if ids}
    acts = [t for t in by_title if t not in {*UNAUDITED, *ELSEWHERE, *LAST}]
    acts.sort(key=lambda title: title.startswith("DELETE"))
    actors = {role: await _subject(app, house, role) for role in ("owner", "platform")}
    missing = []
    for title in (*acts, *LAST):
        one = by_title[title]
        role = "platform" if title in PLATFORM or "/clients/{slug}" in title else "owner"
        body = _bodies(house).get(title, one.body)
        request = _request(house, title, body, (("If-Match", "*"),))
        rest = [h for h in request.headers if h[0] != "Authorization"]
        asked = Request(
            one.method, one.path.format_map(names), "", (*house.callers[role](), *rest),
            request.body if body is not None else b"",
        )  # fmt: skip
        before = await _entries(world)
        answer = await send(app, asked)
        new = [row for row in await _entries(world) if row not in before]
        whose = {(row["client_id"], row["actor"]) for row in new}
        mine = (house.id, actors[role])
        if answer.status >= 300 or (mine not in whose and title != MAKES_CLIENT):
            missing.append((title, answer.status, answer.body[:200], whose))
        assert title != MAKES_CLIENT or {actor for _, actor in whose} == {actors[role]}
    assert not missing, "\n".join(map(str, missing))


def _described(app: Any) -> set[str]:
    paths = app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


async def _subject(app: Any, house: House, role: str) -> str:
    answer = await send(app, Request("GET", "/v1/auth/me", "", house.callers[role]()))
    return str(json.loads(answer.body)["subject"])


async def _entries(world: World) -> list[Any]:
    return list(await world.owner.fetch("SELECT id, client_id::text, actor, action FROM audit_log"))

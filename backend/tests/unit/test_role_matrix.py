"""Every role at every route: whoever isn't named is refused, before anything of the request is looked at."""

import re

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.core.security import Role
from tests.unit.api_frame import app_for, call, stage
from tests.unit.test_security_routes import _asked

ID = "01890000-0000-7000-8000-0000000000ff"
CALLERS = tuple(role for role in Role if role is not Role.VISITOR)
LATER = {
    "GET /v1/conversations/{conversation_id}/events": "A stream first looks for its conversation.",
    **dict.fromkeys(
        ("GET /v1/usage", "GET /v1/audit", "POST /v1/documents"),
        "Under pressure they are shed before anybody is asked who they are.",
    ),
}
"""Routes that refuse a role in another order, each with its reason."""
STAGE = stage()
APP = app_for(STAGE)


def _matrix() -> list[tuple[str, Role, bool]]:
    """Route, role, and whether the route names it."""
    found = []
    for context in iter_route_contexts(APP.routes):
        route = context.original_route
        needs = list(_asked(route.dependant)) if isinstance(route, APIRoute) else []
        for method in sorted(route.methods or ()) if needs else ():
            title = f"{method} {context.path}"
            if title not in LATER:
                found += [(title, role, all(role in n.roles for n in needs)) for role in CALLERS]
    return found


MATRIX = _matrix()


def test_the_matrix_is_not_empty() -> None:
    assert len(MATRIX) > 200
    assert {named for _, _, named in MATRIX} == {True, False}


@pytest.mark.parametrize("role", CALLERS)
async def test_a_role_that_a_route_does_not_name_is_refused(role: Role) -> None:
    """Check 7."""
    let_in = []
    for title, _, named in (entry for entry in MATRIX if entry[1] is role):
        method, _, path = title.partition(" ")
        target = re.sub(r"\{[^}]+\}", ID, path)
        answer = await call(APP, method, target, headers=STAGE.token(role))
        if not named and (answer.status, answer.json().get("code")) != (403, "forbidden"):
            let_in.append((title, answer.status))
    assert not let_in, "\n".join(map(str, let_in))


OURS = """
GET /v1/clients, POST /v1/clients, GET /v1/clients/{slug}, GET /v1/clients/{slug}/usage, PUT /v1/clients/{slug}/quota,
POST /v1/clients/{slug}/suspend, POST /v1/clients/{slug}/resume, POST /v1/clients/{slug}/erasure,
POST /v1/clients/{slug}/keep, GET /v1/access-wishes, POST /v1/access-wishes,
POST /v1/access-grants/{access_grant_id}/token, GET /v1/auth/sessions, DELETE /v1/auth/sessions/{session_id},
POST /v1/auth/logout, POST /v1/auth/password, POST /v1/auth/recovery-codes, POST /v1/auth/second-factor,
POST /v1/auth/second-factor/confirm, POST /v1/auth/second-factor/remove
"""
"""All that platform staff may call: who clients are and how they stand, what they were let into, how they sign in."""


def test_ours_have_no_route_to_what_clients_hold() -> None:
    """Check 7: none that shows or changes a conversation, a document, a contact, or anything else of a client's."""
    named = {
        f"{method} {context.path}"
        for context in iter_route_contexts(APP.routes)
        if isinstance(route := context.original_route, APIRoute)
        and (needs := list(_asked(route.dependant)))
        and all(Role.PLATFORM in one.roles for one in needs)
        for method in route.methods or ()
    }
    assert named - {"HEAD"} == {title.strip() for title in OURS.split(",")}


def test_only_owners_look_after_staff_and_only_ours_after_clients() -> None:
    """What a mistake would cost most, written down once more."""
    named: dict[str, set[Role]] = {}
    for title, role, is_named in MATRIX:
        named.setdefault(title, set()).update({role} if is_named else ())
    for title in (
        "POST /v1/staff",
        "PUT /v1/staff/{staff_id}/role",
        "DELETE /v1/staff/{staff_id}",
        "PUT /v1/sign-in-rules",
        "PUT /v1/identity-provider",
        "POST /v1/access-grants",
        "POST /v1/access-grants/{access_grant_id}/approval",
    ):
        assert named[title] == {Role.OWNER}, title
    for title in (
        "POST /v1/access-wishes",
        "POST /v1/access-grants/{access_grant_id}/token",
    ):
        assert named[title] == {Role.PLATFORM}, title

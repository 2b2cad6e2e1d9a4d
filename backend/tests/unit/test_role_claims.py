"""Where a provider says which role somebody has: each writes it in its own way."""

from typing import Any

import pytest

from app.core.security import Role
from app.models.identity_provider import IdentityProvider
from app.services.identity.single_sign_on import role_of

AUTH0 = "https://cafe.example/roles"
ROLES = {"wafaa-owner": "owner", "wafaa-agent": "agent"}
CASES: dict[str, tuple[str | None, dict[str, Any], Role | None]] = {
    "Keycloak": ("realm_access.roles", {"realm_access": {"roles": ["wafaa-agent"]}}, Role.AGENT),
    "Auth0": (AUTH0, {AUTH0: ["wafaa-owner"]}, Role.OWNER),
    "Entra ID": ("roles", {"roles": ["wafaa-agent", "wafaa-owner"]}, Role.OWNER),
    "one word": ("role", {"role": "wafaa-agent"}, Role.AGENT),
    "the whole name before its parts": ("a.b", {"a.b": "wafaa-agent", "a": {"b": "wafaa-owner"}}, Role.AGENT),
    "a whole name that names none of ours": ("a.b", {"a.b": [], "a": {"b": "wafaa-owner"}}, None),
    "parts of a URL": (AUTH0, {"https://cafe": {"example/roles": ["wafaa-owner"]}}, Role.OWNER),
    "a name that begins alike": (AUTH0, {AUTH0 + "/x": ["wafaa-owner"]}, None),
    "no claim asked for": (None, {"roles": ["wafaa-owner"]}, None),
    "no claim there": ("roles", {}, None),
    "a step into a text": ("roles.name", {"roles": "wafaa-owner"}, None),
    "a step into a list": ("roles.0", {"roles": ["wafaa-owner"]}, None),
    "an object": ("roles", {"roles": {"wafaa-owner": True}}, None),
    "numbers": ("roles", {"roles": [1, None, {"wafaa-owner": 1}]}, None),
    "a role of nobody's": ("roles", {"roles": ["owner", "platform"]}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_role_is_read_where_the_provider_writes_it(case: str) -> None:
    claim, claims, role = CASES[case]
    provider = IdentityProvider(role_claim=claim, roles=ROLES, default_role=None)
    assert role_of(provider, claims) == role


def test_who_has_none_gets_the_default() -> None:
    provider = IdentityProvider(role_claim=AUTH0, roles=ROLES, default_role="viewer")
    assert role_of(provider, {AUTH0: ["others"]}) == Role.VIEWER

"""Where a provider says which role somebody has: each writes it in its own way."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.security import Role
from app.models.identity_provider import Provider
from app.services.identity.single_sign_on import is_of_business, role_of

PROVIDER = Provider(
    issuer="https://login.cafe.example", application="wafaa", domains=["cafe.example"]
)
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
    provider = replace(PROVIDER, role_claim=claim, roles=ROLES)
    assert role_of(provider, claims) == role


def test_who_has_none_gets_the_default() -> None:
    provider = replace(PROVIDER, role_claim=AUTH0, roles=ROLES, default_role="viewer")
    assert role_of(provider, {AUTH0: ["others"]}) == Role.VIEWER


GOOGLE = "https://accounts.google.com"
DIRECTORY = "6c1b3c9e-8c43-4b0f-9e5e-0a8f2f1d7c11"
ENTRA = f"https://login.microsoftonline.com/{DIRECTORY}/v2.0"


@pytest.mark.parametrize(
    ("issuer", "claims", "belongs"),
    [
        (GOOGLE, {"hd": "cafe.example"}, True),
        (GOOGLE, {"hd": "elsewhere.example"}, False),
        (GOOGLE, {"hd": ["cafe.example"]}, False),
        (GOOGLE, {"hd": None}, False),
        (GOOGLE, {}, False),  # A person's own account, made with an address of the business.
        ("https://login.cafe.example", {}, True),
        ("https://login.cafe.example", {"hd": "elsewhere.example"}, False),
        ("https://login.cafe.example", {"tid": "anything"}, True),
        (ENTRA, {"tid": DIRECTORY}, True),
        (ENTRA, {"tid": DIRECTORY.replace("6", "7")}, False),
        (ENTRA, {"tid": None}, False),
        (ENTRA, {}, True),
    ],
)
def test_an_account_is_managed_by_the_business_itself(
    issuer: str, claims: dict[str, Any], belongs: bool
) -> None:
    provider = replace(PROVIDER, issuer=issuer)
    assert is_of_business(provider, claims) is belongs

"""How the identity providers that businesses have differ from one another: their names, their proofs, their claims."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Claims = dict[str, Any]
TENANT = "6c1b3c9e-8c43-4b0f-9e5e-0a8f2f1d7c11"
"""A directory at Entra ID."""
NAMESPACE = "https://cafe.example/roles"
MOST_GROUPS = 200


@dataclass
class Person:
    """Who signs in next.

    Attributes:
        subject: What the provider calls them for ever.
        email: Their address.
        verified: Whether it is theirs; None where the provider says nothing.
        name: How they are called.
        roles: What they are there.
        groups: Where they belong to.
        domain: The organisation that their account is managed by; None for a person's own.
    """

    subject: str = "person-1"
    email: str = "sara@cafe.example"
    verified: bool | None = True
    name: str = "Sara"
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    domain: str | None = "cafe.example"


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider's ways.

    Attributes:
        path: What follows the host in its name.
        claims: What it says of a person.
        names_itself: Whether it says with every answer who answers (RFC 9207).
        proofs: How applications prove themselves there.
    """

    path: str
    claims: Callable[[Person], Claims]
    names_itself: bool = False
    proofs: tuple[str, ...] = ("client_secret_basic", "client_secret_post")


def _email(person: Person) -> Claims:
    told: Claims = {"email": person.email}
    return told if person.verified is None else told | {"email_verified": person.verified}


def _keycloak(person: Person) -> Claims:
    return _email(person) | {
        "typ": "ID",
        "azp": "wafaa",
        "preferred_username": person.email.partition("@")[0],
        "realm_access": {"roles": ["offline_access", *person.roles]},
    }


def _entra(person: Person) -> Claims:
    """No word on whether an address is verified; from 200 groups on a link instead of them."""
    told: Claims = {
        "tid": TENANT,
        "oid": f"oid-of-{person.subject}",
        "ver": "2.0",
        "preferred_username": person.email,
        "email": person.email,
        "roles": list(person.roles),
    }
    if len(person.groups) <= MOST_GROUPS:
        return told | {"groups": list(person.groups)}
    source = {"endpoint": "https://graph.microsoft.com/v1.0/users/x/getMemberObjects"}
    return told | {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": source}}


def _google(person: Person) -> Claims:
    told = _email(person) | {"azp": "wafaa", "at_hash": "x"}
    return told if person.domain is None else told | {"hd": person.domain}


def _auth0(person: Person) -> Claims:
    told = _email(person) | {"nickname": person.name, "sid": "session"}
    return told | {NAMESPACE: list(person.roles)}


PLAIN = Profile(
    "", lambda p: _email(p) | {"realm_access": {"roles": list(p.roles)}}, names_itself=True
)
KEYCLOAK = Profile("/realms/staff", _keycloak, names_itself=True)
ENTRA = Profile(
    f"/{TENANT}/v2.0",
    _entra,
    proofs=("client_secret_post", "private_key_jwt", "client_secret_basic"),
)
GOOGLE = Profile("", _google, proofs=("client_secret_post", "client_secret_basic"))
AUTH0 = Profile("/", _auth0, proofs=("client_secret_post",))

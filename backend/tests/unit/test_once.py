"""Idempotency keys: who takes them, and that what is kept tells nobody anything."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.api import deps
from app.api.app import routers
from app.api.once import OnceRoute
from app.api.v1.endpoints import clients
from app.core.errors import InvalidInput
from app.core.once import Notary

LIST = Path(__file__).parent.parent / "unkeyed_posts.txt"
CLIENT = UUID("01890000-0000-7000-8000-000000000001")
OTHER = UUID("01890000-0000-7000-8000-000000000002")
NOTARY = Notary("a secret")
TRANSACTIONS = {deps.tenant_tx, deps.own_tx, deps.visitor_tx, clients.founding}


def _excused() -> set[str]:
    lines = LIST.read_text("utf-8").splitlines()
    return {line.partition("#")[0].strip() for line in lines} - {""}


def _calls(dependant: Dependant) -> Iterator[object]:
    for part in dependant.dependencies:
        yield part.call
        yield from _calls(part)


def _is_kept(route: APIRoute) -> bool:
    """Whether the route's answer is kept in the transaction of what it does."""
    return isinstance(route, OnceRoute) and bool(TRANSACTIONS & set(_calls(route.dependant)))


POSTS = {
    f"POST {route.path}": _is_kept(route)
    for router in routers()
    for route in router.routes
    if isinstance(route, APIRoute) and "POST" in route.methods
}


def test_every_post_takes_a_key_or_says_why_not() -> None:
    assert {name for name, kept in POSTS.items() if not kept} == _excused()
    assert sum(POSTS.values()) >= 8


def test_every_reason_is_given() -> None:
    for line in LIST.read_text("utf-8").splitlines()[1:]:
        assert line.partition("#")[2].strip().endswith(".")


def test_a_request_has_one_name_for_one_caller_and_another_for_every_other() -> None:
    same = [NOTARY.name(CLIENT, "anna", key, b"asked") for key in ("k-1", '"k-1"')]
    assert same[0].name == same[1].name
    others = [
        NOTARY.name(OTHER, "anna", "k-1", b"asked"),
        NOTARY.name(CLIENT, "omar", "k-1", b"asked"),
        NOTARY.name(CLIENT, "anna", "k-2", b"asked"),
        Notary("another").name(CLIENT, "anna", "k-1", b"asked"),
    ]
    assert len({same[0].name, *(o.name for o in others)}) == 5
    other_request = NOTARY.name(CLIENT, "anna", "k-1", b"asked more")
    assert other_request.name == same[0].name
    assert other_request.fingerprint != same[0].fingerprint


def test_only_the_same_request_opens_what_it_came_to() -> None:
    asked = NOTARY.name(CLIENT, "anna", "k-1", b"asked")
    kept = asked.seal(b'{"text": "private"}')
    assert b"private" not in kept
    assert NOTARY.name(CLIENT, "anna", "k-1", b"asked").open(kept) == b'{"text": "private"}'
    for other in (
        NOTARY.name(CLIENT, "anna", "k-1", b"asked more"),
        NOTARY.name(CLIENT, "anna", "k-2", b"asked"),
    ):
        with pytest.raises(InvalidTag):
            other.open(kept)


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "ключ", "a\tb"])
def test_a_key_has_to_be_one(key: str) -> None:
    with pytest.raises(InvalidInput):
        NOTARY.name(CLIENT, "anna", key, b"asked")

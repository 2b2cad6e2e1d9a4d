"""Nobody sees what isn't theirs: every operation and caller of three clients, every place to name another's thing."""

import os
import sys

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from app.api.app import create_app
from tests.isolation.attempts import PUBLIC_NAMES, Caller, places_of
from tests.isolation.operations import UNDESCRIBED, Operation, operations
from tests.isolation.proof import Proof
from tests.isolation.wire import listening
from tests.isolation.world import World

ATTEMPTS = int(os.environ.get("PROOF_ATTEMPTS", "100000"))
OVER_SOCKETS = 4_000
BEHIND_OPEN_POLICIES = 3_000
ON_THE_OLDEST = 1_000
OPEN_HERE = "GET /metrics"
"""Needs its token from other machines only; on the wire the proof comes from this one."""
SECONDS = 1200 + ATTEMPTS // 100

SHOWING = {
    "GET /v1/conversations", "GET /v1/conversations/{conversation_id}/messages", "GET /v1/documents", "GET /v1/search",
    "GET /v1/audit", "GET /v1/inbound-events", "GET /v1/usage", "GET /v1/jobs/parked", "GET /v1/channels",
    "GET /v1/clients/me", "POST /v1/answers", "GET /v1/conversations/{conversation_id}/events",
    "GET /v1/conversations/{conversation_id}/messages/{message_id}/trace",
    "GET /web/v1/conversations/{conversation_id}/messages",
    "GET /web/v1/conversations/{conversation_id}/events", "GET /v1/documents/{document_id}",
}  # fmt: skip
"""Where callers read their own planted words; were others' to appear, they would be seen."""

UNLIKE_THEIRS = {"kind", "channel", "name"}
"""Names in paths that are no client's."""


async def test_every_route_is_described_or_on_the_list(world: World) -> None:
    app = create_app(world.product.services)
    described = {f"{m.upper()} {path}" for path, ms in app.openapi()["paths"].items() for m in ms}
    assert {one.title for one in operations(app)} - described == set(UNDESCRIBED)


async def test_every_operation_can_be_attacked_in_earnest(world: World) -> None:
    """A request that would be refused for its form alone proves nothing about whose things it names."""
    app = create_app(world.product.services)
    unfit = [said for one in operations(app) for said in _unfit(app, one, world)]
    assert not unfit, "\n".join(unfit)


def _unfit(app: FastAPI, one: Operation, world: World) -> list[str]:
    said = [
        f"{one.title} names {{{name}}}, and no client of the proof has such a thing: let tests/isolation/world.py make "
        "one for each (_furnish), or say in world.KINDS which table's rows it names."
        for name in one.names
        if name not in PUBLIC_NAMES | dict.fromkeys(UNLIKE_THEIRS)
        and Caller(one, world.houses[0], "owner").own(name) == "unknown"
    ]
    for model in _body_model(app, one):
        try:
            TypeAdapter(model).validate_python(one.body)
        except ValidationError as error:
            said.append(
                f"{one.title} refuses the proof's sample body {one.body!r}: {error.errors()[0]['msg']} at "
                f"{error.errors()[0]['loc']}. Give that field an example (Field(examples=[…])) in app/schemas."
            )
    return said


def _body_model(app: FastAPI, one: Operation) -> list[object]:
    """The model of an operation's JSON body, if it has one."""
    return [
        body.field_info.annotation
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, APIRoute)
        and (context.path, one.media) == (one.path, "application/json")
        and one.method in (context.methods or ())
        and (body := route.body_field) is not None
    ]


@pytest.mark.timeout(SECONDS)
async def test_nobody_sees_or_changes_what_is_not_theirs(world: World) -> None:
    """Checks 6, 7, 10, 11, 12, 13 and 14: at least 100,000 attempts within eight minutes."""
    app = create_app(world.product.services)
    report = await Proof(app, world).run(ATTEMPTS)
    sys.stderr.write(f"\n{report}\n")
    assert not report.leaks, "\n".join(report.leaks[:40])
    assert report.attempts == ATTEMPTS
    assert report.tried == _to_try(app, world)
    assert report.shown >= SHOWING, SHOWING - report.shown


def _to_try(app: FastAPI, world: World) -> set[tuple[str, str]]:
    """Every operation, by every caller who can name another's thing in it."""
    return {
        (one.title, caller)
        for one in operations(app)
        for caller in world.houses[0].callers
        if not one.rightful(caller) and any(places_of(one))
    }


@pytest.mark.timeout(SECONDS)
async def test_nor_through_a_server_and_its_sockets(world: World) -> None:
    """Check 6: some thousand attempts as bytes on the wire, each operation and caller among them."""
    app = create_app(world.product.services)
    async with listening(app) as wire:
        report = await Proof(app, world, wire).run(OVER_SOCKETS, lambda title: title != OPEN_HERE)
    sys.stderr.write(f"\n{report}\n")
    assert not report.leaks, "\n".join(report.leaks[:40])
    assert report.attempts == OVER_SOCKETS
    assert {title for title, _ in report.tried} >= {
        one.title for one in operations(app) if one.names and one.title.startswith("GET /v1/")
    }
    assert report.shown >= SHOWING, SHOWING - report.shown


@pytest.mark.timeout(SECONDS)
async def test_nor_where_the_database_would_let_everything_through(world: World) -> None:
    """The second wall: with every policy open, each query's own predicate keeps clients apart."""
    fenced = await world.owner.fetch(
        "SELECT polrelid::regclass::text AS name FROM pg_policy WHERE polname = 'tenant_isolation'"
    )
    for table in fenced:
        await world.owner.execute(
            f"CREATE POLICY support ON {table['name']} TO wafaa_app USING (true)"
        )
    app = create_app(world.product.services)
    report = await Proof(app, world).run(BEHIND_OPEN_POLICIES)
    sys.stderr.write(f"\n{report}\n")
    opened = [leak for leak in report.leaks if leak.startswith("tables without a fence")]
    assert len(opened) == 1
    assert opened[0].count("(directory)") > 20, "They weren't open."
    others = [leak for leak in report.leaks if leak not in opened]
    assert not others, "\n".join(others[:40])
    assert report.tried == _to_try(app, world)
    assert report.shown >= SHOWING, SHOWING - report.shown


@pytest.mark.timeout(SECONDS)
async def test_nor_on_the_oldest_postgresql(old_world: World) -> None:
    """In short: a thousand attempts on what shows most."""
    report = await Proof(create_app(old_world.product.services), old_world).run(
        ON_THE_OLDEST, SHOWING.__contains__
    )
    sys.stderr.write(f"\n{report}\n")
    assert not report.leaks, "\n".join(report.leaks[:40])
    assert report.attempts == ON_THE_OLDEST
    assert report.shown >= SHOWING, SHOWING - report.shown


async def test_a_route_that_cant_be_attacked_in_earnest_is_told(world: World) -> None:
    class Picky(BaseModel):
        code: str = Field(pattern="^[0-9]{40}$")

    app = create_app(world.product.services)

    @app.post("/v1/planted/{gizmo_id}")
    async def planted(gizmo_id: str, given: Picky) -> None: ...

    unfit = [said for one in operations(app) for said in _unfit(app, one, world)]
    assert len(unfit) == 2
    assert "{gizmo_id}" in unfit[0]
    assert "Field(examples=" in unfit[1]

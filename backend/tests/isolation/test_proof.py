"""Nobody sees what isn't theirs: every operation, every role of three clients, every place to name another's thing."""

import os
import sys

import pytest

from app.api.app import create_app
from app.core.security import Role
from tests.isolation.attempts import UNDESCRIBED, operations
from tests.isolation.proof import Proof
from tests.isolation.world import World

ATTEMPTS = int(os.environ.get("PROOF_ATTEMPTS", "20000"))
SECONDS = 110 + ATTEMPTS // 100

SHOWING = {
    "GET /v1/conversations", "GET /v1/conversations/{conversation_id}/messages", "GET /v1/documents", "GET /v1/search",
    "GET /v1/audit", "GET /v1/inbound-events", "GET /v1/usage", "GET /v1/jobs/parked", "GET /v1/channels",
    "GET /v1/clients/me", "POST /v1/answers", "GET /v1/conversations/{conversation_id}/events",
    "GET /v1/conversations/{conversation_id}/messages/{message_id}/trace",
    "GET /web/v1/conversations/{conversation_id}/messages",
    "GET /web/v1/conversations/{conversation_id}/events", "GET /v1/documents/{document_id}",
}  # fmt: skip
"""Where callers read their own planted words; were others' to appear, they would be seen."""


async def test_every_route_is_described_or_on_the_list(world: World) -> None:
    app = create_app(world.product.services)
    described = {f"{m.upper()} {path}" for path, ms in app.openapi()["paths"].items() for m in ms}
    assert {one.title for one in operations(app)} - described == set(UNDESCRIBED)


@pytest.mark.timeout(SECONDS)
async def test_nobody_sees_or_changes_what_is_not_theirs(world: World) -> None:
    """Checks 6, 10, 11, 12 and 14."""
    app = create_app(world.product.services)
    report = await Proof(app, world).run(ATTEMPTS)
    sys.stderr.write(f"\n{report}\n")
    assert not report.leaks, "\n".join(report.leaks[:40])
    assert report.attempts == ATTEMPTS
    assert report.tried == {
        (one.title, role) for one in operations(app) for role in Role if role is not Role.SERVICE
    }
    assert report.shown >= SHOWING, SHOWING - report.shown

"""What is written lands with the writer, whomever else the request names."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.api.app import create_app
from app.models.message import Author, NewMessage
from app.services.orchestrator.events import say
from tests.fixtures.wired import until
from tests.isolation.asgi import Answer, Request, send
from tests.isolation.attempts import HEADERS
from tests.isolation.operations import operations
from tests.isolation.world import House, World

BODIES: dict[str, Any] = {
    "PUT /v1/clients/me": {"name": "Renamed", "settings": {}},
    "POST /v1/channels/{kind}": {"name": "Another page", "config": {}},
    "POST /v1/keys": {"name": "A program", "rights": ["knowledge:read"]},
    "POST /v1/applications": {"name": "A program", "rights": ["knowledge:read"]},
    "PUT /v1/identity-provider": {
        "issuer": "https://127.0.0.1",
        "application": "a",
        "secret": "s",
        "domains": ["x.example"],
    },
    "POST /v1/documents": "# A note\n\nNothing of interest.\n",
}
"""What makes an operation act, where a sample that merely fits doesn't."""
WRITES_OWN = frozenset(BODIES) - {"PUT /v1/identity-provider"}
"""After these, rows of the writer must have changed."""


def _request(
    actor: House,
    title: str,
    body: Any,
    headers: tuple[tuple[str, str], ...] = (),
    query: str = "",
) -> Request:
    method, _, path = title.partition(" ")
    media, raw = "application/json", json.dumps(body).encode()
    if isinstance(body, str):
        media = "multipart/form-data; boundary=edge"
        head = 'Content-Disposition: form-data; name="file"; filename="note.md"\r\nContent-Type: text/markdown'
        raw = f"--edge\r\n{head}\r\n\r\n{body}\r\n--edge--\r\n".encode()
    typed = ("Content-Type", media)
    path = path.replace("{kind}", "web")
    return Request(method, path, query, (*actor.callers["owner"](), typed, *headers), raw)


async def _others(world: World, actor: House) -> dict[tuple[str, str], str]:
    return {key: value for key, value in (await world.sums()).items() if key[0] != actor.id}


def _naming(header: str, client: str, operation: str) -> str:
    """A header's value that names a client; a key for what is asked names what is asked as well."""
    match header:
        case "Cookie":
            return f"client_id={client}"
        case "Idempotency-Key":
            return f"{client} {operation}"
    return client


@pytest.mark.timeout(300)
async def test_a_write_lands_with_its_writer(world: World) -> None:
    """Every operation that makes something without naming anything, whomever headers and query name beside."""
    app: FastAPI = create_app(world.product.services)
    actor, other = world.houses[:2]
    query = f"client_id={other.id}&tenant_id={other.id}&id={other.id}"
    for one in (found for found in operations(app) if found.makes):
        before, own = await _others(world, actor), await world.sums()
        for header in HEADERS:
            named = ((header, _naming(header, other.id, one.title)), ("If-Match", "*"))
            body = BODIES.get(one.title, one.body)
            answer = await send(app, _request(actor, one.title, body, named, query))
            assert answer.status < 500, (one.title, header, answer.body)
            assert one.title not in WRITES_OWN or answer.status < 300, (header, answer.body)
            assert other.secret not in answer.body
        assert await _others(world, actor) == before, one.title
        assert one.title not in WRITES_OWN or await world.sums() != own


async def test_another_clients_number_cant_be_taken_nor_read(world: World) -> None:
    app = create_app(world.product.services)
    actor, other = world.houses[:2]
    before = await world.sums()
    config = {
        "phone_number_id": other.number,
        "access_token": "t",
        "verify_token": "v",
        "app_secret": "s" * 32,
    }
    body = {"name": "Mine now", "config": config}
    answer = await send(app, _request(actor, "POST /v1/channels/whatsapp", body))
    assert answer.status == 409
    assert other.secret not in answer.body
    assert other.id.encode() not in answer.body
    assert await world.sums() == before


async def _session(world: World, app: FastAPI, house: House, visitor: str | None) -> Any:
    body = {"channel_key": house.business.channel_key, "visitor_token": visitor}
    answer: Answer = await send(app, _request(house, "POST /web/v1/sessions", body))
    assert answer.status == 200
    return json.loads(answer.body)


async def test_a_visitor_of_one_client_is_a_stranger_to_another(world: World) -> None:
    app = create_app(world.product.services)
    actor, other = world.houses[:2]
    mine = await _session(world, app, actor, None)
    before = await _others(world, other)
    there = await _session(world, app, other, mine["visitor_token"])
    again = await _session(world, app, actor, mine["visitor_token"])
    assert there["conversation_id"] != mine["conversation_id"] == again["conversation_id"]
    assert await _others(world, other) == before


SAID = 20
STREAMS = (
    ("owner", "/v1/conversations/{}/events"),
    ("visitor", "/web/v1/conversations/{}/events"),
)


async def test_open_streams_hold_their_own_words_alone(world: World) -> None:
    """Check 14: two clients' streams wait while much is said to both, and each hears its own."""
    app = create_app(world.product.services)
    houses = world.houses[:2]
    heard: dict[tuple[str, str], Answer] = {}
    listening = []
    for house, other in (houses, houses[::-1]):
        for caller, path in STREAMS:
            headers = house.callers[caller]()
            foreign = Request("GET", path.format(other.conversation), headers=headers)
            assert (await send(app, foreign)).status == 404
            heard[house.id, caller] = answer = Answer()
            own = Request("GET", path.format(house.conversation), headers=headers)
            listening.append(asyncio.create_task(send(app, own, answer)))
    for number in range(SAID):
        for house in houses:
            words = f"{house.secret.decode()} hears no. {number}."
            said = NewMessage(UUID(house.conversation), Author.ASSISTANT, words, "en")
            async with world.product.services.db.tenant(house.business.ref.id) as tx:
                await say(tx, said, "message.created")

    async def all_has_come() -> bool:
        last = f"hears no. {SAID - 1}.".encode()
        return all(last in answer.body for answer in heard.values())

    await until(all_has_come, 60)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    for house, other in (houses, houses[::-1]):
        for caller, _ in STREAMS:
            body = heard[house.id, caller].body
            assert body.count(house.secret + b" hears no. ") == SAID
            assert other.secret not in body
            assert other.conversation.encode() not in body


async def test_signing_in_tells_nobody_who_is_there(world: World) -> None:
    app = create_app(world.product.services)
    actor, other = world.houses[:2]
    emails = (other.business.email, "nobody@nowhere.example")
    found = [
        await send(
            app,
            _request(actor, "POST /v1/auth/login", {"email": e, "password": "a guess"}),
        )
        for e in emails
    ]
    assert found[0].status == 401
    assert found[0].lasting() == found[1].lasting()

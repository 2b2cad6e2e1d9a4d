"""Planted faults: what the proof has to find. Each is made in the test's database or in a copy of the application."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from app.api import deps
from app.api.app import create_app
from app.api.v1.endpoints import chat
from app.core.errors import Forbidden, NotFound
from app.core.security import Principal
from app.models import parked
from app.models.audit import AuditEntry
from app.models.conversation import Conversation
from app.models.knowledge_base import KnowledgeDocument
from app.models.message import Message
from app.services.cache._sealed import SealedCache
from app.services.knowledge.retriever import Retriever
from app.services.orchestrator.answers import Answers
from tests.isolation import proof
from tests.isolation.world import World

Fault = Callable[[World, FastAPI, pytest.MonkeyPatch], AbstractAsyncContextManager[None]]
FAULTS: dict[str, tuple[Fault, str, str]] = {}
"""By name: the fault, a part of the operations that are tried, and what the proof says of it."""


def planted(where: str, sign: str) -> Callable[[Callable[..., AsyncIterator[None]]], Fault]:
    """Registers a fault."""

    def register(fault: Callable[..., AsyncIterator[None]]) -> Fault:
        manager = asynccontextmanager(fault)
        FAULTS[fault.__name__] = manager, where, sign
        return manager

    return register


@asynccontextmanager
async def sql(owner: "asyncpg.Connection[Any]", plant: str, mend: str) -> AsyncIterator[None]:
    """Changes the database, and changes it back."""
    await owner.execute(plant)
    try:
        yield
    finally:
        await owner.execute(mend)


def without_client(model: Any) -> Callable[..., Any]:
    """``get`` of a model, its predicate on the client dropped."""

    async def get(cls: Any, tx: Any, id_: UUID, *, lock: bool = False) -> Any:
        row = await tx.one(f"SELECT * FROM {model.__tablename__} WHERE id = $1", id_)
        if row is None:
            raise NotFound
        return cls.of(row)

    return get


@planted("GET /v1/conversations/", "differs")
async def policy_off_and_predicate_dropped(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    patch.setattr(Conversation, "get", classmethod(without_client(Conversation)))
    off = "ALTER TABLE conversations DISABLE ROW LEVEL SECURITY"
    async with sql(world.owner, off, off.replace("DISABLE", "ENABLE")):
        yield


@planted("/health/live", "without a fence")
async def policy_off_alone(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    off = "ALTER TABLE messages DISABLE ROW LEVEL SECURITY"
    async with sql(world.owner, off, off.replace("DISABLE", "ENABLE")):
        yield


@planted("/health/live", "without a fence")
async def a_second_policy_for_the_application(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    plant = "CREATE POLICY support ON contacts TO wafaa_app USING (true)"
    async with sql(world.owner, plant, "DROP POLICY support ON contacts"):
        yield


@planted("trace", "differs")
async def a_predicate_dropped_behind_an_open_policy(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    patch.setattr(Message, "get", classmethod(without_client(Message)))
    plant = "CREATE POLICY support ON messages TO wafaa_app USING (true)"
    async with sql(world.owner, plant, "DROP POLICY support ON messages"):
        yield


@planted("/v1/planted", "shows words")
async def a_client_taken_from_the_body(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    @app.post("/v1/planted")
    async def documents(
        given: dict[str, Any], services: deps.ServicesDep, _: deps.PrincipalDep
    ) -> list[str]:
        client = given.get("client_id")
        if not isinstance(client, str):
            return []
        async with services.db.tenant(UUID(client)) as tx:
            return [document.title for document in await KnowledgeDocument.all(tx)]

    yield


@planted("GET /v1/documents", "shows words")
async def a_client_taken_from_a_header(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    async def tx(
        request: Request, services: deps.ServicesDep, caller: deps.PrincipalDep
    ) -> AsyncIterator[Any]:
        named = request.headers.get("x-client-id")
        async with services.db.tenant(_uuid(named) or caller.client_id) as tx:
            yield tx

    app.dependency_overrides[deps.tenant_tx] = tx
    yield


@planted("POST /v1/answers", "the same question: shows words")
async def a_cache_key_shared_by_clients(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    patch.setattr(Answers, "_key", lambda _self, question, *_: f"answer:planted:{question.text}")
    # A shared key alone shows nothing: what is cached is sealed. So it isn't, here.
    patch.setattr(SealedCache, "get", lambda self, _, key: self._cache.get(key))
    patch.setattr(SealedCache, "put", lambda self, _, *kept: self._cache.put(*kept))
    yield


@planted("GET /web/v1/conversations/{conversation_id}/events", "shows words")
async def the_events_of_any_conversation(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    whole = chat.follow

    async def follow(
        services: Any, _: UUID, conversation_id: UUID, seq: int, *, wait: bool
    ) -> AsyncIterator[Any]:
        client = await world.owner_says(
            "SELECT client_id FROM conversations WHERE id = $1", conversation_id
        )
        if client:
            async for event in whole(services, client, conversation_id, seq, wait=wait):
                yield event

    async def anybody(conversation_id: UUID) -> UUID:
        return conversation_id

    patch.setattr(chat, "follow", follow)
    app.dependency_overrides[chat.own] = anybody
    yield


@planted("GET /v1/documents/{document_id}", "differs")
async def forbidden_instead_of_not_found(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    async def get(_: Any, tx: Any, id_: UUID) -> Any:
        there = await world.owner_says("SELECT 1 FROM knowledge_documents WHERE id = $1", id_)
        raise Forbidden if there else NotFound

    patch.setattr(KnowledgeDocument, "get", classmethod(get))
    yield


@planted("resolve", "rows changed")
async def a_write_that_is_denied_but_done(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    async def get(_: Any, tx: Any, id_: UUID, *, lock: bool = False) -> Any:
        await world.owner_says(
            "UPDATE conversations SET language = 'xx' WHERE id = $1 RETURNING 1", id_
        )
        raise NotFound

    patch.setattr(Conversation, "get", classmethod(get))
    yield
    await world.owner_says("UPDATE conversations SET language = NULL")


@planted("GET /v1/conversations/{conversation_id}/messages", "shows words")
async def everybody_is_everybody(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    other = world.houses[1].id

    async def principal(request: Request, services: deps.ServicesDep) -> Principal:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        return replace(services.tokens.verify(shown), client_id=UUID(other))

    app.dependency_overrides[deps.principal] = principal
    yield


@planted("GET /v1/documents", "shows words")
async def a_client_taken_from_the_query(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    async def tx(
        request: Request, services: deps.ServicesDep, caller: deps.PrincipalDep
    ) -> AsyncIterator[Any]:
        named = request.query_params.get("client_id")
        async with services.db.tenant(_uuid(named) or caller.client_id) as tx:
            yield tx

    app.dependency_overrides[deps.tenant_tx] = tx
    yield


@planted("/v1/planted", "shows words")
async def ids_in_a_nested_list_without_a_predicate(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    @app.post("/v1/planted")
    async def titles(
        given: dict[str, Any], services: deps.ServicesDep, _: deps.PrincipalDep
    ) -> list[str]:
        ids = given.get("ids") if isinstance(given.get("ids"), list) else []
        whose = "SELECT client_id FROM knowledge_documents WHERE id::text = $1"
        shown = []
        for id_ in ids or ():
            if client := await world.owner_says(whose, str(id_)):
                async with services.db.tenant(client) as tx:
                    shown.append((await KnowledgeDocument.get(tx, UUID(str(id_)))).title)
        return shown

    yield


@planted("GET /v1/search", "shows words")
async def the_namespace_of_another(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    whole = Retriever.retrieve
    clients = [house.business.ref.id for house in world.houses]

    async def retrieve(self: Any, client_id: UUID, *args: Any, **more: Any) -> Any:
        other = clients[(clients.index(client_id) + 1) % len(clients)]
        return await whole(self, other, *args, **more)

    patch.setattr(Retriever, "retrieve", retrieve)
    yield


@planted("POST /v1/jobs/{job_id}/replay", "was done")
async def the_job_of_another(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    async def replay(_tx: Any, id_: UUID) -> bool:
        if not await world.owner_says("SELECT 1 FROM jobs WHERE id = $1", id_):
            raise NotFound
        return True

    async def unwritten(*_: Any) -> None:
        """Else the audit log would show the other's id from now on."""

    patch.setattr(parked, "replay", replay)
    patch.setattr(AuditEntry, "add", unwritten)
    yield


@planted("GET /web/v1/conversations/{conversation_id}/messages", "differs")
async def visitors_of_one_client_read_each_other(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    patch.setattr(chat, "_own", lambda conversation_id, _visitor: conversation_id)
    yield


@planted("GET /v1/documents", "shows words")
async def answers_kept_by_their_path_alone(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    kept: dict[str, Any] = {}

    @app.middleware("http")
    async def remember(request: Request, go_on: Callable[[Request], Any]) -> Any:
        answer = await go_on(request)
        if answer.status_code != 200:
            return answer
        body = b"".join([chunk async for chunk in answer.body_iterator])
        return Response(kept.setdefault(request.url.path, body), media_type="application/json")

    yield


@planted("POST /v1/channels/{kind}", "shows")
async def an_error_that_names_whose_it_is(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    @app.exception_handler(RequestValidationError)
    async def say(request: Request, _: RequestValidationError) -> Response:
        given = (await request.body()).decode()
        named = next((house for house in world.houses if house.id in given), None)
        said = f"It is {named.secret.decode()}'s." if named else "No."
        return Response(said, 422, media_type="application/problem+json")

    yield


@planted("GET /v1/documents/{document_id}", "differs")
async def a_header_that_only_existing_things_have(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    @app.middleware("http")
    async def mark(request: Request, go_on: Callable[[Request], Any]) -> Any:
        answer = await go_on(request)
        id_ = _uuid(request.url.path.rpartition("/")[2])
        there = id_ and await world.owner_says(
            "SELECT updated_at FROM knowledge_documents WHERE id = $1", id_
        )
        if there:
            answer.headers["last-modified"] = str(there)
        return answer

    yield


@planted("GET /health/ready", "differs")
async def a_state_of_health_that_tells_who_is_there(
    world: World, app: FastAPI, patch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    @app.middleware("http")
    async def tell(request: Request, go_on: Callable[[Request], Any]) -> Any:
        answer = await go_on(request)
        named = request.headers.get("x-client-id") or request.query_params.get("client_id")
        if any(house.id == named for house in world.houses):
            answer.status_code = 503
        return answer

    patch.setattr(proof, "PAUSE_SECONDS", 0)
    yield


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def copy_of(world: World) -> FastAPI:
    """An application of its own, to be spoiled."""
    return create_app(world.product.services)

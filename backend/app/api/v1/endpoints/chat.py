"""The web channel: a page posts messages and follows the conversation's durable log as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api.deps import ServicesDep, VisitorDep, VisitorTxDep
from app.api.once import OnceRoute
from app.bootstrap import Services
from app.core.errors import Conflict, NotFound, Unauthenticated
from app.core.security import Principal, Role
from app.core.shedding import Shed
from app.core.visits import Visitor
from app.models.channel_config import ChannelConfig, Route
from app.models.client import Client
from app.models.conversation import Conversation
from app.models.conversation_event import ConversationEvent
from app.models.message import Message
from app.models.staff import Staff
from app.schemas.chat import (
    Assistant,
    ChatPage,
    FeedbackIn,
    MessageAccepted,
    MessageIn,
    Nothing,
    SessionIn,
    SessionOut,
    WebCapabilities,
)
from app.schemas.common import MOST_SEQ
from app.services.channels.base import Address, EventKind, InboundEvent
from app.services.orchestrator import phrases, visitors
from app.services.orchestrator.events import event_json, message_json
from app.services.orchestrator.lateness import want_human
from app.services.orchestrator.receiver import Account

router = APIRouter(prefix="/web/v1", tags=["chat"], route_class=OnceRoute)

SESSION_SECONDS = 3600
QUIET_SECONDS = 10.0
KIND = "web"


@router.post("/sessions")
async def open_session(given: SessionIn, request: Request, services: ServicesDep) -> SessionOut:
    """Opens a chat for a page that the client allows."""
    async with services.db.directory() as tx:
        route = await ChannelConfig.route(tx, KIND, given.channel_key)
    if route is None:
        raise NotFound("There is no chat with this key. Check the page's snippet.")
    await services.origins.check(route, request.headers.get("origin"), request.url.netloc)
    await services.standings.require_served(route.client_id)
    visitor = _visitor(services, route, given.visitor_token)
    async with services.db.tenant(route.client_id) as tx:
        client = await Client.mine(tx)
        if given.identity_token is None:
            came = await visitors.anonymous(tx, visitor)
        else:
            account = await ChannelConfig.get(tx, route.account_id)
            identity = visitors.identity(
                services.channels, account, given.identity_token, client.slug, services.tools.now()
            )
            came = await visitors.identified(tx, visitor, identity)
            visitor = services.visits.new(route.account_id)  # Who comes next here may be another.
    principal = Principal(
        subject=came.subject,
        client_id=route.client_id,
        role=Role.VISITOR,
        contact_id=came.contact_id,
        conversation_id=came.conversation_id,
        account_id=route.account_id,
    )
    return _session(services, visitor, principal, client, given.locale)


def _visitor(services: Services, route: Route, token: str | None) -> Visitor:
    """The visitor who came back; a new one when there is no valid token."""
    if token:
        with suppress(Unauthenticated):
            return services.visits.read(token, route.account_id)
    return services.visits.new(route.account_id)


def _session(
    services: Services, visitor: Visitor, principal: Principal, client: Client, locale: str | None
) -> SessionOut:
    settings = client.assistant
    capabilities = services.channels.capabilities(KIND)
    language = "en" if (locale or settings.language).lower().startswith("en") else "ar"
    return SessionOut(
        session_token=services.tokens.issue(principal, timedelta(seconds=SESSION_SECONDS)),
        visitor_token=services.visits.token(visitor),
        conversation_id=_own(principal.conversation_id, principal),
        expires_in=SESSION_SECONDS,
        capabilities=WebCapabilities(streams=True, text_limit=capabilities.text_limit),
        disclosure_text=phrases.say("disclosure", language, client=client.name),
        assistant=Assistant(
            name=settings.assistant_name or client.name,
            greeting={
                lang: settings.greeting.get(lang) or phrases.say("greeting", lang)
                for lang in ("ar", "en")
            },
            starters={lang: settings.starters.get(lang, []) for lang in ("ar", "en")},
            color=settings.color,
            languages=["ar", "en"],
            digits="arab" if settings.digits == "arab" else "latn",
        ),
    )


def _own(conversation_id: UUID | None, visitor: Principal) -> UUID:
    """The conversation, if it is the visitor's; another's doesn't exist for them."""
    if conversation_id is None or conversation_id != visitor.conversation_id:
        raise NotFound
    return conversation_id


@router.post("/conversations/{conversation_id}/messages", status_code=202)
async def say(
    conversation_id: UUID,
    given: MessageIn,
    visitor: VisitorDep,
    services: ServicesDep,
    idempotency_key: Annotated[str | None, Header(max_length=100)] = None,
) -> MessageAccepted:
    """Takes a visitor's message. The same ``client_message_id`` again is the same message."""
    _own(conversation_id, visitor)
    if idempotency_key not in (None, str(given.client_message_id)):
        raise Conflict("Idempotency-Key and client_message_id must be the same.")
    await services.standings.require_served(visitor.client_id)
    now = services.tools.now()
    services.pressure.require(visitor.client_id, Shed.INTAKE)
    (received,) = await services.receiver.receive(
        visitor.client_id, _account(services, visitor), [_event(visitor, given, now)], now
    )
    if received:
        services.metrics.message(visitor.client_id, KIND, "in")
        return MessageAccepted(
            message_id=received.message_id,
            seq=received.seq,
            conversation_id=received.conversation_id,
        )
    return await _said_before(services, visitor, given)


def _account(services: Services, visitor: Principal) -> Account:
    if visitor.account_id is None:
        raise Unauthenticated
    return Account(visitor.account_id, KIND, services.channels.capabilities(KIND))


def _event(visitor: Principal, given: MessageIn, now: datetime) -> InboundEvent:
    return InboundEvent(
        event_key=f"web:{visitor.subject}:{given.client_message_id}",
        account=str(visitor.account_id),
        kind=EventKind.MESSAGE,
        occurred_at=now,
        addresses=(Address(*visitors.address_of(visitor.subject)),),
        platform_message_id=str(given.client_message_id),
        text=given.text,
    )


async def _said_before(services: Services, visitor: Principal, given: MessageIn) -> MessageAccepted:
    """What a repeated message came to the first time; other words under the same id are a mistake."""
    async with services.db.tenant(visitor.client_id) as tx:
        message = await Message.by_platform_id(tx, str(given.client_message_id))
    if message is None or message.text != given.text:
        raise Conflict("This client_message_id was used for another message.")
    return MessageAccepted(
        message_id=message.id, seq=message.seq, conversation_id=message.conversation_id
    )


@router.get("/conversations/{conversation_id}/messages")
async def messages(
    conversation_id: UUID,
    visitor: VisitorDep,
    tx: VisitorTxDep,
    before: Annotated[int | None, Query(ge=1, le=MOST_SEQ)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ChatPage:
    """A snapshot for the first paint."""
    conversation = await Conversation.get(tx, _own(conversation_id, visitor))
    found = await Message.page(tx, conversation.id, before=before, limit=limit + 1)
    shown = found[-limit:]
    names = {id_: await Staff.name_of(tx, id_) for id_ in _agents(conversation, shown)}
    return ChatPage.model_validate(
        {
            "data": [_stored(message, names) for message in shown],
            "has_more": len(found) > limit,
            "last_seq": conversation.last_seq,
            "owner": conversation.owner,
            "agent_name": names.get(conversation.agent_id) if conversation.agent_id else None,
            "waiting": conversation.waiting_since is not None,
            "status": conversation.status,
        }
    )


def _agents(conversation: Conversation, messages: Sequence[Message]) -> set[UUID]:
    """The colleagues whose names a page shows."""
    ids = (conversation.agent_id, *(message.staff_id for message in messages))
    return {id_ for id_ in ids if id_}


def _stored(message: Message, names: Mapping[UUID, str | None]) -> dict[str, Any]:
    """A message with what the log's events don't carry: they are older than any judgement."""
    name = names.get(message.staff_id) if message.staff_id else None
    return {**message_json(message, agent_name=name), "feedback": message.feedback}


async def own(conversation_id: UUID, visitor: VisitorDep, services: ServicesDep) -> UUID:
    """The visitor's own conversation, known before the first byte of a stream: later there is no other status."""
    services.followers.require_room(_own(conversation_id, visitor))
    return conversation_id


@router.get("/conversations/{conversation_id}/events", response_class=EventSourceResponse)
async def events(
    conversation_id: Annotated[UUID, Depends(own)],
    visitor: VisitorDep,
    services: ServicesDep,
    last_event_id: Annotated[int | None, Header(ge=0, le=MOST_SEQ)] = None,
    after: Annotated[int | None, Query(ge=0, le=MOST_SEQ)] = None,
    wait: Annotated[bool, Query(description="Stay and wait for more.")] = True,
) -> AsyncIterator[ServerSentEvent]:
    """Follows a conversation from ``Last-Event-ID`` or ``after`` on."""
    seq = last_event_id if last_event_id is not None else after or 0
    async for event in follow(services, visitor.client_id, conversation_id, seq, wait=wait):
        yield event


async def follow(
    services: Services, client_id: UUID, conversation_id: UUID, seq: int, *, wait: bool
) -> AsyncIterator[ServerSentEvent]:
    """Reads the durable log and waits for more. No connection to the database is held while it waits."""
    with services.followers.follow(conversation_id) as news:
        while not services.followers.closing.is_set():
            news.clear()
            async with services.db.tenant(client_id) as tx:
                found = await ConversationEvent.after(tx, conversation_id, seq)
            for event in found:
                yield _frame(event)
                seq = event.seq
            if not found:
                if not wait:
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), QUIET_SECONDS)


def _frame(event: ConversationEvent) -> ServerSentEvent:
    data: dict[str, Any] = {
        "v": 1,
        "type": event.type,
        "seq": event.seq,
        "conversation_id": str(event.conversation_id),
        "at": event.created_at.isoformat(),
        **event_json(event),
    }
    return ServerSentEvent(
        raw_data=orjson.dumps(data).decode(), event=event.type, id=str(event.seq)
    )


@router.post("/conversations/{conversation_id}/feedback", status_code=204)
async def feedback(
    conversation_id: UUID, given: FeedbackIn, visitor: VisitorDep, tx: VisitorTxDep
) -> None:
    """Keeps a thumb on a reply."""
    value = f"{given.value}: {given.reason}" if given.reason else given.value
    await Message.rate(tx, _own(conversation_id, visitor), given.message_id, value)


@router.post("/conversations/{conversation_id}/handover", status_code=202)
async def ask_for_human(
    conversation_id: UUID, _: Nothing, visitor: VisitorDep, tx: VisitorTxDep
) -> Nothing:
    """The visitor wants a person."""
    await want_human(tx, _own(conversation_id, visitor), "asked_for_human")
    return Nothing()

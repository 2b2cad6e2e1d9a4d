"""Conversations: read them, take them over, reply, hand them back."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api.deps import READERS, PrincipalDep, ServicesDep, TenantTxDep, require
from app.api.once import OnceRoute
from app.api.v1.endpoints.chat import follow
from app.core.security import Principal, Role, Scope
from app.models.channel_config import ChannelConfig
from app.models.conversation import Conversation
from app.models.job import Job
from app.models.message import Message
from app.models.usage import AnswerTrace
from app.schemas.chat import MessagePage
from app.schemas.common import MOST_SEQ, Page
from app.schemas.conversations import ConversationOut, JobOut, ReplyIn, ReplyOut, TraceOut
from app.services.orchestrator import handover
from app.services.orchestrator.events import message_json

router = APIRouter(prefix="/v1/conversations", tags=["conversations"], route_class=OnceRoute)

AgentDep = Annotated[Principal, require(Role.OWNER, Role.AGENT, scope=Scope.CONVERSATIONS_WRITE)]
ReaderDep = Annotated[Principal, require(*READERS, scope=Scope.CONVERSATIONS_READ)]


@router.get("")
async def list_conversations(
    tx: TenantTxDep,
    _: ReaderDep,
    waiting: bool | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Page[ConversationOut]:
    """The inbox: who waits longest comes first."""
    found = await Conversation.inbox(tx, waiting=waiting, after=after, limit=limit + 1)
    more = len(found) > limit
    data = [ConversationOut.model_validate(one) for one in found[:limit]]
    return Page(data=data, has_more=more, next=str(data[-1].id) if more else None)


@router.get("/{conversation_id}/messages")
async def messages(
    conversation_id: UUID,
    tx: TenantTxDep,
    _: ReaderDep,
    before: Annotated[int | None, Query(ge=1, le=MOST_SEQ)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> MessagePage:
    """What was said, oldest first."""
    conversation = await Conversation.get(tx, conversation_id)
    found = await Message.page(tx, conversation_id, before=before, limit=limit + 1)
    shown = [message_json(message) for message in found[-limit:]]
    return MessagePage.model_validate(
        {"data": shown, "has_more": len(found) > limit, "last_seq": conversation.last_seq}
    )


async def readable(conversation_id: UUID, principal: PrincipalDep, services: ServicesDep) -> UUID:
    """A conversation of the client, known before the first byte of a stream: later there is no other status."""
    async with services.db.tenant(principal.client_id) as tx:
        await Conversation.get(tx, conversation_id)
    services.followers.require_room(conversation_id)
    return conversation_id


@router.get("/{conversation_id}/events", response_class=EventSourceResponse)
async def events(
    conversation_id: Annotated[UUID, Depends(readable)],
    principal: PrincipalDep,
    _: ReaderDep,
    services: ServicesDep,
    last_event_id: Annotated[int | None, Header(ge=0, le=MOST_SEQ)] = None,
    after: Annotated[int | None, Query(ge=0, le=MOST_SEQ)] = None,
    wait: bool = True,
) -> AsyncIterator[ServerSentEvent]:
    """Follows a conversation."""
    seq = last_event_id if last_event_id is not None else after or 0
    async for event in follow(services, principal.client_id, conversation_id, seq, wait=wait):
        yield event


@router.post("/{conversation_id}/takeover", status_code=204)
async def take_over(conversation_id: UUID, tx: TenantTxDep, agent: AgentDep) -> None:
    """An agent takes the conversation: from now on the assistant is silent."""
    await handover.take_over(tx, conversation_id, agent.staff_id)


@router.post("/{conversation_id}/messages", status_code=202)
async def reply(
    conversation_id: UUID, given: ReplyIn, tx: TenantTxDep, agent: AgentDep, services: ServicesDep
) -> ReplyOut:
    """An agent replies."""
    conversation = await Conversation.get(tx, conversation_id)
    account = await ChannelConfig.get(tx, conversation.account_id)
    streamed = services.channels.capabilities(account.kind).streams
    message_id = await handover.reply(
        tx, conversation_id, agent.staff_id, given.text, streamed=streamed
    )
    return ReplyOut(message_id=message_id)


@router.post("/{conversation_id}/handback", status_code=204)
async def hand_back(conversation_id: UUID, tx: TenantTxDep, agent: AgentDep) -> None:
    """The assistant gets the conversation back."""
    await handover.hand_back(tx, conversation_id, agent.staff_id)


@router.post("/{conversation_id}/resolve", status_code=204)
async def resolve(conversation_id: UUID, tx: TenantTxDep, agent: AgentDep) -> None:
    """The conversation is over."""
    await handover.resolve(tx, conversation_id, agent.staff_id)


@router.get("/{conversation_id}/messages/{message_id}/trace")
async def trace(conversation_id: UUID, message_id: UUID, tx: TenantTxDep, _: ReaderDep) -> TraceOut:
    """Why this reply is what it is; or where the message is stuck."""
    message = await Message.get(tx, message_id)
    jobs = await Job.of_lane(tx, message.conversation_id)
    return TraceOut(
        message_id=message.id,
        author=message.author,
        delivery_state=message.delivery_state,
        delivery_error=message.delivery_error,
        answered_by=message.answered_by,
        trace=await AnswerTrace.of_message(tx, message.answered_by or message.id),
        jobs=[JobOut.model_validate(job) for job in jobs],
    )

"""The inbox: who waits, what was said, and what an agent does about it."""

from typing import Any
from uuid import UUID

from app.bootstrap import Services
from app.cli.choosing import choose_client, choose_colleague
from app.cli.installation import Installation, with_services
from app.core.multi_tenant import TenantTx
from app.models.channel_config import ChannelConfig
from app.models.client import Client
from app.models.conversation import Conversation, WaitingConversation
from app.models.message import Message
from app.services.orchestrator import deliveries, handover
from app.services.orchestrator.events import message_json

SAID = {
    "take": "The conversation is yours; the assistant is silent in it.",
    "reply": "Your reply is on its way.",
    "back": "The assistant has the conversation again.",
    "resolve": "The conversation is resolved.",
}


def every(slug: str | None, *, waiting: bool, limit: int) -> list[WaitingConversation]:
    """Conversations; who waits longest comes first."""

    async def work(here: Installation) -> list[WaitingConversation]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return await Conversation.inbox(tx, waiting=waiting or None, limit=limit)

    return with_services(work)


def read(slug: str | None, conversation_id: UUID) -> list[dict[str, Any]]:
    """What was said, oldest first."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await Conversation.get(tx, conversation_id)
            said = await Message.page(tx, conversation_id, limit=500)
            return [message_json(message) for message in said]

    return with_services(work)


def undelivered(slug: str | None) -> tuple[str, list[dict[str, Any]]]:
    """The business's policy, and what waits for a status or a decision."""

    async def work(here: Installation) -> tuple[str, list[dict[str, Any]]]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            policy = (await Client.mine(tx)).assistant.indeterminate
            found = await Message.in_states(tx, deliveries.UNDECIDED, 500)
        return policy, [{**message_json(m), "delivery_error": m.delivery_error} for m in found]

    return with_services(work)


def resend(slug: str | None, message_id: UUID) -> None:
    """Sends one of them again."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await deliveries.resend(tx, message_id, actor="cli")
        await here.finish()

    with_services(work)


def act(
    deed: str, slug: str | None, conversation_id: UUID, email: str | None, text: str
) -> dict[str, Any]:
    """Takes over, replies, hands back or resolves."""

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            staff_id = await choose_colleague(tx, email)
            message_id = await _do(here.services, deed, tx, conversation_id, staff_id, text)
        await here.finish()
        said = {"message_id": message_id} if message_id else {}
        return {"conversation_id": conversation_id, "done": deed, **said}

    return with_services(work)


async def _do(
    services: Services, deed: str, tx: TenantTx, conversation_id: UUID, staff_id: UUID, text: str
) -> UUID | None:
    match deed:
        case "take":
            await handover.take_over(tx, conversation_id, staff_id)
        case "back":
            await handover.hand_back(tx, conversation_id, staff_id)
        case "resolve":
            await handover.resolve(tx, conversation_id, staff_id)
        case _:
            return await _reply(services, tx, conversation_id, staff_id, text)
    return None


async def _reply(
    services: Services, tx: TenantTx, conversation_id: UUID, staff_id: UUID, text: str
) -> UUID:
    conversation = await Conversation.get(tx, conversation_id)
    account = await ChannelConfig.get(tx, conversation.account_id)
    streamed = services.channels.capabilities(account.kind).streams
    return await handover.reply(tx, conversation_id, staff_id, text, streamed=streamed)

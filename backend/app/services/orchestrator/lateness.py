"""What waited for too long: no answer comes to it by itself any more. It stays where people see it, and they are told.

An old message is marked at the door; this is for what was fresh then, and waited while no worker or no database was
there, or its client wasn't served.
"""

from dataclasses import replace
from uuid import UUID

from app.core.multi_tenant import Database, TenantTx
from app.models.contact import Contact
from app.models.conversation import Conversation, Owner
from app.models.lane import Lane
from app.models.message import Message
from app.models.turn import LoadedTurn
from app.services.orchestrator import consents
from app.services.orchestrator.events import tell
from app.services.orchestrator.jobs import NotifyStaff
from app.services.queue.jobs import Work, enqueue

REASON = "unavailable"
"""What colleagues read: the assistant wasn't there."""


async def without_late(
    db: Database, work: Work, conversation_id: UUID, turn: LoadedTurn, after: float
) -> LoadedTurn:
    """A turn with what still gets an answer; what has waited for more than ``after`` seconds is left to people.

    Raises:
        LeaseLost: Another worker holds the conversation.
    """
    late = [m for m in turn.waiting if float(m["age"]) > after]
    if not late or turn.owner != Owner.ASSISTANT:
        return turn
    last = int(late[-1]["seq"])
    async with db.tenant(work.client_id) as tx:
        await Conversation.get(tx, conversation_id, lock=True)
        await Lane.hold(tx, work.lease)
        for message in late:
            await consents.heed(tx, conversation_id, UUID(message["id"]), paused=True)
        await Message.mark_stale(tx, conversation_id, last)
        if not await Contact.is_out(tx, turn.contact_id):
            await want_human(tx, conversation_id, REASON)
    return replace(turn, waiting=[m for m in turn.waiting if m["seq"] > last])


async def want_human(tx: TenantTx, conversation_id: UUID, reason: str) -> None:
    """Puts the conversation on the waiting list and sees to it that people are told, once."""
    if await Conversation.want_human(tx, conversation_id, reason):
        await tell(tx, conversation_id, "handover.requested", reason=reason)
        await enqueue(tx, NotifyStaff(conversation_id))

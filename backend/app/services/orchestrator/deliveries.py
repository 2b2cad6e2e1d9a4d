"""Sends whose fate people have to decide: nobody knows whether they arrived, or the time to reply freely is over."""

from uuid import UUID

from app.core.errors import Conflict
from app.core.multi_tenant import TenantTx
from app.models.audit import AuditEntry
from app.models.job import Job
from app.models.message import Message
from app.services.orchestrator.events import STATUS, tell
from app.services.orchestrator.jobs import DeliverMessage
from app.services.queue.jobs import enqueue

UNDECIDED = ("indeterminate", "parked")


async def resend(tx: TenantTx, message_id: UUID, *, actor: str) -> None:
    """Sends a message again, because somebody says so: it may arrive twice, and that is their decision.

    Raises:
        Conflict: There is nothing to decide: it has arrived, failed, or is on its way.
        NotFound: There is no such message.
    """
    message = await Message.get(tx, message_id, lock=True)
    if message.delivery_state not in UNDECIDED:
        raise Conflict("This message isn't waiting for a decision. Read its state again.")
    await Message.requeue(tx, message_id)
    await tell(tx, message.conversation_id, STATUS, message_id=str(message_id), state="queued")
    jobs = await Job.of_lane(tx, message.conversation_id)
    mine = [j for j in jobs if j.payload.get("message_id") == str(message_id)]
    if any(j.kind == DeliverMessage.kind and j.state == "pending" for j in mine):
        await Job.hurry(tx, message.conversation_id)
    else:
        await enqueue(tx, DeliverMessage(message.conversation_id, message_id))
    await AuditEntry.add(tx, actor, "message.resent", str(message_id))

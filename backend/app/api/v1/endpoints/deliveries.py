"""Messages that didn't surely arrive: what happened to them, and what people decide."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.deps import READERS, TenantTxDep, require
from app.api.once import OnceRoute
from app.core.security import Principal, Role, Scope
from app.models.client import Client
from app.models.message import Message
from app.schemas.deliveries import DeliveriesOut, UndeliveredOut
from app.services.orchestrator import deliveries

router = APIRouter(prefix="/v1/deliveries", tags=["conversations"], route_class=OnceRoute)

AgentDep = Annotated[
    Principal, require(Role.OWNER, Role.AGENT, Role.SERVICE, scope=Scope.CONVERSATIONS_WRITE)
]
ReaderDep = Annotated[Principal, require(*READERS, scope=Scope.CONVERSATIONS_READ)]


@router.get("/undecided")
async def undecided(
    tx: TenantTxDep, _: ReaderDep, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> DeliveriesOut:
    """What wasn't surely delivered, oldest first; and what happens when no status comes by itself."""
    found = await Message.in_states(tx, deliveries.UNDECIDED, limit)
    policy = (await Client.mine(tx)).assistant.indeterminate
    return DeliveriesOut(policy=policy, data=[UndeliveredOut.model_validate(m) for m in found])


@router.post("/{message_id}/resend", status_code=202)
async def resend(message_id: UUID, tx: TenantTxDep, agent: AgentDep) -> None:
    """Sends it again. It may arrive twice."""
    await deliveries.resend(tx, message_id, actor=agent.subject)

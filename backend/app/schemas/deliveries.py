"""Messages that didn't surely arrive, as the API tells of them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.schemas.common import OutModel


class UndeliveredOut(OutModel):
    """One message."""

    id: UUID
    conversation_id: UUID
    author: str
    text: str | None
    delivery_state: str = Field(
        description="`indeterminate`: its answer was lost. `parked`: for people to decide."
    )
    delivery_error: str | None
    sending_since: datetime | None
    created_at: datetime


class DeliveriesOut(OutModel):
    """Those that wait for a decision, and the business's own policy."""

    policy: str = Field(
        description="What happens to an indeterminate send whose status never comes: `resend` or `park`."
    )
    data: list[UndeliveredOut]

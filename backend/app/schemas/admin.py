"""What people see who run a client."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from app.models.client import Quota
from app.models.parked import MOST, ParkedFilter
from app.schemas.common import InModel, OutModel

Code = Annotated[str, StringConstraints(pattern="^[a-z_]{1,60}$")]


class KeptEventOut(OutModel):
    """An event that wasn't processed. Its content stays in the database."""

    account_id: UUID
    event_key: str
    state: str
    created_at: dt.datetime


class UsageOut(OutModel):
    """What one day's answers of one model used on one channel, and what that cost by today's list."""

    day: dt.date
    model: str
    channel: str
    answers: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class UsedOut(OutModel):
    """What was used since the first of the month, and the size of all documents."""

    messages: int
    tokens: int
    knowledge_bytes: int


class QuotaOut(OutModel):
    """What a business may use, and what it has used."""

    allowed: Quota
    used: UsedOut


class AuditOut(OutModel):
    """One act."""

    id: UUID
    actor: str
    action: str
    target: str
    details: dict[str, Any]
    created_at: dt.datetime


class ParkedIn(InModel):
    """Which parked jobs are meant; all where nothing is said."""

    kind: Code | None = Field(None, examples=["deliver_message"])
    code: Code | None = Field(None, description="The code of the error they ended with.")
    since: AwareDatetime | None = Field(None, description="Made then or later.")
    until: AwareDatetime | None = Field(None, description="Made before.")
    limit: int = Field(100, ge=1, le=MOST)

    @property
    def filter(self) -> ParkedFilter:
        """The same, for the database."""
        return ParkedFilter(self.kind, self.code, self.since, self.until)


class ReplayedOut(OutModel):
    """How many jobs are on their lanes again."""

    replayed: int

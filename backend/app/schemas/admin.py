"""What people see who run a client."""

import datetime as dt
from typing import Any
from uuid import UUID

from app.schemas.common import OutModel


class KeptEventOut(OutModel):
    """An event that wasn't processed. Its content stays in the database."""

    account_id: UUID
    event_key: str
    state: str
    created_at: dt.datetime


class UsageOut(OutModel):
    """What one day's answers of one model used."""

    day: dt.date
    model: str
    answers: int
    input_tokens: int
    output_tokens: int


class AuditOut(OutModel):
    """One act."""

    id: UUID
    actor: str
    action: str
    target: str
    details: dict[str, Any]
    created_at: dt.datetime

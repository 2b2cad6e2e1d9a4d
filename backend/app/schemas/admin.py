"""What people see who run a client."""

import datetime as dt
from typing import Any
from uuid import UUID

from app.models.client import Quota
from app.schemas.common import OutModel


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

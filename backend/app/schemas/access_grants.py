"""Grants by which platform staff may read what is a client's."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from app.models.access_grant import MOST_HOURS
from app.schemas.common import Email, InModel, OutModel

Reason = Annotated[str, StringConstraints(min_length=5, max_length=500, pattern=r"^[^\x00-\x1f]+$")]
Hours = Annotated[int, Field(ge=1, le=MOST_HOURS)]


class GrantIn(InModel):
    """Whom an owner lets in, why, and for how long."""

    email: Email
    reason: Reason
    hours: Hours


class GrantWishIn(InModel):
    """Where one of the platform's staff wants in, why, and for how long."""

    slug: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    reason: Reason
    hours: Hours


class GrantMadeOut(OutModel):
    """What was given, or asked for."""

    id: UUID


class GrantOut(OutModel):
    """A grant, or the wish for one, as owners see it."""

    id: UUID
    staff_name: str
    reason: str
    hours: int
    state: str
    ends_at: datetime | None
    created_at: datetime


class OwnGrantOut(OutModel):
    """A grant, or the wish for one, as who holds it sees it."""

    id: UUID
    client: str
    reason: str
    hours: int
    state: str
    ends_at: datetime | None
    created_at: datetime

"""API keys as the API shows them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.core.security import Scope
from app.schemas.common import InModel, OutModel

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]
Granted = Annotated[list[Scope], Field(min_length=1, max_length=20)]


class KeyIn(InModel):
    """A new API key."""

    name: Name = Field(description="What it is for.")
    rights: Granted = Field(description="The scopes it is given: no more than its maker has.")
    mode: Literal["live", "test"] = Field("live", description="A test key only reads.")
    expires_in_days: int | None = Field(None, ge=1, le=3650, description="Never, if absent.")


class KeyOut(OutModel):
    """An API key, without what makes it one."""

    id: UUID
    name: str
    mode: str
    scopes: list[str]
    staff_id: UUID = Field(description="Whom it acts for.")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")
    revoked_at: datetime | None


class NewKeyOut(KeyOut):
    """An API key as it is shown once."""

    key: str = Field(description="Keep it now: it is shown this once.")

"""Exports, erasure and consent as the API takes and shows them."""

import datetime as dt
from uuid import UUID

from pydantic import Field

from app.models.client import Words
from app.schemas.common import InModel, OutModel


class ExportIn(InModel):
    """What is to be copied."""

    contact: UUID | None = Field(None, description="One contact's; the whole client's if absent.")


class ExportOut(OutModel):
    """A copy, and where it is fetched."""

    id: UUID
    contact_id: UUID | None
    state: str = Field(description="`pending` or `ready`.")
    size: int
    created_at: dt.datetime
    ready_at: dt.datetime | None
    url: str | None = Field(
        description="Where it can be fetched for five minutes, once it is ready."
    )


class EraseContactIn(InModel):
    """Nothing: whom to forget is in the address."""


class ErasedOut(OutModel):
    """What was erased, by table."""

    erased: dict[str, int]


class ErasureIn(InModel):
    """That a client is to be erased."""

    confirm: str = Field(
        max_length=100, description="The client's slug once more.", examples=["cafe"]
    )
    days: float = Field(30, ge=0, le=365, description="How long it can be kept after all.")


class KeepIn(InModel):
    """Nothing: whom to keep is in the address."""


class ConsentIn(InModel):
    """What a contact told a colleague about hearing from us unasked."""

    granted: bool
    wording: Words = Field(description="What they were asked or shown, in your words.")


class ConsentOut(OutModel):
    """What a contact agreed to or refused."""

    purpose: str
    granted: bool
    source: str
    wording: str
    message_id: UUID | None
    created_at: dt.datetime

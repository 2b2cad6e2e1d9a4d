"""Clients as the API shows them."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, field_validator

from app.models.client import ClientSettings, Line
from app.schemas.admin import QuotaOut
from app.schemas.common import Email, InModel, OutModel


class ClientOut(OutModel):
    """A client and how its assistant behaves."""

    id: UUID
    name: str
    slug: str
    is_active: bool
    version: int = Field(description="Of the configuration in use.")
    suspended_for: str | None = Field(None, description="Why nobody is answered now.")
    settings: ClientSettings


class ClientSummary(OutModel):
    """What whoever runs the installation sees of a client."""

    id: UUID
    name: str
    slug: str
    is_active: bool


class ClientState(ClientSummary):
    """How a client stands with whoever runs the installation. Nothing of what its contacts said is here."""

    created_at: datetime
    suspended_at: datetime | None
    suspended_for: str | None
    erase_at: datetime | None
    quota: QuotaOut


class SuspendIn(InModel):
    """Why a client is no longer served; its staff read it."""

    reason: Line


class ResumeIn(InModel):
    """Nothing: what is to be done is in the address."""


class ClientIn(InModel):
    """New name and settings."""

    name: str = Field(min_length=1, max_length=255)
    settings: ClientSettings


class OwnerIn(InModel):
    """The first colleague of a new client."""

    email: Email
    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=10, max_length=200)


class NewClientIn(InModel):
    """A new client with its owner."""

    name: str = Field(min_length=1, max_length=255)
    slug: str = Field(min_length=2, max_length=100, pattern=r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])$")
    settings: ClientSettings = Field(default_factory=ClientSettings)
    owner: OwnerIn

    @field_validator("slug")
    @classmethod
    def _addressable(cls, slug: str) -> str:
        """``/v1/clients/me`` is the caller's own."""
        if slug == "me":
            raise ValueError("This word means the caller's own client.")
        return slug

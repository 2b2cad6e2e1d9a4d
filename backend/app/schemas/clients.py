"""Clients as the API shows them."""

from uuid import UUID

from pydantic import Field

from app.models.client import ClientSettings
from app.schemas.common import Email, InModel, OutModel


class ClientOut(OutModel):
    """A client and how its assistant behaves."""

    id: UUID
    name: str
    slug: str
    is_active: bool
    settings: ClientSettings


class ClientSummary(OutModel):
    """What whoever runs the installation sees of a client."""

    id: UUID
    name: str
    slug: str
    is_active: bool


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

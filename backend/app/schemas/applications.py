"""OAuth applications as the API shows them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.schemas.common import InModel, OutModel
from app.schemas.keys import Granted, Name
from app.services.identity.applications import LONGEST_REDIRECT, MOST_REDIRECTS


class ApplicationIn(InModel):
    """A new OAuth application."""

    name: Name = Field(description="As people are asked whether they trust it.")
    rights: Granted = Field(description="The most that it may ever be given.")
    redirect_uris: list[Annotated[str, Field(max_length=LONGEST_REDIRECT)]] = Field(
        default_factory=list,
        max_length=MOST_REDIRECTS,
        description="Where people may be sent back to; compared letter by letter.",
    )
    algorithm: Literal["EdDSA", "RS256"] = Field(
        "EdDSA", description="How its access tokens are signed."
    )
    confidential: bool = Field(True, description="Whether it can keep a secret.")


class ApplicationOut(OutModel):
    """An OAuth application."""

    id: UUID = Field(description="What OAuth calls `client_id`.")
    name: str
    scopes: list[str]
    redirect_uris: list[str]
    algorithm: str
    created_at: datetime
    revoked_at: datetime | None


class NewApplicationOut(ApplicationOut):
    """An OAuth application with its secret."""

    secret: str | None = Field(description="What OAuth calls `client_secret`; shown this once.")

"""Signing in."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, SecretStr

from app.core.security import LONGEST_PASSWORD, Role
from app.schemas.common import Email, InModel, OutModel


class LoginIn(InModel):
    """Who wants in."""

    email: Email
    password: SecretStr = Field(min_length=1, max_length=LONGEST_PASSWORD)


class AccessToken(OutModel):
    """What to send as `Authorization: Bearer`."""

    access_token: str
    token_type: str = Field("Bearer")
    expires_in: int = Field(description="Seconds.", examples=[900])


class Me(OutModel):
    """Who a token speaks of."""

    subject: str
    client_id: UUID
    role: Role
    scopes: list[str]


class SessionOut(OutModel):
    """Where somebody is signed in."""

    id: UUID
    device: str = Field(examples=["Firefox, Linux"])
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    current: bool


class LogoutIn(InModel):
    """What is to end."""

    others: bool = Field(False, description="All other sessions, instead of the calling one.")

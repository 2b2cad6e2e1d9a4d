"""Signing in."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr

from app.core.security import LONGEST_PASSWORD, Role
from app.schemas.common import Email, InModel, OutModel

Password = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD)]
Code = Annotated[SecretStr, Field(min_length=1, max_length=40)]


class LoginIn(InModel):
    """Who wants in."""

    email: Email
    password: Password
    code: Code | None = Field(None, description="Of the authenticator app, or a recovery code.")


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


class PasswordIn(InModel):
    """Proves that it is the colleague themselves who is there."""

    password: Password


class PasswordChangeIn(PasswordIn):
    """The present password and the next one."""

    new_password: Password


class CodeIn(InModel):
    """A code of the authenticator app, or a recovery code."""

    code: Code


class ProposedFactor(OutModel):
    """What an authenticator app needs."""

    secret: str = Field(description="For typing it in, in base32.")
    uri: str = Field(description="The same, as a picture for the camera has it.")


class RecoveryCodes(OutModel):
    """Codes that open once each. They are shown this time only."""

    codes: list[str]

"""Staff, as owners see and invite them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.core.security import Role
from app.schemas.common import Email, InModel, OutModel

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$", strip_whitespace=True)
]  # fmt: skip
GivenRole = Literal["owner", "agent", "viewer"]


class PersonIn(InModel):
    """Who somebody is."""

    email: Email
    name: Name


class InvitationIn(PersonIn):
    """Whom to invite."""

    role: GivenRole


class RoleIn(InModel):
    """What a colleague may do from now on."""

    role: GivenRole


class StaffOut(OutModel):
    """A colleague."""

    id: UUID
    email: str
    name: str
    role: Role
    is_active: bool
    has_joined: bool = Field(
        description="Whether they have chosen a password, or signed in elsewhere."
    )
    second_factor: bool
    created_at: datetime


class InvitedOut(OutModel):
    """Who was invited. The way in goes to them by e-mail, and nowhere else."""

    id: UUID


class SignInRulesIn(InModel):
    """What is asked of staff when they sign in."""

    second_factor: bool


class SignInRulesOut(OutModel):
    """What is asked of staff when they sign in."""

    second_factor: bool

"""A client's identity provider, as its owner sets it up."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from app.schemas.common import InModel, OutModel
from app.schemas.staff import GivenRole

Address = Annotated[
    str, StringConstraints(min_length=1, max_length=500, pattern=r"^https?://[^\s\x00-\x1f]+$")
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f]+$")]
Domain = Annotated[
    str,
    StringConstraints(
        max_length=253, to_lower=True, pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$"
    ),
]  # fmt: skip


class IdentityProviderIn(InModel):
    """An OpenID Connect issuer, and who may come from it."""

    issuer: Address = Field(
        description="As it names itself.", examples=["https://login.cafe.example/realms/staff"]
    )
    application: Word = Field(description="Our client id there.", examples=["wafaa"])
    secret: SecretStr | None = Field(
        None, max_length=1000, description="Ours there; what is kept stays without one."
    )
    domains: Annotated[list[Domain], Field(min_length=1, max_length=50)] = Field(
        description="E-mail domains of the staff: nobody else comes in.",
        examples=[["cafe.example"]],
    )
    role_claim: Word | None = Field(
        None, description="Where roles stand in an ID token.", examples=["realm_access.roles"]
    )
    roles: Annotated[dict[Word, GivenRole], Field(max_length=50)] = Field(
        default_factory=dict,
        description="Ours, by what stands there.",
        examples=[{"wafaa-owner": "owner"}],
    )
    default_role: GivenRole | None = Field(
        None, description="For who has none there; without one they are refused."
    )
    trusts_email: bool = Field(
        False, description="Whether addresses count as verified where the provider says nothing of it (Entra ID)."
    )  # fmt: skip


class IdentityProviderOut(OutModel):
    """What is set up. The secret never leaves."""

    issuer: str
    application: str
    domains: list[str]
    role_claim: str | None
    roles: dict[str, str]
    default_role: str | None
    trusts_email: bool
    redirect_uri: str = Field(description="To be entered at the provider.")

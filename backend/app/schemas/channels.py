"""Channel accounts as the API shows them."""

from typing import Any
from uuid import UUID

from pydantic import Field

from app.schemas.common import InModel, OutModel


class KindOut(OutModel):
    """A channel, and the JSON schema of the form that connects it."""

    kind: str
    form: dict[str, Any]


class AccountIn(InModel):
    """A new channel account."""

    name: str = Field(min_length=1, max_length=200)
    config: dict[str, Any] = Field(description="The fields of the channel's form.")


class AccountOut(OutModel):
    """A channel account without its credentials."""

    id: UUID
    kind: str
    name: str
    external_id: str = Field(
        description="The platform's id; for the web channel the public key of the snippet."
    )
    is_active: bool

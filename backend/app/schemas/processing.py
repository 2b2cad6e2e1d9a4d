"""A client's record of processing as the API shows it."""

from datetime import datetime

from pydantic import Field

from app.schemas.common import OutModel


class RecipientOut(OutModel):
    """Who gets something of the business's."""

    kind: str = Field(description="channel, model, embedder, sign_in, mail, keys or events.")
    name: str
    region: str | None = Field(
        description="local, a code such as us, or null where the platform decides."
    )
    gets: list[str]
    used: bool = Field(description="False where the business's settings keep its texts here.")


class PeopleOut(OutModel):
    """Whose data, and which."""

    who: str = Field(description="contacts or staff.")
    data: list[str]


class TransfersOut(OutModel):
    """Whether texts may leave the installation, and where to."""

    allowed: bool
    regions: list[str] = Field(description="Anywhere when empty.")


class HoldingsOut(OutModel):
    """How much is held."""

    contacts: int
    conversations: int
    messages: int
    attachments: int
    documents: int
    staff: int
    oldest_message_at: datetime | None


class RecordOut(OutModel):
    """The record of processing of a business (GDPR article 30, PDPL article 31), as things are now."""

    slug: str
    controller: str
    controller_contacts: list[str]
    operator: str | None = Field(description="Whom to write to about the installation.")
    url: str
    purposes: list[str]
    people: list[PeopleOut]
    recipients: list[RecipientOut]
    transfers: TransfersOut
    retention: dict[str, int | None] = Field(description="Days; null is until it is erased.")
    held: HoldingsOut
    configuration: int = Field(description="The version of the settings in use.")
    at: datetime

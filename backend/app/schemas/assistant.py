"""A client's configuration as the API shows it: published, drafted, over time."""

import datetime as dt
from typing import Any

from pydantic import Field

from app.models.client import ClientSettings, Words
from app.schemas.common import InModel, OutModel


class VersionOut(OutModel):
    """One published configuration."""

    version: int
    name: str
    settings: ClientSettings
    author: str
    note: str | None
    created_at: dt.datetime


class ChangeOut(OutModel):
    """One place in which two configurations differ."""

    path: str
    before: Any
    after: Any


class DraftOut(OutModel):
    """What is being prepared, and what it changes."""

    base: int = Field(description="The published version that it was last compared with.")
    name: str
    settings: ClientSettings
    author: str
    updated_at: dt.datetime
    changes: list[ChangeOut]


class PublishIn(InModel):
    """Why something is published."""

    note: Words | None = None


class RestoreIn(InModel):
    """Nothing: what is to be done is in the address."""

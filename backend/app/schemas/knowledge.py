"""Knowledge as the API shows it."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.schemas.common import InModel, OutModel


class DocumentOut(OutModel):
    """One document and how far its indexing has come."""

    id: UUID
    title: str
    media_type: str
    status: str
    progress: float = Field(ge=0, le=1)
    error: str | None
    doubtful_pages: list[int] = Field(
        description="Pages that may not have been read rightly: look at their passages."
    )
    created_at: datetime


class PassageOut(OutModel):
    """A passage as found."""

    document_id: UUID
    title: str
    text: str
    question: str | None
    language: str
    score: float


class CitationOut(OutModel):
    """What a sentence rests on."""

    number: int
    title: str
    quote: str
    url: str | None


class AnswerOut(OutModel):
    """A grounded answer, or an honest "I don't have that info"."""

    answer: str
    language: str
    citations: list[CitationOut]
    grounded: bool
    offer_human: bool
    model: str


class QuestionIn(InModel):
    """A question."""

    question: str = Field(min_length=1, max_length=2000)

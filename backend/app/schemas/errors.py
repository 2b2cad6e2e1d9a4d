"""Errors as the API gives them: RFC 9457, with a code that programs can rely on."""

from pydantic import Field

from app.schemas.common import OutModel


class FieldError(OutModel):
    """One thing that is wrong with a request. It never repeats what was sent."""

    pointer: str = Field(description="JSON pointer of the field.", examples=["/email"])
    place: str = Field("body", description="Where to look: body, query, path, header.")
    detail: str = Field(description="What is wrong.", examples=["This field is needed."])


class Problem(OutModel):
    """What went wrong, for people in their language and for programs by `code`."""

    type: str = Field(description="Where this problem is described.")
    title: str
    status: int
    detail: str = Field(description="What happened, and what to do next.")
    instance: str = Field(description="This very occurrence.")
    code: str = Field(examples=["not_found"], description="Never changes with the language.")
    errors: list[FieldError] = Field(default_factory=list)
    request_id: str
    retryable: bool = Field(description="Whether the same request may succeed later.")

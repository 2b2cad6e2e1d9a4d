"""What every model of the API is made of."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

ItemT = TypeVar("ItemT")


class InModel(BaseModel):
    """What the API takes: nothing unknown, and no text that a database refuses.

    Ids, roles and times that the server owns never belong in one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        if has_nul(value):
            raise ValueError("A NUL character.")
        return value


class OutModel(BaseModel):
    """What the API gives: only declared fields leave."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Page(OutModel, Generic[ItemT]):
    """A part of a list."""

    data: list[ItemT]
    has_more: bool = Field(description="Whether there is more after this page.")
    next: str | None = Field(None, description="Give it as `after` to read on.")


def has_nul(value: object) -> bool:
    """Whether a text anywhere inside has a NUL, which PostgreSQL can't keep."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(has_nul(part) for pair in value.items() for part in pair)
        case list() | tuple() | set() | frozenset():
            return any(has_nul(part) for part in value)
        case _:
            return False


def _address(text: str) -> str:
    name, at, host = text.strip().partition("@")
    if not (name and at and "." in host.strip(".")) or any(c.isspace() or c == "@" for c in host):
        raise ValueError("Not an e-mail address.")
    return f"{name}@{host}".casefold()


Email = Annotated[
    str, Field(max_length=254, examples=["owner@cafe.example"]), AfterValidator(_address)
]
"""An e-mail address, in the one spelling that we keep."""

"""What every model of the API is made of."""

import re
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

ItemT = TypeVar("ItemT")

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")

MOST_SEQ = 2**63 - 1
"""The highest number that PostgreSQL keeps; what counts events and messages goes no further."""


class InModel(BaseModel):
    """What the API takes: nothing unknown, and no text that a database refuses.

    Ids, roles and times that the server owns never belong in one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*")
    @classmethod
    def _keepable(cls, value: Any) -> Any:
        if unkeepable(value):
            raise ValueError("A NUL character, or half of one.")
        return value


class OutModel(BaseModel):
    """What the API gives: only declared fields leave."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Page(OutModel, Generic[ItemT]):
    """A part of a list."""

    data: list[ItemT]
    has_more: bool = Field(description="Whether there is more after this page.")
    next: str | None = Field(None, description="Give it as `after` to read on.")


def unkeepable(value: object) -> bool:
    """Whether a text inside has a NUL, which PostgreSQL can't keep, or a lone surrogate, which UTF-8 can't."""
    match value:
        case str():
            return _UNKEEPABLE.search(value) is not None
        case SecretStr():
            return unkeepable(value.get_secret_value())
        case BaseModel():
            return any(unkeepable(part) for _, part in value)
        case dict():
            return any(unkeepable(part) for pair in value.items() for part in pair)
        case list() | tuple() | set() | frozenset():
            return any(unkeepable(part) for part in value)
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

"""What every model of the API is made of."""

import re
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

ItemT = TypeVar("ItemT")

_NUMBER = re.compile(r"(?i)[-+]?[0-9.]+(e[-+]?[0-9]+)?|true|false", re.ASCII)
_MOMENTS = {datetime, AwareDatetime}
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
        return keepable(value)

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: Any, told: ValidationInfo) -> Any:
        """A number is no truth value and no moment, whatever else pydantic would make of it."""
        wanted = _choices(cls.model_fields[told.field_name or ""].annotation)
        if wanted == {bool} and isinstance(value, int | float) and not isinstance(value, bool):
            raise PydanticCustomError("bool_type", "Not a truth value.")
        if wanted == {int} and isinstance(value, bool):
            raise PydanticCustomError("int_type", "Not a whole number.")
        if wanted & _MOMENTS and _NUMBER.fullmatch(str(value)):
            raise PydanticCustomError("datetime_type", "Not a date and time.")
        return value


def _choices(annotation: object) -> set[object]:
    """The types that a field takes, beside nothing."""
    either = get_origin(annotation) in (Union, UnionType)
    return {*(get_args(annotation) if either else (annotation,))} - {NoneType}


class OutModel(BaseModel):
    """What the API gives: only declared fields leave."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Page(OutModel, Generic[ItemT]):
    """A part of a list."""

    data: list[ItemT]
    has_more: bool = Field(description="Whether there is more after this page.")
    next: str | None = Field(None, description="Give it as `after` to read on.")


def keepable(value: ItemT) -> ItemT:
    """A value as it is, if a database takes all of its texts."""
    if unkeepable(value):
        raise ValueError("A NUL character, or half of one.")
    return value


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
    str,
    Field(max_length=254, examples=["owner@cafe.example"], json_schema_extra={"format": "email"}),
    AfterValidator(_address),
]
"""An e-mail address, in the one spelling that we keep."""

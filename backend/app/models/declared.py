"""SQLAlchemy's words for tables, kept until somebody wants tables.

To a type checker they are SQLAlchemy's own. What serves and works runs SQL that stands in the models and never asks for
tables: it keeps what was declared and goes without the library, which would be a quarter of its memory and of its
start. Migrations, checks and copies to take along have ``tables`` tell SQLAlchemy everything.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

if TYPE_CHECKING:
    from sqlalchemy import (
        BigInteger,
        CheckConstraint,
        DateTime,
        ForeignKey,
        ForeignKeyConstraint,
        Index,
        Integer,
        LargeBinary,
        MetaData,
        String,
        UniqueConstraint,
        text,
    )
    from sqlalchemy.dialects.postgresql import ARRAY, JSONB
    from sqlalchemy.orm import DeclarativeBase, Mapped, deferred, mapped_column

__all__ = [
    "ARRAY",
    "JSONB",
    "BigInteger",
    "CheckConstraint",
    "DateTime",
    "DeclarativeBase",
    "ForeignKey",
    "ForeignKeyConstraint",
    "Index",
    "Integer",
    "LargeBinary",
    "Mapped",
    "MetaData",
    "String",
    "UniqueConstraint",
    "deferred",
    "mapped_column",
    "tables",
    "text",
]

_HOMES = ("sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "sqlalchemy")
_TOLD = ("__tablename__", "__table_args__", "__abstract__", "__allow_unmapped__")
"""What a class tells SQLAlchemy beside its columns."""

T = TypeVar("T")


class Word:
    """A word of SQLAlchemy's, by itself or with what is said by it."""

    def __init__(
        self, name: str, said: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    ) -> None:
        self._name, self._said = name, said

    def __call__(self, *args: Any, **kwargs: Any) -> "Word":
        """Says something by it."""
        return Word(self._name, (args, kwargs))

    def spoken(self) -> Any:
        """What SQLAlchemy makes of it."""
        homes = map(import_module, _HOMES)
        meant = next(getattr(home, self._name) for home in homes if hasattr(home, self._name))
        if self._said is None:
            return meant
        args, kwargs = self._said
        return meant(*_spoken(args), **_spoken(kwargs))


class Column(Generic[T]):
    """Says that an attribute is a column."""


class Rows:
    """A table's class. Its rows have an attribute for each column, None where nothing was read."""

    _nothing: ClassVar[dict[str, None]] = {}

    def __init_subclass__(cls) -> None:
        cls._nothing = dict.fromkeys(name for base in cls.__mro__ for name in _columns(base))

    def __init__(self, **values: Any) -> None:
        for name in values.keys() - self._nothing.keys():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no column {name!r}.")
        self.__dict__.update(self._nothing | values)


def __getattr__(name: str) -> Word:
    if name in __all__:
        return Word(name)
    raise AttributeError(name)


if not TYPE_CHECKING:
    DeclarativeBase, Mapped = Rows, Column


def tables(base: type[DeclarativeBase]) -> "MetaData":
    """The tables of every class below one, as SQLAlchemy has them."""
    for model in _below(base):
        _class(model)
    metadata: MetaData = _class(base).metadata
    return metadata


def _below(base: Any) -> Iterator[Any]:
    for model in base.__subclasses__():
        yield model
        yield from _below(model)


@cache
def _class(model: type) -> Any:
    """The same class, declared to SQLAlchemy."""
    if model is object:
        return object
    if model is Rows:
        return Word("DeclarativeBase").spoken()
    told = {
        name: _spoken(value)
        for name, value in vars(model).items()
        if name in _TOLD or name == "type_annotation_map" or isinstance(value, Word)
    }
    mapped = Word("Mapped").spoken()
    told["__annotations__"] = {name: mapped[kind] for name, kind in _columns(model).items()}
    return type(model.__name__, tuple(map(_class, model.__bases__)), told)


def _columns(model: type) -> dict[str, Any]:
    """The columns that a class itself declares, and their kinds."""
    kinds = vars(model).get("__annotations__", {})
    return {name: get_args(kind)[0] for name, kind in kinds.items() if get_origin(kind) is Column}


def _spoken(said: Any) -> Any:
    match said:
        case Word():
            return said.spoken()
        case tuple() | list():
            return type(said)(map(_spoken, said))
        case dict():
            return {name: _spoken(value) for name, value in said.items()}
        case _:
            return said

"""Clients as files: one TOML file a client says how it is to be. Secrets are named, never written."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.core.errors import InvalidInput
from app.models.client import ClientSettings, Line, Quota
from app.utils.misfits import first_misfit

Slug = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])$", min_length=2, max_length=100),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelPart(_Part):
    """One channel account."""

    kind: Line
    name: Line
    config: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, Line] = Field(
        default_factory=dict, description="Fields by the environment variables that hold them."
    )


class KnowledgePart(_Part):
    """Documents of one source, by paths from the file's folder."""

    source: Line
    paths: list[Line] = Field(min_length=1)


class StaffPart(_Part):
    """One colleague."""

    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", to_lower=True)]
    name: Line
    role: Literal["owner", "agent", "viewer"] = "agent"


class TenantFile(_Part):
    """How a client is to be."""

    slug: Slug
    name: Name
    settings: ClientSettings = Field(default_factory=ClientSettings)
    quota: Quota = Field(default_factory=Quota)
    channels: list[ChannelPart] = Field(default_factory=list)
    knowledge: list[KnowledgePart] = Field(default_factory=list)
    staff: list[StaffPart] = Field(default_factory=list)


def read(path: Path) -> TenantFile:
    """One client's file.

    Raises:
        InvalidInput: It isn't TOML, or says something that no client can be.
    """
    try:
        return TenantFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{path}: {error}.") from error
    except ValidationError as error:
        place, said = first_misfit(error)
        raise InvalidInput(f"{path}: {place}: {said}") from error


def read_all(place: Path) -> dict[Path, TenantFile]:
    """The files of a folder, or one file.

    Raises:
        InvalidInput: One of them is wrong, or two speak of the same client.
    """
    paths = sorted(place.glob("*.toml")) if place.is_dir() else [place]
    if not paths:
        raise InvalidInput(f"{place} holds no .toml file.")
    files = {path: read(path) for path in paths}
    slugs: dict[str, Path] = {}
    for path, file in files.items():
        if file.slug in slugs:
            raise InvalidInput(f"{path} and {slugs[file.slug]} are both of {file.slug}.")
        slugs[file.slug] = path
    return files


def documents(part: KnowledgePart, folder: Path) -> list[Path]:
    """The files of a source.

    Raises:
        InvalidInput: A path leaves the folder, or names nothing.
    """
    found: list[Path] = []
    for pattern in part.paths:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise InvalidInput(f"{pattern} leaves the folder of its file.")
        matching = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not matching:
            raise InvalidInput(f"{pattern} names no file in {folder}.")
        found += [path for path in matching if path not in found]
    return found


def fields_of(
    part: ChannelPart, environ: Mapping[str, str], stored: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A channel's fields with its secrets; one that the environment lacks stays as it is stored.

    Raises:
        InvalidInput: Neither the environment nor what is stored knows a secret.
    """
    secrets: dict[str, Any] = {}
    for field, variable in part.secrets.items():
        value = environ.get(variable) or (stored or {}).get(field)
        if not value:
            raise InvalidInput(f"{part.kind} needs {variable} in the environment, for {field}.")
        secrets[field] = value
    return {**part.config, **secrets}


def without_nothing(value: Any) -> Any:
    """A plain value as TOML can say it: without what is None."""
    match value:
        case Mapping():
            return {n: without_nothing(v) for n, v in value.items() if v is not None}
        case str() | bytes():
            return value
        case Sequence():
            return [without_nothing(one) for one in value]
        case _:
            return value

"""Settings, and where each comes from."""

import os
from dataclasses import dataclass

from pydantic import SecretStr

from app.cli.installation import ENV_FILE
from app.core.config import Settings, read_env

MASKED = "********"


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting.

    Attributes:
        name: As it stands in the environment.
        value: Its value; a secret's only as far as whether it is set.
        source: ``default``, ``.env`` or ``environment``.
        description: What it does.
    """

    name: str
    value: str | int | float | bool | None
    source: str
    description: str


def shown() -> list[Shown]:
    """Every setting."""
    settings = Settings.read(ENV_FILE)
    file = read_env(ENV_FILE)
    return [
        Shown(
            field.alias or name,
            _plain(getattr(settings, name)),
            _source(field.alias or name, file),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _source(name: str, file: dict[str, str]) -> str:
    if name in os.environ:
        return "environment"
    return ".env" if name in file else "default"


def _plain(value: object) -> str | int | float | bool | None:
    if isinstance(value, SecretStr):
        return MASKED if value.get_secret_value() else None
    return value if isinstance(value, str | int | float | bool | None) else str(value)

"""Filling a channel's form: from options, files, the environment, and by asking on a terminal."""

import os
import secrets
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
import typer

from app.core.errors import InvalidInput

MADE_UP = ("verify_token",)
"""Words of the client's choice: made here when nobody chose."""


@dataclass(frozen=True, slots=True)
class Given:
    """Fields as they came, still texts."""

    fields: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(
        cls,
        values: Sequence[str] | None,
        files: Sequence[str] | None,
        variables: Sequence[str] | None,
    ) -> Self:
        """Reads ``FIELD=VALUE``, ``FIELD=PATH`` and ``FIELD=NAME`` words.

        Raises:
            InvalidInput: A word has no ``=``, a file can't be read, or a variable isn't set.
        """
        told = dict(_pair(word) for word in values or ())
        from_files = {name: _file(path) for name, path in map(_pair, files or ())}
        from_environment = {name: _variable(name_) for name, name_ in map(_pair, variables or ())}
        return cls({**told, **from_files, **from_environment})


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise InvalidInput(f"{word!r} should look like field=value.")
    return name, value


def _file(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} can't be read. Check the path.") from error


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise InvalidInput(f"The environment has no {name}. Set it and try again.")
    return value


def fill(form: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """The fields of a form, by its JSON schema.

    Raises:
        InvalidInput: A field isn't in the form, or one is missing and nobody can be asked.
    """
    known: dict[str, Any] = form.get("properties", {})
    unknown = [name for name in given.fields if name not in known]
    if unknown:
        raise InvalidInput(f"There is no field {unknown[0]!r}. There are: {', '.join(known)}.")
    filled = {name: _typed(known[name], text) for name, text in given.fields.items()}
    missing = [name for name in form.get("required", []) if name not in filled]
    return filled | {name: _missing(name, known[name]) for name in missing}


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    """A text as the form wants it: lists by comma, objects as JSON."""
    if text[:1] in ("{", "["):
        return orjson.loads(text)
    return [part.strip() for part in text.split(",") if part.strip()] if _is_list(schema) else text


def _is_list(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "array"


def _missing(name: str, schema: Mapping[str, Any]) -> str:
    if name in MADE_UP:
        return secrets.token_urlsafe(24)
    if not sys.stdin.isatty():
        flag = "--set-file" if _is_secret(schema) else "--set"
        raise InvalidInput(f"{name} is missing. Add {flag} {name}=…", pointer=f"/config/{name}")
    label = f"{schema.get('title', name)} ({schema.get('description', '')})"
    return str(typer.prompt(label, hide_input=_is_secret(schema), err=True))


def _is_secret(schema: Mapping[str, Any]) -> bool:
    parts = [schema, *schema.get("anyOf", [])]
    return any(part.get("format") == "password" for part in parts)


def toml_values(words: Sequence[str]) -> dict[str, Any]:
    """Fields of ``FIELD=VALUE`` words; a value that isn't TOML is a text: ``tone=formal``, ``providers=["llama"]``.

    Raises:
        InvalidInput: A word has no ``=``.
    """
    return {name: _toml(value) for name, value in map(_pair, words)}


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

"""Reads JSON from outside without raising: what isn't as expected is None or empty.

Whatever comes out can be written again by orjson and stored in a jsonb column.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

Json = Mapping[str, Any]

MAX_DEPTH = 32
"""Deeper values are replaced by ``…``: no platform nests like that, and orjson can't write what nests too deep."""

_SHALLOW = 200
"""A body with fewer brackets than this that orjson has read can't be too deep to be written again."""


def loads(body: bytes) -> Any:
    """The document, or None where there is none."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _storable(_leniently(body))
    brackets = body.count(b"{") + body.count(b"[")
    return _storable(document) if brackets > _SHALLOW or b"\\u0000" in body else document


def _leniently(body: bytes) -> Any:
    """Half an emoji, an infinite number or one bad byte must not cost the rest of a batch."""
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _storable(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        return "…"
    match value:
        case str():
            return storable_text(value)
        case dict():
            return {storable_text(k): _storable(v, depth + 1) for k, v in value.items()}
        case list():
            return [_storable(v, depth + 1) for v in value]
        case float() if not math.isfinite(value):
            return None
        case int() if abs(value) >= 2**63:
            return str(value)
        case _:
            return value


def storable_text(value: str) -> str:
    """The text without NULs and half characters, which PostgreSQL refuses."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def mapping(value: Any) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The list; a single value counts as a list of one, nothing as an empty one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def text(value: Any, limit: int) -> str | None:
    """The text, cut at ``limit``; None where it's empty or something else."""
    return value[:limit] if isinstance(value, str) and value else None


def identifier(value: Any, limit: int = 256) -> str | None:
    """A platform's id: printable, without spaces, and never cut."""
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        return None
    return value if value.isprintable() and " " not in value else None


def identifiers(value: Any, names: Sequence[str], limit: int = 256) -> dict[str, str]:
    """The named identifiers of an object, as far as it has them."""
    known = mapping(value)
    return {name: id_ for name in names if (id_ := identifier(known.get(name), limit))}


def number(value: Any) -> float | None:
    """The finite number; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def present(**fields: Any) -> dict[str, Any]:
    """Only the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}

"""Writing TOML: as much of it as our files need. Reading is the standard library's."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def dumps(table: Mapping[str, Any]) -> str:
    """A table as TOML: plain values first, then tables, then arrays of tables. None isn't written."""
    return "\n".join(_lines(table, "")).strip() + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    kept = {name: value for name, value in table.items() if value is not None}
    for name, value in kept.items():
        if not _is_table(value) and not _is_tables(value):
            yield f"{_key(name)} = {_value(value)}"
    for name, value in kept.items():
        inner = f"{path}.{_key(name)}" if path else _key(name)
        if _is_table(value):
            yield from ("", f"[{inner}]", *_lines(value, inner))
        elif _is_tables(value):
            for one in value:
                yield from ("", f"[[{inner}]]", *_lines(one, inner))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_table, value))


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else _text(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    """A basic string. JSON's escapes are TOML's, but for DEL, which TOML doesn't take as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

"""What FastAPI leaves out of the API's description, or writes in words of a newer standard than the one it names."""

from collections.abc import Iterator
from typing import Any

from app.schemas.errors import Problem

Object = dict[str, Any]


def complete(document: Object) -> Object:
    """The description with the shape of every error, who may call what, and streams in words of OpenAPI 3.1."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    told = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= told.pop("$defs") | {"Problem": told}
    for operation in _operations(document):
        operation.setdefault("security", [])  # Said, not left out: nobody need show a credential.
        _describe_events(operation)
    return document


def _operations(document: Object) -> Iterator[Object]:
    return (operation for methods in document["paths"].values() for operation in methods.values())


def _describe_events(operation: Object) -> None:
    """``itemSchema`` is a word of OpenAPI 3.2; before it, ``schema`` describes each event of a stream."""
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            if "itemSchema" in content:
                content["schema"] = content.pop("itemSchema")

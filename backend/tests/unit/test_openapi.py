"""The API's description has nothing that a reader, or a generated client, would stumble over."""

import re
from collections.abc import Iterator
from typing import Any

from tests.isolation.operations import example
from tests.unit.api_frame import app_for, stage

DOCUMENT: dict[str, Any] = app_for(stage()).openapi()


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            if (
                not path.startswith("/v1/things") and "/try" not in path
            ):  # Of the frame of the tests.
                yield f"{method.upper()} {path}", told


def _findings() -> Iterator[str]:
    seen: set[str] = set()
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for title, told in _operations():
        id_ = told.get("operationId", "")
        if not re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)+", id_) or id_ in seen:
            yield f"{title}: operationId {id_!r} isn't a short name of its own"
        seen.add(id_)
        if not told.get("summary") or not told.get("description"):
            yield f"{title}: no summary or description; write a docstring"
        if not set(told.get("tags", ())) or not set(told["tags"]) <= tags:
            yield f"{title}: tags {told.get('tags')} aren't described"
        yield from _of_responses(title, told["responses"])
        yield from _of_request(title, told)


def _of_responses(title: str, responses: dict[str, Any]) -> Iterator[str]:
    for group in ("4XX", "5XX"):
        content = responses.get(group, {}).get("content", {})
        if "application/problem+json" not in content:
            yield f"{title}: {group} isn't described as a problem"
    if not any(status[0] in "23" for status in responses):
        yield f"{title}: no success is described"
    yield from (
        f"{title}: {code} has no description"
        for code, told in responses.items()
        if not told["description"]
    )


def _of_request(title: str, told: dict[str, Any]) -> Iterator[str]:
    in_path = set(re.findall(r"{(\w+)", title))
    named = {one["name"] for one in told.get("parameters", ()) if one["in"] == "path"}
    if in_path != named:
        yield f"{title}: path names {in_path}, parameters {named}"
    for media, content in told.get("requestBody", {}).get("content", {}).items():
        try:
            example(DOCUMENT, content["schema"])
        except (KeyError, TypeError, RecursionError) as error:
            yield f"{title}: no example can be made of its {media} body: {error!r}"


def test_nothing_is_found_in_the_description() -> None:
    assert len(list(_operations())) > 40
    assert list(_findings()) == []


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = set(re.findall(r"'#/components/schemas/([^']+)'", str(DOCUMENT)))
    assert named <= set(schemas)


def _numbers(schema: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number in what a schema takes."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and f"/{name}" not in where:
        yield from _numbers(DOCUMENT["components"]["schemas"][name], f"{where}/{name}")
    if schema.get("type") in ("integer", "number"):
        yield where, schema
    inner = [*schema.get("anyOf", ()), *schema.get("properties", {}).values()]
    inner += [
        one for key in ("items", "additionalProperties") if isinstance(one := schema.get(key), dict)
    ]
    for one in inner:
        yield from _numbers(one, where)


def test_every_number_that_is_taken_has_a_bound() -> None:
    """What is greater than any column, or than JSON is written with, would break where it is kept."""
    taken = [
        (title, schema)
        for title, told in _operations()
        for schema in (
            *(one["schema"] for one in told.get("parameters", ())),
            *(one["schema"] for one in told.get("requestBody", {}).get("content", {}).values()),
        )
    ]
    numbers = [found for title, schema in taken for found in _numbers(schema, title)]
    assert len(numbers) > 10
    assert [
        where for where, one in numbers if not {"maximum", "exclusiveMaximum"} & one.keys()
    ] == []

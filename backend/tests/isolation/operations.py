"""What can be called: everything the API describes, and everything else that is mounted, with a body that fits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.isolation.world import QUESTION

UNDESCRIBED = {
    "POST /oauth/token": "Applications prove themselves inside the form, which these attempts don't.",
    "POST /oauth/revoke": "The same.",
    "GET /oauth/authorize": "Leads to the sign-in page: it knows nobody but by a session's cookie.",
    "POST /oauth/authorize": "A form: refused from anywhere but our own page, as these attempts are.",
    "GET /.well-known/oauth-authorization-server": "Where everything is, the same for everyone.",
    "GET /.well-known/oauth-protected-resource": "The same.",
    "GET /.well-known/jwks.json": "Public keys, the same for everyone.",
    "GET /openapi.json": "The description itself.",
    "GET /docs": "The description, for people.",
    "GET /docs/errors": "Error codes, the same for everyone.",
    "GET /c/{slug}": "A hosted chat's page: it shows a client's name and its public key, by its public slug.",
    "GET /w.js": "The widget's loader, the same for everyone.",
    "GET /widget/{name}": "The widget's parts, the same for everyone.",
    "GET /signin": "The sign-in page, the same for everyone.",
    "POST /signin": "A form: refused from anywhere but our own page, as these attempts are.",
    "POST /signout": "The same.",
    "GET /signin/files/{name}": "The sign-in pages' parts, the same for everyone.",
    "GET /account": "Leads to the sign-in page: it knows nobody but by a session's cookie.",
    "POST /account/sessions/{session_id}/end": "A form, refused from anywhere but our own page.",
    "POST /account/sessions/end-others": "The same.",
    "GET /reset": "Asks whose password was forgotten: the same for everyone.",
    "POST /reset": "A form, refused from anywhere but our own page.",
    "GET /reset/new": "Opens with a ticket's token alone.",
    "POST /reset/new": "A form, refused from anywhere but our own page.",
    "GET /invitation": "Opens with a ticket's token alone.",
    "POST /invitation": "A form, refused from anywhere but our own page.",
    "GET /signin/sso": "Asks where somebody works: the same for everyone.",
    "POST /signin/sso": "A form, refused from anywhere but our own page.",
    "GET /signin/sso/callback": "Opens with what a provider signed for one browser alone.",
    "GET /signin/code": "Leads to the sign-in page.",
    "POST /signin/code": "A form, refused from anywhere but our own page.",
    "GET /account/password": "Leads to the sign-in page.",
    "POST /account/password": "A form, refused from anywhere but our own page.",
    "GET /account/second-factor": "Leads to the sign-in page.",
    "GET /account/second-factor/qr.svg": "Leads to the sign-in page.",
    "POST /account/second-factor/begin": "A form, refused from anywhere but our own page.",
    "POST /account/second-factor/confirm": "The same.",
    "POST /account/second-factor/codes": "The same.",
    "POST /account/second-factor/remove": "The same.",
}
"""Routes that the OpenAPI document doesn't name, each with its reason. They are attacked like the others."""


READS = {"POST /v1/answers"}
"""They write nothing, in spite of their method."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    names: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    required: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    media: str = ""

    @property
    def title(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET" and self.title not in READS

    @property
    def makes(self) -> bool:
        """Whether it writes without naming anything that is there. Then it is right to act, and its attempts are
        bodies that are refused; who is touched when it acts is for ``test_acts``."""
        return self.writes and not any(name.endswith("_id") for name in self.names)

    def rightful(self, caller: str) -> bool:
        """Whether naming another client is a caller's right here: whoever runs the installation runs all clients."""
        return caller == "platform" and "client_id" in self.names


def mounted(app: FastAPI) -> set[str]:
    """Every method of every route that the application has."""
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if method != "HEAD"
    }


def operations(app: FastAPI) -> list[Operation]:
    """What can be called: everything described, and everything else that is mounted."""
    document = app.openapi()
    found = [
        _operation(document, method.upper(), path, told)
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    ]
    described = {one.title for one in found}
    rest = sorted(mounted(app) - described)
    return found + [_undescribed(title) for title in rest]


def _undescribed(title: str) -> Operation:
    method, _, path = title.partition(" ")
    return Operation(method, path, tuple(re.findall(r"{(\w+)", path)))


def _operation(document: Any, method: str, path: str, told: Any) -> Operation:
    parameters = told.get("parameters", [])
    query = [one for one in parameters if one["in"] == "query"]
    content = told.get("requestBody", {}).get("content", {})
    media, schema = next(iter(content.items()), ("", {}))
    return Operation(
        method,
        path,
        tuple(re.findall(r"{(\w+)", path)),
        tuple(one["name"] for one in query if one["name"] != "wait"),
        {one["name"]: QUESTION for one in query if one.get("required")},
        example(document, schema.get("schema", {})) if content else None,
        media,
    )


SAMPLES = {
    "email": "x@y.example", "slug": "some-slug", "question": QUESTION, "settings": {}, "config": {},
}  # fmt: skip
"""Values for fields of these names, where a made-up one would be refused."""


def example(document: Any, schema: Any, name: str = "") -> Any:
    """A value that fits a JSON schema: its first example, else what is required and no more."""
    if reference := schema.get("$ref"):
        return example(
            document, document["components"]["schemas"][reference.rpartition("/")[2]], name
        )
    if examples := schema.get("examples"):
        return examples[0]
    if name in SAMPLES:
        return SAMPLES[name]
    if "properties" in schema:
        wanted = schema.get("required", [])
        return {n: example(document, schema["properties"][n], n) for n in wanted}
    if options := schema.get("enum") or schema.get("anyOf") or schema.get("oneOf"):
        return options[0] if "enum" in schema else example(document, options[0], name)
    return schema["const"] if "const" in schema else _scalar(document, schema, name)


def _scalar(document: Any, schema: Any, name: str) -> Any:
    formats = {
        "uuid": "01890000-0000-7000-8000-00000000abcd", "date": "2026-01-31",
        "date-time": "2026-01-31T12:00:00Z", "uri": "https://x.example/y",
    }  # fmt: skip
    match schema.get("type"):
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "array":
            items = range(schema.get("minItems", 0))
            return [example(document, schema["items"], name) for _ in items]
        case "object":
            return {}
        case "string":
            word = formats.get(schema.get("format", ""), "a word of some length")
            return word.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]
        case _:
            return True

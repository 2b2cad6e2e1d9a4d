"""What pages and OAuth take, which the API's description doesn't name: read off the endpoints themselves."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from fastapi import FastAPI, params
from fastapi.routing import iter_route_contexts

from app.api.oauth import asking, consent
from app.api.signing import single_sign_on

BY_HAND: dict[Callable[..., Any], dict[str, tuple[str, ...]]] = {
    asking.form: {
        "form": (
            "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "token", "client_id",
            "client_secret",
        )
    },
    consent.ask: {"query": consent.CARRIED},
    consent.pairs_of: {"form": (*consent.CARRIED, "decision")},
    single_sign_on.come_back: {"query": ("code", "state", "iss", "error")},
}  # fmt: skip
"""Who reads a form or a query without declaring what it takes, and what that is."""
SAMPLES = {
    "lang": "en", "return_to": "/account", "password": "a word of some length", "new_password": "a word of some length",
    "code": "000000", "email": "x@y.example", "business": "cafe", "done": "ended", "decision": "allow", "token": "none",
    "session_id": "01890000-0000-7000-8000-00000000abcd", "state": "s", "iss": "https://issuer.example", "error": "",
    "grant_type": "authorization_code", "code_verifier": "v" * 43, "scope": "", "refresh_token": "none",
    "redirect_uri": "https://app.example/callback", "response_type": "code", "code_challenge_method": "S256",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbUJSstw-cM", "client_id": "nobody", "client_secret": "none",
    "slug": "cafe", "name": "nothing.css",
}  # fmt: skip
"""A text that fits, for everything that is taken."""
_BY_HAND = ("request.form(", "request.query_params", "request.body(")


@dataclass(frozen=True)
class Door:
    """A route that takes texts from a path, a query or a form.

    Attributes:
        method: HTTP method.
        path: As the route writes it.
        texts: What it takes, and where each stands: path, query or form.
    """

    method: str
    path: str
    texts: tuple[tuple[str, str], ...]

    @property
    def title(self) -> str:
        return f"{self.method} {self.path}"

    def of(self, where: str) -> tuple[str, ...]:
        """The names of what stands in one place."""
        return tuple(name for place, name in self.texts if place == where)


def doors(app: FastAPI) -> list[Door]:
    """Every mounted route that the API's description doesn't name and that takes something."""
    described = app.openapi()["paths"]
    found = (
        Door(method, route.path, tuple(dict.fromkeys(_texts(route.endpoint, route.path))))
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
        if route.path not in described and method != "HEAD"
    )
    return [door for door in found if door.texts]


def _texts(takes: Callable[..., Any], path: str) -> Iterator[tuple[str, str]]:
    """What an endpoint takes, its dependencies included: place and name."""
    if takes in BY_HAND:
        yield from ((where, name) for where, names in BY_HAND[takes].items() for name in names)
    elif any(word in _source(takes) for word in _BY_HAND):
        raise AssertionError(f"{takes.__qualname__} reads by hand: say in BY_HAND what it takes.")
    for name, parameter in inspect.signature(takes, eval_str=True).parameters.items():
        yield from _of_parameter(name, parameter.annotation, path)


def _of_parameter(name: str, annotation: Any, path: str) -> Iterator[tuple[str, str]]:
    if f"{{{name}}}" in path:
        yield "path", name
    elif get_origin(annotation) is Annotated:
        for said in get_args(annotation)[1:]:
            match said:
                case params.Depends(dependency=dependency) if dependency is not None:
                    yield from _texts(dependency, path)
                case params.Form():
                    yield "form", said.alias or name
                case params.Query():
                    yield "query", said.alias or name
    elif annotation is str:
        yield "query", name


def _source(takes: Callable[..., Any]) -> str:
    return inspect.getsource(takes) if inspect.isfunction(takes) else ""

"""What the API takes has no place for what the server owns: ids, roles, times. Looked up in the models themselves."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel

from app import schemas
from app.models.client import Quota
from app.schemas.common import InModel
from tests.unit.api_frame import app_for, stage

_NAMES = """
id client_id tenant_id tenant role roles created_at updated_at is_active owner_id staff_id agent_id contact_id
account_id conversation_id sealed password_hash scopes subject seq delivery_state knowledge_version
"""
OWNED = frozenset(_NAMES.split())
OPEN = {
    (
        "AccountIn",
        "config",
    ): "Each channel has a form of its own; its Config forbids unknown fields."
}
"""Fields that hold a free object, each with its reason."""
GIVEN = {
    ("InvitationIn", "role"): "An owner says what a colleague may do.",
    ("RoleIn", "role"): "The same.",
    ("IdentityProviderIn", "roles"): "An owner says which of ours a provider's roles are.",
}
"""Owned by the server, and yet given, each with its reason."""
FORMS = {
    "POST /v1/documents": "A file.",
    "POST /signin": "A page that works without a script; so are all that follow.",
    "POST /signin/code": "A page.",
    "POST /signin/sso": "A page.",
    "POST /signout": "A page.",
    "POST /reset": "A page.",
    "POST /reset/new": "A page.",
    "POST /invitation": "A page.",
    "POST /account/password": "A page.",
    "POST /account/second-factor/begin": "A page.",
    "POST /account/second-factor/codes": "A page.",
    "POST /account/second-factor/confirm": "A page.",
    "POST /account/second-factor/remove": "A page.",
    "POST /account/sessions/{session_id}/end": "A page.",
    "POST /account/sessions/end-others": "A page.",
    "POST /oauth/authorize": "A page.",
}
"""Bodies that are forms, of which FastAPI makes a model itself, each with its reason."""
READ_RAW = {
    "POST /webhook/{channel}/{client_slug}": "Signed as bytes; each channel reads its platform's form.",
    "POST /oauth/token": "A form as RFC 6749 has it; its fields are read by name.",
    "POST /oauth/revoke": "A form as RFC 7009 has it.",
}
"""Bodies that a route reads by itself."""
OTHERS = {Quota: "What a business may use is decided by who runs the installation, as it is kept."}
"""Models of bodies that aren't in-models, each with its reason."""


def _in_models() -> list[type[BaseModel]]:
    for module in pkgutil.iter_modules(schemas.__path__):
        import_module(f"{schemas.__name__}.{module.name}")
    found: dict[str, type[BaseModel]] = {}
    for model in _below(InModel):
        found |= {one.__name__: one for one in _with_parts(model)}
    return [found[name] for name in sorted(found)]


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in model.__subclasses__():
        yield child
        yield from _below(child)


def _with_parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in _types(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _with_parts(part)


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from _types(part)


MODELS = _in_models()


def test_the_models_are_found() -> None:
    assert {"LoginIn", "ClientSettings", "OwnerIn", "MessageIn"} <= {m.__name__ for m in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_is_taken_forbids_the_unknown_and_holds_nothing_the_server_owns(
    model: type[BaseModel],
) -> None:
    """Check 8."""
    assert model.model_config.get("extra") == "forbid"
    given = {name for owner, name in GIVEN if owner == model.__name__}
    assert OWNED & set(model.model_fields) == given
    free = {
        (model.__name__, n) for n, f in model.model_fields.items() if f.annotation == dict[str, Any]
    }
    assert free <= set(OPEN)


def _routes() -> dict[str, APIRoute]:
    return {
        f"{method} {context.path}": context.original_route
        for context in iter_route_contexts(app_for(stage()).routes)
        if isinstance(context.original_route, APIRoute)
        for method in sorted(context.methods or ())
    }


ROUTES = _routes()
BODIES = {title: route.body_field for title, route in ROUTES.items() if route.body_field}


def _dependants(route: APIRoute) -> Iterator[Dependant]:
    waiting = [route.dependant]
    while waiting:
        yield (one := waiting.pop())
        waiting += one.dependencies


def _names(field: Any) -> set[str]:
    """A parameter's names; where a model stands for many of them, theirs."""
    inner = getattr(field.field_info.annotation, "model_fields", {})
    return {field.name.lower(), field.alias.lower().replace("-", "_"), *inner}


def test_every_body_of_every_route_is_an_in_model_or_written_down() -> None:
    """Check 8: a model that isn't one of ours would be seen by nobody else."""
    known = {*MODELS, *OTHERS}
    strange = {
        title
        for title, body in BODIES.items()
        if not set(_types(body.field_info.annotation)) & known
    }
    assert strange == set(FORMS)
    assert len(BODIES) > len(FORMS) + 20
    assert set(READ_RAW) <= set(ROUTES)
    assert not set(READ_RAW) & set(BODIES)
    assert all(model.model_config.get("extra") == "forbid" for model in OTHERS)
    assert not [model for model in OTHERS if OWNED & set(model.model_fields)]


@pytest.mark.parametrize("title", ROUTES)
def test_no_form_query_header_or_cookie_names_what_the_server_owns(title: str) -> None:
    """Check 8."""
    named: set[str] = set()
    for one in _dependants(ROUTES[title]):
        fields = [*one.query_params, *one.header_params, *one.cookie_params]
        fields += one.body_params if title in FORMS else []
        named |= {name for field in fields for name in _names(field)}
    assert not named & OWNED

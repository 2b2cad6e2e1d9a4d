"""What the API takes has no place for what the server owns: ids, roles, times. Looked up in the models themselves."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from app import schemas
from app.schemas.common import InModel

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

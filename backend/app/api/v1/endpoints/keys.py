"""API keys: made by people, shown once, for the programs that act for them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.api.deps import TenantTxDep, require
from app.api.once import OnceRoute
from app.core.security import Principal, Role
from app.models.api_key import ApiKey
from app.schemas.keys import KeyIn, KeyOut, NewKeyOut
from app.services.identity import api_keys

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=OnceRoute)

PersonDep = Annotated[Principal, require(Role.OWNER, Role.AGENT, Role.VIEWER, scope=None)]


@router.post("", status_code=201)
async def create_key(given: KeyIn, tx: TenantTxDep, person: PersonDep) -> NewKeyOut:
    """Makes a key that acts for whoever asks. It is shown this once."""
    wish = api_keys.Wish(given.name, given.rights, api_keys.Mode(given.mode), given.expires_in_days)
    made = await api_keys.create(
        tx, wish, staff_id=person.staff_id, role=person.role, actor=person.subject
    )
    shown = KeyOut.model_validate(made.row)
    return NewKeyOut(**shown.model_dump(), key=made.key)


@router.get("")
async def list_keys(tx: TenantTxDep, person: PersonDep) -> list[KeyOut]:
    """One's own keys; for an owner everybody's. The keys themselves were shown once."""
    found = await ApiKey.all(tx, _whose(person))
    return [KeyOut.model_validate(key) for key in found]


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, tx: TenantTxDep, person: PersonDep) -> None:
    """Ends a key, within seconds and for ever."""
    await api_keys.revoke(tx, key_id, actor=person.subject, staff_id=_whose(person))


def _whose(person: Principal) -> UUID | None:
    """Whose keys they may see and end; None for everybody's."""
    return None if person.role is Role.OWNER else person.staff_id

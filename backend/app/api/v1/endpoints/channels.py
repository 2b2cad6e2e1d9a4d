"""Channel accounts: where contacts write to a client."""

from typing import Annotated, Any

from fastapi import APIRouter

from app.api.deps import READERS, ServicesDep, TenantTxDep, require
from app.api.once import OnceRoute
from app.core.errors import InvalidInput
from app.core.security import Principal, Role, Scope
from app.models.channel_config import ChannelConfig
from app.schemas.channels import AccountIn, AccountOut, KindOut
from app.services.orchestrator import accounts

router = APIRouter(prefix="/v1/channels", tags=["channels"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CHANNELS_WRITE)]
StaffDep = Annotated[Principal, require(*READERS, scope=Scope.CHANNELS_READ)]


@router.get("/kinds")
async def kinds(services: ServicesDep, _: StaffDep) -> list[KindOut]:
    """Every channel there is, with the form that connects it."""
    return [
        KindOut(kind=kind, form=services.channels.form(kind)) for kind in services.channels.kinds()
    ]


@router.get("")
async def list_accounts(tx: TenantTxDep, _: StaffDep) -> list[AccountOut]:
    """The client's channel accounts. Credentials never leave."""
    return [AccountOut.model_validate(account) for account in await ChannelConfig.of_kind(tx)]


OURS = frozenset({"graph_url"})
"""Fields that send us to other machines' doors: for whoever runs the installation, by `wafaa channel add`."""


@router.post("/{kind}", status_code=201)
async def connect(
    kind: str, given: AccountIn, tx: TenantTxDep, owner: OwnerDep, services: ServicesDep
) -> AccountOut:
    """Connects an account with the fields of its channel's form."""
    fields: dict[str, Any] = given.config
    if named := OURS & fields.keys():
        raise InvalidInput(
            "Only whoever runs this installation may set this.", pointer=f"/config/{min(named)}"
        )
    account = await accounts.connect(
        tx, services.channels, kind, given.name, fields, actor=owner.subject
    )
    return AccountOut.model_validate(account)

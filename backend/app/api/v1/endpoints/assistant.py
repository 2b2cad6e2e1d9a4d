"""The assistant's configuration: published, drafted, compared, rolled back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.api.deps import READERS, TenantTxDep, require
from app.api.etags import IfMatch, drafted, published
from app.api.etags import require as require_tag
from app.api.once import OnceRoute
from app.core.errors import NotFound
from app.core.security import Principal, Role, Scope
from app.models.client import Client
from app.models.client_version import ClientDraft, ClientVersion
from app.schemas.assistant import ChangeOut, DraftOut, PublishIn, RestoreIn, VersionOut
from app.schemas.clients import ClientIn
from app.services.orchestrator import configuration
from app.utils.differences import differences

router = APIRouter(prefix="/v1/assistant", tags=["assistant"], route_class=OnceRoute)

OwnerDep = Annotated[Principal, require(Role.OWNER, Role.SERVICE, scope=Scope.CLIENT_WRITE)]
StaffDep = Annotated[Principal, require(*READERS, scope=Scope.CLIENT_READ)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Wanted = Annotated[int, Query(ge=1, le=2**31 - 1)]


@router.get("")
async def read(tx: TenantTxDep, _: StaffDep, response: Response) -> VersionOut:
    """The configuration in use."""
    return await _in_use(tx, response)


@router.get("/draft")
async def read_draft(tx: TenantTxDep, _: StaffDep, response: Response) -> DraftOut:
    """What is being prepared."""
    draft = await ClientDraft.find(tx)
    if draft is None:
        raise NotFound("There is no draft.")
    client = await Client.mine(tx)
    response.headers["ETag"] = drafted(draft.base, draft.revision)
    changes = differences(
        configuration.plain(client.name, client.assistant),
        configuration.plain(draft.name, draft.assistant),
    )
    return DraftOut(
        base=draft.base,
        name=draft.name,
        settings=draft.assistant,
        author=draft.author,
        updated_at=draft.updated_at,
        changes=[ChangeOut.model_validate(change) for change in changes],
    )


@router.put("/draft")
async def save_draft(
    given: ClientIn, tx: TenantTxDep, owner: OwnerDep, seen: IfMatch, response: Response
) -> DraftOut:
    """Prepares a configuration. The first draft is begun over the published one's ETag, later ones over the draft's."""
    require_tag(seen, await _tag(tx))
    await configuration.save_draft(tx, given.name, given.settings, actor=owner.subject)
    return await read_draft(tx, owner, response)


@router.delete("/draft", status_code=204)
async def discard_draft(tx: TenantTxDep, owner: OwnerDep, seen: IfMatch) -> None:
    """Throws the draft away."""
    require_tag(seen, await _tag(tx))
    await configuration.discard_draft(tx, actor=owner.subject)


@router.post("/publish")
async def publish(
    given: PublishIn, tx: TenantTxDep, owner: OwnerDep, seen: IfMatch, response: Response
) -> VersionOut:
    """Puts the draft in use."""
    require_tag(seen, await _tag(tx))
    await configuration.publish_draft(tx, actor=owner.subject, note=given.note)
    return await _in_use(tx, response)


@router.get("/versions")
async def history(
    tx: TenantTxDep, _: StaffDep, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[VersionOut]:
    """What was published, newest first."""
    return [_shown(version) for version in await ClientVersion.latest(tx, limit)]


@router.get("/versions/{version}")
async def read_version(version: Number, tx: TenantTxDep, _: StaffDep) -> VersionOut:
    """One published configuration."""
    return _shown(await ClientVersion.get(tx, version))


@router.post("/versions/{version}/restore")
async def restore(
    version: Number, _: RestoreIn, tx: TenantTxDep, owner: OwnerDep, seen: IfMatch,
    response: Response,
) -> VersionOut:  # fmt: skip
    """Puts an earlier configuration in use again, as a new version; a draft stays as it is."""
    require_tag(seen, published((await Client.mine(tx)).version))
    await configuration.restore(tx, version, actor=owner.subject)
    return await _in_use(tx, response)


@router.get("/diff")
async def compare(tx: TenantTxDep, _: StaffDep, before: Wanted, after: Wanted) -> list[ChangeOut]:
    """What changed from one version to another."""
    changes = await configuration.compare(tx, before, after)
    return [ChangeOut.model_validate(change) for change in changes]


async def _tag(tx: TenantTxDep) -> str:
    """The tag of the draft; of the published configuration where there is none."""
    draft = await ClientDraft.find(tx, lock=True)
    if draft:
        return drafted(draft.base, draft.revision)
    return published((await Client.mine(tx)).version)


async def _in_use(tx: TenantTxDep, response: Response) -> VersionOut:
    version = await ClientVersion.get(tx, (await Client.mine(tx)).version)
    response.headers["ETag"] = published(version.version)
    return _shown(version)


def _shown(version: ClientVersion) -> VersionOut:
    return VersionOut(
        version=version.version,
        name=version.name,
        settings=version.assistant,
        author=version.author,
        note=version.note,
        created_at=version.created_at,
    )

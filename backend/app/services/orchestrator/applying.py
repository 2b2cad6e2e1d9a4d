"""Bringing a client in line with its file: what is different is a list of changes, and each knows how to be made.

A plan is read and made in one transaction, so what was shown is what is done; the next plan then has nothing to say.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from app.core.multi_tenant import TenantTx
from app.models.audit import AuditEntry
from app.models.channel_config import ChannelAccount, ChannelConfig
from app.models.client import Client, ClientRef
from app.models.client_version import ClientVersion
from app.models.knowledge_base import KnowledgeDocument, digest_of
from app.models.staff import Colleague, Staff
from app.services.orchestrator import accounts, clients, configuration, library
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.tenant_files import (
    ChannelPart,
    StaffPart,
    TenantFile,
    documents,
    fields_of,
    without_nothing,
)
from app.utils.differences import differences
from app.utils.media import media_type

ACTOR = "apply"
HIDDEN = "…"

Act = Callable[[TenantTx], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: what it is about, how it is, how it is to be; None where there is nothing on that side."""

    path: str
    before: Any
    after: Any
    act: Act | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """A client's file, and what it is read with."""

    file: TenantFile
    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    prune: bool = False


class Team(Protocol):
    """Takes people in and lets them go."""

    async def invite(self, tx: TenantTx, email: str, name: str, role: str) -> None:
        """Takes somebody in, or back."""

    async def change(self, tx: TenantTx, staff_id: UUID, name: str, role: str) -> None:
        """Gives a colleague another name, another role, or both."""

    async def let_go(self, tx: TenantTx, staff_id: UUID) -> None:
        """Lets a colleague go."""


async def plan(tx: TenantTx, channels: Channels, team: Team, wish: Wish) -> list[Change]:
    """What is different between a client and its file, in the order in which it is to be changed.

    Raises:
        InvalidInput: A path names nothing, or a secret isn't known.
    """
    client = await Client.mine(tx)
    return [
        *_configured(client, wish.file),
        *_allowed(client, wish.file),
        *await _staffed(tx, team, wish),
        *await _connected(tx, channels, wish),
        *await _taught(tx, wish),
    ]


async def make(tx: TenantTx, changes: list[Change]) -> None:
    """Makes the changes of a plan, in its own transaction."""
    for change in changes:
        if change.act:
            await change.act(tx)


async def begin(tx: TenantTx, file: TenantFile) -> ClientRef:
    """Makes a client that isn't there, in the scope that was opened for it; the plan does the rest.

    Raises:
        Conflict: The slug is taken.
    """
    client = await Client.add(tx, file.name, file.slug, file.settings)
    await ClientVersion.publish(tx, file.name, file.settings, author=ACTOR, note="From its file.")
    await AuditEntry.add(tx, ACTOR, "client.created", str(client.id))
    return client


def _configured(client: Client, file: TenantFile) -> Iterator[Change]:
    """Name and settings: published together, as one version."""
    before = without_nothing(configuration.plain(client.name, client.assistant))
    after = without_nothing(configuration.plain(file.name, file.settings))
    changes = list(differences(before, after))

    async def act(tx: TenantTx) -> None:
        await configuration.publish(
            tx, file.name, file.settings, actor=ACTOR, note="From its file."
        )

    for number, change in enumerate(changes):
        yield Change(change.path, change.before, change.after, None if number else act)


def _allowed(client: Client, file: TenantFile) -> Iterator[Change]:
    before = client.allowed.model_dump(exclude_none=True)
    changes = list(differences(before, file.quota.model_dump(exclude_none=True), "quota"))

    async def act(tx: TenantTx) -> None:
        await clients.allow(tx, file.quota, actor=ACTOR)

    for number, change in enumerate(changes):
        yield Change(change.path, change.before, change.after, None if number else act)


async def _staffed(tx: TenantTx, team: Team, wish: Wish) -> list[Change]:
    """Owners come first, so that there is always one; whoever leaves, leaves last."""
    present = {colleague.email: colleague for colleague in await Staff.all(tx)}
    changes: list[Change] = []
    for wanted in sorted(wish.file.staff, key=lambda one: one.role != "owner"):
        known = present.pop(wanted.email, None)
        before = {"name": known.name, "role": known.role} if known and known.is_active else None
        after = {"name": wanted.name, "role": wanted.role}
        if before != after:
            act = _change(team, known.id, wanted) if known and before else _invite(team, wanted)
            changes.append(Change(f"staff.{wanted.email}", before, after, act))
    if wish.prune:
        changes += [
            Change(
                f"staff.{one.email}", {"name": one.name, "role": one.role}, None, _let_go(team, one)
            )
            for one in present.values()
            if one.is_active
        ]
    return changes


def _invite(team: Team, wanted: StaffPart) -> Act:
    return lambda tx: team.invite(tx, wanted.email, wanted.name, wanted.role)


def _change(team: Team, staff_id: UUID, wanted: StaffPart) -> Act:
    return lambda tx: team.change(tx, staff_id, wanted.name, wanted.role)


def _let_go(team: Team, colleague: Colleague) -> Act:
    return lambda tx: team.let_go(tx, colleague.id)


async def _connected(tx: TenantTx, channels: Channels, wish: Wish) -> list[Change]:
    present = {
        _identity(account.kind, account.name, account.fields): account
        for account in await ChannelConfig.of_kind(tx)
    }
    changes: list[Change] = []
    for part in wish.file.channels:
        known = present.pop(_identity(part.kind, part.name, part.config), None)
        stored = known.fields if known else None
        fields = fields_of(part, wish.environ, stored)
        before = {"name": known.name, **(stored or {})} if known and known.is_active else {}
        told = _told(channels, part, before, {"name": part.name, **fields})
        if told:
            told[0] = replace(told[0], act=_connect(channels, part, fields, known))
        changes += told
    if wish.prune:
        changes += [
            Change(f"channels.{one.kind}.{one.name}", one.external_id, None, _disconnect(one))
            for one in present.values()
            if one.is_active
        ]
    return changes


def _told(
    channels: Channels, part: ChannelPart, before: dict[str, Any], after: dict[str, Any]
) -> list[Change]:
    """The fields that differ. That a secret differs is told, and nothing more of it."""
    secret = accounts.secrets_of(channels, part.kind)
    path = f"channels.{part.kind}.{part.name}"
    return [
        (
            Change(f"{path}.{name}", None if name not in before else HIDDEN, HIDDEN)
            if name in secret
            else Change(f"{path}.{name}", before.get(name), after.get(name))
        )
        for name in sorted({*before, *after})
        if without_nothing(before.get(name)) != without_nothing(after.get(name))
    ]


def _identity(kind: str, name: str, fields: Mapping[str, Any]) -> tuple[str, str]:
    """What makes two accounts the same: the platform's id of it, else its name."""
    known = accounts.EXTERNAL_ID.get(kind)
    return kind, str(fields[known]) if known and known in fields else name


def _connect(
    channels: Channels, part: ChannelPart, fields: dict[str, Any], known: ChannelAccount | None
) -> Act:
    async def act(tx: TenantTx) -> None:
        if known is None:
            await accounts.connect(tx, channels, part.kind, part.name, fields, actor=ACTOR)
        else:
            await accounts.reconnect(tx, channels, known, part.name, fields, actor=ACTOR)

    return act


def _disconnect(account: ChannelAccount) -> Act:
    async def act(tx: TenantTx) -> None:
        await accounts.disconnect(tx, account, actor=ACTOR)

    return act


async def _taught(tx: TenantTx, wish: Wish) -> list[Change]:
    changes: list[Change] = []
    for part in wish.file.knowledge:
        present = await KnowledgeDocument.of_source(tx, part.source)
        for path in documents(part, wish.folder):
            content = path.read_bytes()
            wanted = digest_of(tx, hashlib.sha256(content).hexdigest())
            known = present.pop(path.name, None)
            learned = known.digest if known else None
            if learned != wanted:
                changes.append(
                    Change(
                        f"knowledge.{part.source}.{path.name}",
                        known.digest[:12] if known else None,
                        wanted[:12],
                        _teach(part.source, path.name, content),
                    )
                )
        if wish.prune:
            changes += [
                Change(f"knowledge.{part.source}.{name}", one.digest[:12], None, _forget(one))
                for name, one in present.items()
            ]
    return changes


def _teach(source: str, name: str, content: bytes) -> Act:
    async def act(tx: TenantTx) -> None:
        await library.add(
            tx,
            content,
            filename=name,
            media_type=media_type(Path(name)),
            actor=ACTOR,
            source=source,
        )

    return act


def _forget(document: KnowledgeDocument) -> Act:
    async def act(tx: TenantTx) -> None:
        await library.remove(tx, document.id, actor=ACTOR)

    return act

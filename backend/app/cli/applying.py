"""Bringing clients in line with their files, and writing such files."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from app.bootstrap import Services
from app.cli.choosing import choose_client
from app.cli.hiring import Hiring, Invitation, by_hand
from app.cli.installation import Installation, with_services
from app.cli.output import Theirs, worded
from app.core.errors import InvalidInput, NotFound, WafaaError
from app.core.multi_tenant import TenantTx
from app.models.client import Client, new_client_id
from app.services.orchestrator import applying, tenant_files, tenant_writing
from app.services.orchestrator.applying import Change, Wish
from app.utils import toml

LONGEST = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client's file came to: what is different, or why it can't be told."""

    slug: str
    is_new: bool
    changes: tuple[Change, ...] = ()
    error: str | None = None
    made: bool = False
    invitations: tuple[Invitation, ...] = ()

    def told(self) -> dict[str, Any]:
        """For programs."""
        changes = [{"path": c.path, "before": c.before, "after": c.after} for c in self.changes]
        return {
            "slug": self.slug, "new": self.is_new, "changes": changes, "error": self.error,
            "made": self.made,
            "invitations": [{"email": one.email, "link": one.link} for one in self.invitations],
        }  # fmt: skip


def apply(place: Path, *, only_plan: bool, prune: bool, yes: bool) -> list[Outcome]:
    """Plans, shows the plan and, if it is agreed to, makes it: a transaction for each client."""
    wishes = [
        Wish(file, path.parent, os.environ, prune)
        for path, file in tenant_files.read_all(place).items()
    ]

    async def work(here: Installation) -> list[Outcome]:
        plans = [await outcome(here.services, wish, make=False) for wish in wishes]
        if only_plan or not any(one.changes or one.is_new for one in plans):
            return plans
        if any(one.error for one in plans):
            return plans
        _agreed(plans, yes=yes)
        made = [await outcome(here.services, wish, make=True) for wish in wishes]
        await here.finish()
        return made

    return with_services(work, embedder=True)


async def outcome(services: Services, wish: Wish, *, make: bool) -> Outcome:
    """What one client's file comes to, in one transaction; what is only planned is rolled back."""
    known = await _known(services, wish.file.slug)
    client_id = known.id if known else new_client_id()
    changes: list[Change] = []
    hiring = Hiring(services.settings)
    try:
        async with services.db.tenant(client_id) as tx:
            changes = await _differences(tx, services, hiring, wish, is_new=known is None)
            await _make(tx, changes, make=make)
    except _OnlyPlanned:
        return Outcome(wish.file.slug, known is None, tuple(changes))
    except WafaaError as error:
        return Outcome(wish.file.slug, known is None, tuple(changes), error.message)
    return Outcome(
        wish.file.slug, known is None, tuple(changes), made=True, invitations=tuple(hiring.invitations)
    )  # fmt: skip


class _OnlyPlanned(Exception):  # Nothing went wrong.
    """Rolls a plan's transaction back."""


async def _make(tx: TenantTx, changes: list[Change], *, make: bool) -> None:
    if not make:
        raise _OnlyPlanned
    await applying.make(tx, changes)


async def _differences(
    tx: TenantTx, services: Services, hiring: Hiring, wish: Wish, *, is_new: bool
) -> list[Change]:
    if is_new:
        await applying.begin(tx, wish.file)
    return await applying.plan(tx, services.channels, hiring, wish)


async def _known(services: Services, slug: str) -> Any:
    async with services.db.directory() as tx:
        try:
            return await Client.find(tx, slug)
        except NotFound:
            return None


def _agreed(plans: Sequence[Outcome], *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput("Nobody can be asked. Look at --plan, then say --yes.")
    for line in lines(plans):
        typer.echo(line, err=True)
    typer.confirm(worded("Make these changes?"), abort=True, err=True)


def lines(outcomes: Sequence[Outcome]) -> list[str]:
    """What a person reads."""
    told: list[str] = []
    for one in outcomes:
        state = "+ new" if one.is_new else "~" if one.changes else "= as its file says"
        told.append(Theirs(f"{one.slug}  {worded(state)}"))
        told += [
            Theirs(f"    {_mark(c)} {c.path}: {_short(c.before)} → {_short(c.after)}")
            for c in one.changes
        ]
        told += [Theirs(f"    ! {worded(one.error)}")] if one.error else []
        told += [Theirs(f"    {worded(by_hand(to.email, to.link))}") for to in one.invitations]
    return told


def _mark(change: Change) -> str:
    return "+" if change.before is None else "-" if change.after is None else "~"


def _short(value: Any) -> str:
    text = (
        worded("(nothing)") if value is None else json.dumps(value, ensure_ascii=False, default=str)
    )
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def write(slug: str | None, folder: Path) -> list[Path]:
    """Writes clients as files into a folder, with the documents they were taught."""
    return with_services(lambda here: write_from(here.services, slug, folder))


async def write_from(services: Services, slug: str | None, folder: Path) -> list[Path]:
    """Writes one client, or every one; gives what was written."""
    async with services.db.directory() as directory:
        every = await Client.every(directory)
    chosen = every if slug is None else [await choose_client(services, slug)]
    paths: list[Path] = []
    for client in chosen:
        async with services.db.tenant(client.id) as tx:
            table, files = await tenant_writing.written(tx, services.channels)
        paths += _put(folder, client.slug, table, files)
    return paths


def _put(folder: Path, slug: str, table: dict[str, Any], files: dict[str, bytes]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / f"{slug}.toml"
    main.write_text(toml.dumps(table), "utf-8")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [main, *(folder / name for name in files)]

"""Taking a client's data along, and forgetting it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

import typer

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import worded
from app.core.errors import InvalidInput
from app.models.audit import AuditEntry
from app.services.orchestrator import erasing, exporting


@dataclass
class _File:
    """Takes a copy into a file."""

    file: IO[bytes]

    async def put(self, data: bytes) -> None:
        """Takes the next piece."""
        self.file.write(data)


def export(slug: str, contact: UUID | None, out: Path) -> dict[str, int]:
    """Writes a copy of a client, or of one contact, into a ZIP; gives how many rows each table had."""

    async def work(here: Installation) -> dict[str, int]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            with out.open("wb") as file:
                counts = await exporting.copy(tx, contact, _File(file))
            details = {"contact": str(contact)} if contact else {}
            await AuditEntry.add(tx, "cli", "export.written", str(client.id), details)
        return counts

    return with_services(work)


def erase_contact(slug: str, contact: UUID) -> dict[str, int]:
    """Forgets one contact."""

    async def work(here: Installation) -> dict[str, int]:
        client = await choose_client(here.services, slug)
        return await here.services.eraser.contact(client.id, contact, actor="cli")

    return with_services(work)


def erase_client(slug: str, days: float) -> None:
    """Says that a client leaves; with no days left it goes at once."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await erasing.request(tx, days=days, actor="cli")
        if days == 0:
            await here.services.eraser.due()

    with_services(work)


def keep(slug: str) -> None:
    """Keeps a client that was to be erased."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            await erasing.keep(tx, actor="cli")

    with_services(work)


def be_sure(slug: str, *, yes: bool) -> None:
    """Asks for the slug once more.

    Raises:
        InvalidInput: Nobody can be asked, or another word was typed.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidInput("Nobody can be asked. Say --yes if you are sure.")
    if typer.prompt(worded("There is no way back. The slug once more"), err=True) != slug:
        raise InvalidInput("That is another word. Nothing was erased.")

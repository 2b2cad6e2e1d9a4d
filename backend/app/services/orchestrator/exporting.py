"""A copy to take along: a ZIP of JSON Lines, one file a table, and the documents as they came. Written as a stream."""

import csv
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from app.core.multi_tenant import Database, TenantTx
from app.models import portable
from app.models.audit import AuditEntry
from app.models.client import Client
from app.models.contact import Contact
from app.models.export import Export, ExportPart
from app.models.job import Job
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource
from app.services.orchestrator.jobs import BuildExport
from app.services.queue.jobs import Work, enqueue

PART = 1024 * 1024
BOM = "\ufeff"
"""Tells a spreadsheet that a file is UTF-8: without it, Arabic is not readable there."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""

README = """\
This is a copy of everything that Wafaa holds of "{name}"{whom}, made on {at}.

tables/*.jsonl    one line of JSON a row, UTF-8; times are in UTC
messages.csv      what was said, for a spreadsheet
documents/        the files that the assistant was taught
manifest.json     how many rows each table has, and what is not here, with the reason

هذه نسخة من كل ما يحفظه وفاء عن «{name}»{whom_ar}، أُعدّت في {at}.

tables/*.jsonl    سطر JSON لكل سجل، بترميز UTF-8، والأوقات بالتوقيت العالمي
messages.csv      ما قيل في المحادثات، لبرامج الجداول
documents/        الملفات التي تعلّمها المساعد
manifest.json     عدد السجلات في كل جدول، وما ليس هنا وسببه
"""


class Sink(Protocol):
    """Takes a copy piece by piece."""

    async def put(self, data: bytes) -> None:
        """Takes the next piece."""


class _Buffer(io.RawIOBase):
    """What the archive has written and nobody has taken yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Keeps a piece."""
        self._pieces.append(bytes(data))
        self.size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """All that there is."""
        data, self._pieces, self.size = b"".join(self._pieces), [], 0
        return data


async def copy(tx: TenantTx, contact_id: UUID | None, sink: Sink) -> dict[str, int]:
    """Writes a copy of the client, or of one contact; gives how many rows each table had."""
    buffer, counts = _Buffer(), dict[str, int]()

    async def drain(least: int = PART) -> None:
        if buffer.size >= least:
            await sink.put(buffer.take())

    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
        client = await Client.mine(tx)
        archive.writestr("README.txt", _readme(client.name, contact_id))
        for table in portable.tables(contact_id):
            counts[table] = 0
            with archive.open(f"tables/{table}.jsonl", "w", force_zip64=True) as file:
                async for row in portable.rows(tx, table, contact_id):
                    file.write(orjson.dumps(row, default=_plain) + b"\n")
                    counts[table] += 1
                    await drain()
        with archive.open("messages.csv", "w", force_zip64=True) as file:
            async for line in _messages(tx, contact_id):
                file.write(line.encode("utf-8", "replace"))
                await drain()
        if contact_id is None:
            async for name, content in _documents(tx):
                archive.writestr(name, content, zipfile.ZIP_STORED)
                await drain()
        archive.writestr("manifest.json", orjson.dumps(_manifest(contact_id, counts)))
    await drain(1)
    return counts


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _readme(name: str, contact_id: UUID | None) -> str:
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    whom = f" on the contact {contact_id}" if contact_id else ""
    whom_ar = f" بشأن جهة الاتصال {contact_id}" if contact_id else ""
    return README.format(name=name, at=at, whom=whom, whom_ar=whom_ar)


def _manifest(contact_id: UUID | None, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "version": 1,
        "contact": str(contact_id) if contact_id else None,
        "rows": counts,
        "not_here": {**portable.OMITTED, **portable.OMITTED_COLUMNS},
    }


async def _messages(tx: TenantTx, contact_id: UUID | None) -> AsyncIterator[str]:
    """What was said, as lines of a table for a spreadsheet."""
    yield BOM + _line(["time", "conversation", "author", "text"])
    async for row in portable.rows(tx, "messages", contact_id):
        said: dict[str, Any] = row["said"] or {}
        cells = [row["created_at"], row["conversation_id"], row["author"], said.get("text") or ""]
        yield _line(cells)


def _line(cells: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(str(cell)) for cell in cells])
    return out.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs: what looks like a formula is made a text."""
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


async def _documents(tx: TenantTx) -> AsyncIterator[tuple[str, bytes]]:
    for source in await KnowledgeSource.names(tx):
        for title, document in (await KnowledgeDocument.of_source(tx, source)).items():
            whole = await KnowledgeDocument.get(tx, document.id, original=True)
            yield f"documents/{_name(source)}/{_name(title)}", whole.original or b""


def _name(text: str) -> str:
    """A text as a file's name: it must not lead out of where the archive is unpacked."""
    return text.replace("/", "_").replace("\\", "_").lstrip(".") or "_"


async def request(tx: TenantTx, contact_id: UUID | None, *, actor: str) -> UUID:
    """Enqueues a copy and gives its id.

    Raises:
        NotFound: There is no such contact.
    """
    if contact_id:
        await Contact.addresses(tx, contact_id)
    export_id = await Export.add(tx, contact_id, actor)
    await enqueue(tx, BuildExport(export_id))
    details = {"contact": str(contact_id)} if contact_id else {}
    await AuditEntry.add(tx, actor, "export.requested", str(export_id), details)
    return export_id


@dataclass
class _Parts:
    """Keeps a copy in the database, in parts."""

    tx: TenantTx
    export_id: UUID
    ordinal: int = 0
    size: int = 0

    async def put(self, data: bytes) -> None:
        """Keeps a part."""
        await ExportPart.add(self.tx, self.export_id, self.ordinal, data)
        self.ordinal += 1
        self.size += len(data)


class Exporter:
    """Builds copies, one job at a time, and hands them out."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def build(self, job: BuildExport, work: Work) -> None:
        """Builds one copy, all or nothing."""
        async with self._db.tenant(work.client_id) as tx:
            export = await Export.find(tx, job.export_id)
            if export is not None:  # Else it held somebody who is erased.
                await ExportPart.drop(tx, export.id)
                parts = _Parts(tx, export.id)
                await copy(tx, export.contact_id, parts)
                await Export.ready(tx, export.id, parts.size)
            await Job.settle(tx, work.lease)

    async def read(self, client_id: UUID, export_id: UUID) -> AsyncIterator[bytes]:
        """A copy, part by part; no transaction is open while a part is on its way."""
        ordinal = 0
        while True:
            async with self._db.tenant(client_id) as tx:
                part = await ExportPart.get(tx, export_id, ordinal)
            if part is None:
                return
            yield part
            ordinal += 1

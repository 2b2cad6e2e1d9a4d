"""A worker dies when a copy is all but done: another makes it anew, whole and once, and the first leaves nothing."""

import io
import zipfile
from uuid import UUID

import pytest

from app.models.export import Export
from app.services.orchestrator import exporting
from app.services.orchestrator.exporting import Exporter
from tests.fixtures.wire import Step, Trap
from tests.fixtures.wired import Theatre, until


@pytest.mark.timeout(180)
@pytest.mark.parametrize("after", [False, True])
async def test_a_copy_is_whole_whenever_its_worker_dies(theatre: Theatre, *, after: bool) -> None:
    worker = await theatre.hire()
    await theatre.ask()
    await theatre.rest()
    theatre.steps.forget()
    await _ask(theatre)
    await theatre.rest()
    (step,) = [seen for seen in theatre.steps.seen if "export_parts: INSERT" in seen.name]

    theatre.steps.forget()
    theatre.steps.trap = trap = Trap(Step(step.name), after, worker.kill)
    export = await _ask(theatre)
    await trap.happens()
    assert await theatre.count(f"export_parts WHERE export_id = '{export}'") == int(after)
    await theatre.hire()
    await theatre.rest(60)
    await until(lambda: _is_ready(theatre, export))
    parts = [
        part async for part in Exporter(theatre.product.services.db).read(_client(theatre), export)
    ]
    assert len(parts) == await theatre.count(f"export_parts WHERE export_id = '{export}'") == 1
    archive = zipfile.ZipFile(io.BytesIO(b"".join(parts)))
    assert archive.testzip() is None
    lines = archive.read("tables/messages.jsonl").splitlines()
    assert len(lines) == await theatre.count("messages") == 2


def _client(theatre: Theatre) -> UUID:
    return theatre.business.ref.id


async def _ask(theatre: Theatre) -> UUID:
    """The owner asks for a copy of everything."""
    async with theatre.product.services.db.tenant(_client(theatre)) as tx:
        return await exporting.request(tx, None, actor="test")


async def _is_ready(theatre: Theatre, export: UUID) -> bool:
    async with theatre.product.services.db.tenant(_client(theatre)) as tx:
        return (await Export.get(tx, export)).state == "ready"

"""Finding out whether audit logs are what was written."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.bootstrap import Services
from app.cli.choosing import chosen
from app.cli.installation import Installation, with_services
from app.cli.output import Theirs, paint, worded
from app.core.audit_chain import HeadSigner
from app.models.client import Client
from app.services.orchestrator.auditing import Auditor, Heads


def verify(slug: str | None, heads: Path | None) -> list[dict[str, Any]]:
    """Verifies one client's log, or everybody's; those of erased clients have no slug any more."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        auditor = _auditor(here.services, heads)
        async with here.services.db.directory() as tx:
            clients = await Client.every(tx)
        slugs = {client.id: client.slug for client in clients}
        verdicts = (
            await auditor.verify_all()
            if slug is None
            else [await auditor.verify(chosen(clients, slug).id)]
        )
        return [{"slug": slugs.get(one.client_id), **asdict(one)} for one in verdicts]

    return with_services(work)


def _auditor(services: Services, heads: Path | None) -> Auditor:
    if heads is None:
        return services.auditor
    signer = HeadSigner(services.settings.master_key.get_secret_value())
    return Auditor(services.db, signer, Heads(heads, signer))


def lines(verdicts: list[dict[str, Any]]) -> list[str]:
    """What a person reads."""
    told: list[str] = []
    for one in verdicts:
        state = paint("fail", "fail") if one["faults"] else paint("ok  ", "ok")
        about = f"{one['entries']} entries, {one['sealed']} of them in {one['seals']} seals"
        told.append(Theirs(f"{state}  {one['slug'] or one['client_id']}: {worded(about)}"))
        told += [Theirs(f"      {worded(fault)}") for fault in one["faults"]]
    return told or ["Nothing was logged yet."]

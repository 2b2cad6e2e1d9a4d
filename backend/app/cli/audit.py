"""Finding out whether audit logs are what was written."""

from pathlib import Path

from app.bootstrap import Services
from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.core.audit_chain import HeadSigner
from app.services.orchestrator.auditing import Auditor, Heads, Verdict


def verify(slug: str | None, heads: Path | None) -> list[Verdict]:
    """Verifies one client's log, or everybody's, erased clients' among them."""

    async def work(here: Installation) -> list[Verdict]:
        auditor = _auditor(here.services, heads)
        if slug is None:
            return await auditor.verify_all()
        client = await choose_client(here.services, slug)
        return [await auditor.verify(client.id)]

    return with_services(work)


def _auditor(services: Services, heads: Path | None) -> Auditor:
    if heads is None:
        return services.auditor
    signer = HeadSigner(services.settings.master_key.get_secret_value())
    return Auditor(services.db, signer, Heads(heads, signer))


def lines(verdicts: list[Verdict]) -> list[str]:
    """What a person reads."""
    told = []
    for one in verdicts:
        state = "FAIL" if one.faults else "ok"
        told.append(
            f"{state:4}  {one.client_id}: {one.entries} entries, {one.sealed} of them in {one.seals} seals"
        )
        told += [f"      {fault}" for fault in one.faults]
    return told or ["Nothing was logged yet."]

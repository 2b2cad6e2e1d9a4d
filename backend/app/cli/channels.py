"""Connecting, listing and checking channel accounts."""

from typing import Any

from app.bootstrap import Services, public_url
from app.cli.channel_checks import check_account
from app.cli.choosing import choose_client
from app.cli.findings import Finding
from app.cli.forms import Given, fill
from app.cli.installation import Installation, with_services
from app.core.errors import NotFound
from app.models.channel_config import ChannelAccount, ChannelConfig
from app.models.client import ClientRef
from app.services.orchestrator import accounts

WEB = "web"


def add(kind: str, slug: str | None, name: str, given: Given) -> dict[str, Any]:
    """Connects an account; gives what has to be entered on the other side."""

    async def work(here: Installation) -> dict[str, Any]:
        services = here.services
        client = await choose_client(services, slug)
        fields = fill(services.channels.form(kind), given)
        async with services.db.tenant(client.id) as tx:
            account = await accounts.connect(tx, services.channels, kind, name, fields, actor="cli")
        token = {"verify_token": fields["verify_token"]} if "verify_token" in fields else {}
        return shown(services, client, account) | token

    return with_services(work)


def shown(services: Services, client: ClientRef, account: ChannelAccount) -> dict[str, Any]:
    """An account without its credentials."""
    return {
        "id": account.id,
        "kind": account.kind,
        "name": account.name,
        "external_id": account.external_id,
        "active": account.is_active,
        "address": address(services, client.slug, account.kind),
    }


def address(services: Services, slug: str, kind: str) -> str:
    """Where the platform calls us; for the web chat, the hosted page."""
    url = public_url(services.settings)
    return f"{url}/c/{slug}" if kind == WEB else f"{url}/webhook/{kind}/{slug}"


def lines(made: dict[str, Any]) -> list[str]:
    """What to do next, for people."""
    head = f"Connected: {made['kind']} {made['external_id']} ({made['id']})"
    if made["kind"] == WEB:
        origin = made["address"].rpartition("/c/")[0]
        snippet = f'<script async src="{origin}/w.js" data-key="{made["external_id"]}"></script>'
        return [head, f"Page: {made['address']}", f"Put this on your site: {snippet}"]
    return [
        head,
        f"Callback URL: {made['address']}",
        *([f"Verify token: {made['verify_token']}"] if "verify_token" in made else []),
        "Enter both on the platform's side, then: wafaa channel check",
    ]


def every(slug: str | None) -> list[dict[str, Any]]:
    """A client's accounts, oldest first."""

    async def work(here: Installation) -> list[dict[str, Any]]:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            found = await ChannelConfig.of_kind(tx)
        return [shown(here.services, client, account) for account in found]

    return with_services(work)


def check(slug: str | None, account_id: str | None) -> list[Finding]:
    """What can be verified live, of one account or of all.

    Raises:
        NotFound: There is no such account.
    """

    async def work(here: Installation) -> list[Finding]:
        services = here.services
        client = await choose_client(services, slug)
        async with services.db.tenant(client.id) as tx:
            found = await ChannelConfig.of_kind(tx)
        wanted = [a for a in found if account_id in (None, str(a.id), a.external_id)]
        if account_id is not None and not wanted:
            raise NotFound(f"No channel {account_id!r} here. `wafaa channel list` shows them.")
        return [
            finding
            for account in wanted
            for finding in await check_account(
                services, account, address(services, client.slug, account.kind)
            )
        ]

    return with_services(work)

"""Verifying channel accounts live: one harmless call to the platform, and probes of our own webhook."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from app.bootstrap import Services
from app.cli.findings import FAIL, OK, WARN, Finding
from app.models.channel_config import ChannelAccount
from app.services.channels import whatsapp
from app.services.channels._graph import VERSION
from app.services.channels._meta import SIGNATURE_HEADER

SECONDS = aiohttp.ClientTimeout(total=10)
_UNREACHABLE = (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError)


async def check_account(services: Services, account: ChannelAccount, url: str) -> list[Finding]:
    """All checks there are for an account's kind."""
    make = _CHECKS.get(account.kind)
    if make is None:
        name = f"{account.kind} {account.name}"
        return [Finding(name, WARN, "Nothing can be verified live for this kind of channel.")]
    fields = account.fields
    return [await check(services, fields, url) for check in make]


async def _credentials(services: Services, fields: Mapping[str, Any], url: str) -> Finding:
    """Reads the number's own record: changes nothing, costs nothing."""
    base = str(fields.get("graph_url", whatsapp.GRAPH_URL)).rstrip("/")
    path = f"{base}/{VERSION}/{fields['phone_number_id']}?fields=id,display_phone_number"
    token = {"Authorization": f"Bearer {fields['access_token']}"}
    name = "WhatsApp credentials"
    try:
        async with services.tools.http.get(
            path, headers=token, timeout=SECONDS, allow_redirects=False
        ) as answer:
            if answer.status == 200:
                return Finding(name, OK, "The Graph API knows the number and takes the token.")
            return Finding(
                name, FAIL, f"The Graph API answered {answer.status}.",
                "Make a new system user token with whatsapp_business_messaging, and check the phone number ID.",
            )  # fmt: skip
    except _UNREACHABLE as error:
        return Finding(
            name, FAIL, f"{base} can't be reached ({type(error).__name__}).",
            "Start `wafaa emulate whatsapp`." if "127.0.0.1" in base else "Check the network and its proxy.",
        )  # fmt: skip


async def _handshake(services: Services, fields: Mapping[str, Any], url: str) -> Finding:
    """Asks our webhook as the platform does when a callback URL is entered."""
    word = secrets.token_hex(8)
    query = {
        "hub.mode": "subscribe", "hub.verify_token": str(fields["verify_token"]), "hub.challenge": word
    }  # fmt: skip
    return await _probe(
        "Webhook handshake", url,
        lambda: services.tools.http.get(url, params=query, timeout=SECONDS), lambda body: body == word,
    )  # fmt: skip


async def _signature(services: Services, fields: Mapping[str, Any], url: str) -> Finding:
    """Posts an update that says nothing, signed with the account's secret, or the installation's."""
    shared = services.settings.meta_app_secret
    secret = fields.get("app_secret") or (shared.get_secret_value() if shared else None)
    if not secret:
        return Finding(
            "Webhook signature", FAIL, "There is no app secret to check webhooks with.",
            "Set META_APP_SECRET, or connect the account with --set-file app_secret=PATH.",
        )  # fmt: skip
    body = b'{"object":"whatsapp_business_account","entry":[]}'
    signed = f"sha256={hmac.new(str(secret).encode(), body, hashlib.sha256).hexdigest()}"
    headers = {SIGNATURE_HEADER: signed, "Content-Type": "application/json"}
    return await _probe(
        "Webhook signature", url,
        lambda: services.tools.http.post(url, data=body, headers=headers, timeout=SECONDS), lambda _: True,
    )  # fmt: skip


async def _page(services: Services, fields: Mapping[str, Any], url: str) -> Finding:
    """Opens the hosted page."""
    return await _probe(
        "Hosted page", url, lambda: services.tools.http.get(url, timeout=SECONDS), lambda body: "wafaa-chat" in body
    )  # fmt: skip


async def _probe(
    name: str,
    url: str,
    call: Callable[[], Any],
    right: Callable[[str], bool],
) -> Finding:
    try:
        async with call() as answer:
            body = await answer.text("utf-8", "replace")
            if answer.status == 200 and right(body):
                return Finding(name, OK, f"{url} answers rightly.")
            return Finding(
                name, FAIL, f"{url} answered {answer.status}.",
                "Check that WAFAA_PUBLIC_URL leads to this installation.",
            )  # fmt: skip
    except _UNREACHABLE as error:
        return Finding(
            name, FAIL, f"{url} can't be reached ({type(error).__name__}).",
            "Start it with `make up`, or set WAFAA_PUBLIC_URL.",
        )  # fmt: skip


Check = Callable[[Services, Mapping[str, Any], str], Awaitable[Finding]]
_CHECKS: dict[str, tuple[Check, ...]] = {
    "whatsapp": (_credentials, _handshake, _signature),
    "web": (_page,),
}

"""A person is the contact: WhatsApp in a terminal, against the running product, with a simulated platform between.

The simulator stands where the account's ``graph_url`` points to, on this machine. It signs what it posts with the
account's own secrets and reports what became of each message, as the real platform does.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from app.bootstrap import Services, public_url
from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import paint, say, to_json
from app.cli.typed import typed_lines
from app.core.errors import Misconfigured, NotFound, Unavailable
from app.models.channel_config import ChannelConfig
from app.models.client import ClientRef
from simulators.meta import MetaSimulator, Number, SendReceived

KIND = "whatsapp"
CONTACT = "966500000042"
ANSWER_SECONDS = 30.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HELP = "/dup sends the last one twice · /image · /location · /quit"
IMAGE = {"id": "770001", "mime_type": "image/jpeg", "sha256": "c2hhMjU2"}
LOCATION = {"latitude": 24.7136, "longitude": 46.6753, "name": "Riyadh"}


def emulate_whatsapp(slug: str | None, *, as_json: bool) -> None:
    """Talks until the input ends."""

    async def work(here: Installation) -> None:
        client = await choose_client(here.services, slug)
        async with platform(here.services, client) as (meta, number):
            await Phone(meta, number.phone_number_id, as_json=as_json).run(client.name)

    with_services(work)


@asynccontextmanager
async def platform(
    services: Services, client: ClientRef
) -> AsyncIterator[tuple[MetaSimulator, Number]]:
    """The simulated platform at the other end of a client's account, and its number there.

    Raises:
        NotFound: The client has no account that sends to this machine.
        Unavailable: The product doesn't run.
    """
    fields = await _account(services, client)
    callback = f"{public_url(services.settings)}/webhook/{KIND}/{client.slug}"
    await _look(callback)
    async with _simulator(services, fields, callback) as meta:
        yield meta, meta.connect(
            Number(
                fields["phone_number_id"],
                fields["access_token"],
                callback_url=callback,
                app_secret=_app_secret(services, fields),
            )
        )


async def _account(services: Services, client: ClientRef) -> dict[str, Any]:
    """The client's WhatsApp account that sends to this machine.

    Raises:
        NotFound: It has none.
    """
    async with services.db.tenant(client.id) as tx:
        accounts = await ChannelConfig.of_kind(tx, KIND)
    for account in accounts:
        fields = dict(account.fields)
        if urlsplit(str(fields.get("graph_url", ""))).hostname in LOOPBACK:
            return fields
    raise NotFound(
        f"{client.slug} has no WhatsApp account on this machine's simulator. Add one: `wafaa channel add whatsapp "
        "--set graph_url=http://127.0.0.1:8090 …`, or try a client of the demo."
    )


def _app_secret(services: Services, fields: dict[str, Any]) -> str:
    shared = services.settings.meta_app_secret
    return str(fields.get("app_secret") or (shared.get_secret_value() if shared else ""))


def _simulator(services: Services, fields: dict[str, Any], callback: str) -> MetaSimulator:
    port = urlsplit(fields["graph_url"]).port
    if port is None:
        raise Misconfigured("The account's graph_url names no port.")
    return MetaSimulator(
        app_secret=_app_secret(services, fields),
        verify_token=fields["verify_token"],
        callback_url=callback,
        port=port,
    )


async def _look(callback: str) -> None:
    """Looks whether the product runs.

    Raises:
        Unavailable: It doesn't.
    """
    parts = urlsplit(callback)
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as http,
            http.get(f"{parts.scheme}://{parts.netloc}/health/live") as answer,
        ):
            answer.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(
            f"Nothing answers at {parts.netloc}. Start it with `make up`, or set WAFAA_PORT to where it is."
        ) from error


@dataclass
class Phone:
    """The contact's phone."""

    meta: MetaSimulator
    number: str
    as_json: bool
    _last: dict[str, Any] | None = None
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, business: str) -> None:
        """Reads lines, shows what comes back."""
        if not self.as_json:
            say(paint(f"You write to {business} on WhatsApp. {HELP}", "dim"))
        showing = asyncio.create_task(self._show())
        try:
            typed = typed_lines()
            while (line := (await typed.get()).strip()) and line != "/quit":
                self._answered.clear()
                if await self._act(line):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._answered.wait(), ANSWER_SECONDS)
            await self.meta.settle()
        finally:
            showing.cancel()

    async def _act(self, line: str) -> bool:
        """Does what a line says; tells whether something was sent."""
        match line:
            case "/dup" if self._last is not None:
                posts = [self._last, self._last]
            case "/image":
                posts = [self.meta.sends(self.number, CONTACT, "image", IMAGE)]
            case "/location":
                posts = [self.meta.sends(self.number, CONTACT, "location", LOCATION)]
            case _ if line.startswith("/"):
                say(paint(HELP, "dim"))
                return False
            case _:
                posts = [self.meta.says(self.number, CONTACT, line)]
        self._last = posts[-1]
        for post in posts:
            status = await self.meta.deliver(post, retry=True)
            self._mark(
                "✓ taken" if status == 200 else f"✗ the product answered {status or 'nothing'}"
            )
        return line != "/dup"  # What was said twice is answered once, and that was before.

    async def _show(self) -> None:
        watching = self.meta.history.watch()
        while True:
            record = await watching.get()
            if isinstance(record, SendReceived) and record.accepted:
                self._answered.set()
                if self.as_json:
                    say(
                        to_json(
                            {
                                "text": record.text,
                                "wamid": record.wamid,
                                "our_id": record.our_id,
                                "at": time.time(),
                            }
                        )
                    )
                else:
                    say(f"{record.text}  {paint('✓✓', 'dim')}")

    def _mark(self, mark: str) -> None:
        if not self.as_json:
            say(paint(mark, "dim"))

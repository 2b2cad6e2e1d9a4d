"""The record of processing of a client (GDPR article 30, PDPL article 31), read from what is configured and held.

Nobody fills it in, so it can't be out of date. It is made of codes and figures; whoever shows it has the words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from app.core.multi_tenant import TenantTx
from app.core.permits import HERE
from app.models.channel_config import ChannelAccount, ChannelConfig
from app.models.client import Client, ClientSettings, permit_of
from app.models.holdings import Holdings
from app.models.identity_provider import IdentityProvider, Provider
from app.models.staff import Staff

WEB = "web"
BUILT_IN = "extractive"
PURPOSES = ("answering", "handing_over", "proving")
"""Answering contacts, handing over to people, and proving afterwards who did what."""


class Placed(Protocol):
    """A service that texts may go to, and where it is."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def region(self) -> str:
        """Where it is: ``local``, or a code such as ``us``."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an installation works with, whoever its clients are.

    Attributes:
        operator: Whom to write to about it.
        url: Where it is.
        models: Language models.
        embedder: Who turns texts into vectors.
        mail_server: Its host, where mail goes out.
        key_service: Who wraps clients' keys, where it isn't this machine.
        event_log: What stands in front, where something does.
    """

    operator: str | None
    url: str
    models: Sequence[Placed]
    embedder: Placed
    mail_server: str | None = None
    key_service: str | None = None
    event_log: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets something.

    Attributes:
        kind: ``channel``, ``model``, ``embedder``, ``sign_in``, ``mail``, ``keys`` or ``events``.
        name: Which one.
        region: Where it is: ``local``, a code, or None where the platform decides.
        gets: What: ``messages``, ``addresses``, ``knowledge``, ``staff``, ``wrapped_keys``, ``sealed_events``.
        used: Whether it gets it; not where the client's settings keep its texts here.
    """

    kind: str
    name: str
    region: str | None
    gets: tuple[str, ...]
    used: bool = True


@dataclass(frozen=True, slots=True)
class People:
    """Whose data, and which."""

    who: str
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transfers:
    """Whether texts may leave the installation, and where to; anywhere when no region is named."""

    allowed: bool
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A client's record of processing."""

    slug: str
    controller: str
    controller_contacts: tuple[str, ...]
    operator: str | None
    url: str
    purposes: tuple[str, ...]
    people: tuple[People, ...]
    recipients: tuple[Recipient, ...]
    transfers: Transfers
    retention: dict[str, int | None]
    held: Holdings
    configuration: int
    at: datetime


async def record(tx: TenantTx, around: Surroundings) -> Record:
    """The record of the client whose scope this is, as it is now."""
    client = await Client.mine(tx)
    settings = client.assistant
    accounts = [one for one in await ChannelConfig.of_kind(tx) if one.is_active]
    provider = await IdentityProvider.mine(tx)
    return Record(
        slug=client.slug,
        controller=client.name,
        controller_contacts=tuple(await Staff.owners(tx)),
        operator=around.operator,
        url=around.url,
        purposes=PURPOSES,
        people=tuple(_people(accounts, signs_in=provider is not None)),
        recipients=tuple(_recipients(accounts, settings, around, provider)),
        transfers=Transfers(settings.data_transfer, tuple(settings.transfer_regions)),
        retention=settings.retention.model_dump(),
        held=await Holdings.mine(tx),
        configuration=client.version,
        at=datetime.now(UTC),
    )


def _people(accounts: Sequence[ChannelAccount], *, signs_in: bool) -> Iterator[People]:
    kinds = {account.kind for account in accounts}
    by_channel = (
        *(("visitor_id",) if WEB in kinds else ()),
        *(("platform_id", "phone_number", "profile_name", "attachments") if kinds - {WEB} else ()),
    )
    yield People("contacts", ("name", "messages", *by_channel, "language", "consents"))
    yield People(
        "staff",
        ("name", "email", "role", "acts", "sessions", *(("provider_id",) if signs_in else ())),
    )


def _recipients(
    accounts: Sequence[ChannelAccount],
    settings: ClientSettings,
    around: Surroundings,
    provider: Provider | None,
) -> Iterator[Recipient]:
    """Everybody outside the product itself; the built-in model and the embedder here are inside."""
    permit = permit_of(settings)
    for kind in sorted({account.kind for account in accounts} - {WEB}):
        yield Recipient("channel", kind, None, ("messages", "addresses"))
    for model in around.models:
        if model.name != BUILT_IN:
            wanted = not settings.providers or model.name in settings.providers
            used = wanted and permit.admits(model.region)
            yield Recipient("model", model.name, model.region, ("messages", "knowledge"), used)
    embedder = around.embedder
    if embedder.region != HERE:
        used = permit.admits(embedder.region)
        yield Recipient("embedder", embedder.name, embedder.region, ("messages", "knowledge"), used)
    if provider is not None:
        yield Recipient("sign_in", provider.issuer, None, ("staff",))
    if around.mail_server:
        yield Recipient("mail", around.mail_server, None, ("staff",))
    if around.key_service:
        yield Recipient("keys", around.key_service, None, ("wrapped_keys",))
    if around.event_log:
        yield Recipient("events", around.event_log, None, ("sealed_events",))

"""A client's record of processing, as a page to read, print or hand to an authority."""

from collections.abc import Iterator

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import Theirs, table, worded
from app.services.orchestrator.processing import Recipient, Record, record

_KINDS = {
    "channel": "channel",
    "model": "language model",
    "embedder": "embedding service",
    "sign_in": "staff's identity provider",
    "mail": "mail server",
    "keys": "key service",
    "events": "event log",
}
_DATA = {
    "name": "name",
    "messages": "messages",
    "visitor_id": "a random id of the browser",
    "platform_id": "id on the platform",
    "phone_number": "phone number",
    "profile_name": "profile name",
    "attachments": "references to pictures and files",
    "language": "language",
    "consents": "consents and refusals",
    "email": "e-mail address",
    "role": "role",
    "acts": "what they did",
    "sessions": "sessions and their devices",
    "provider_id": "id at the identity provider",
    "addresses": "addresses",
    "knowledge": "what was taught",
    "staff": "staff's names and e-mail addresses",
    "wrapped_keys": "wrapped keys, no text",
    "sealed_events": "sealed events",
}
_PURPOSES = {
    "answering": "answering contacts from what the business has taught",
    "handing_over": "handing over to colleagues",
    "proving": "proving afterwards who did what",
}
_SECURITY = (
    "Row-level security in the database keeps clients apart; every request is checked for its client.",
    "Messages, names, addresses and documents rest encrypted with a key of the client's own.",
    "Who did what stands in a log that nobody can change unnoticed.",
    "Staff sign in with a password and, where the business wants it, a second factor.",
)


def record_of(slug: str) -> Record:
    """A client's record, as it is now."""

    async def work(here: Installation) -> Record:
        client = await choose_client(here.services, slug)
        async with here.services.db.tenant(client.id) as tx:
            return await record(tx, here.services.surroundings)

    return with_services(work)


def lines(one: Record) -> list[str]:
    """The page."""
    return [Theirs(line) for line in _lines(one)]


def _lines(one: Record) -> Iterator[str]:
    yield worded("Record of processing")
    yield worded(f"As of {one.at:%Y-%m-%d %H:%M} UTC, settings version {one.configuration}")
    yield from _section("Controller", [one.controller, *one.controller_contacts])
    yield from _section("Processor", [one.url, *([one.operator] if one.operator else [])])
    yield from _section("Purposes", [worded(_PURPOSES[code]) for code in one.purposes])
    for people in one.people:
        title = "Data of contacts" if people.who == "contacts" else "Data of staff"
        yield from _section(title, [_listed(people.data)])
    yield from _section("Recipients", _recipients(one.recipients))
    yield from _section("Transfers abroad", [worded(_transfers(one))])
    yield from _section("Kept for", _retention(one))
    yield from _section("Held now", _held(one))
    yield from _section("Security", [worded(line) for line in _SECURITY])


def _section(title: str, content: list[str]) -> Iterator[str]:
    yield ""
    yield worded(title)
    yield from (f"  {line}" for line in content)


def _listed(codes: tuple[str, ...]) -> str:
    return " · ".join(worded(_DATA[code]) for code in codes)


def _recipients(recipients: tuple[Recipient, ...]) -> list[str]:
    rows = [
        (
            _KINDS[one.kind],
            Theirs(one.name),
            _where(one.region),
            Theirs(_listed(one.gets)) if one.used else "nothing: the settings keep it here",
        )
        for one in recipients
    ]
    return table(rows, worded("Nobody outside this installation."))


def _where(region: str | None) -> str:
    if region is None:
        return "where it is run"
    return "here" if region == "local" else region.upper()


def _transfers(one: Record) -> str:
    if not one.transfers.allowed:
        return "None: texts don't leave this installation."
    if one.transfers.regions:
        return f"Only to: {', '.join(region.upper() for region in one.transfers.regions)}."
    return "Allowed, wherever a recipient above is."


def _retention(one: Record) -> list[str]:
    rows = [
        (name.replace("_", " "), "until it is erased" if days is None else f"{days} days")
        for name, days in one.retention.items()
    ]
    return table(rows, "")


def _held(one: Record) -> list[str]:
    held = one.held
    since = f"{held.oldest_message_at:%Y-%m-%d}" if held.oldest_message_at else None
    rows = [
        ("contacts", held.contacts), ("conversations", held.conversations), ("messages", held.messages),
        ("attachments", held.attachments), ("documents", held.documents), ("colleagues", held.staff),
        ("oldest message", since),
    ]  # fmt: skip
    return table(rows, "")

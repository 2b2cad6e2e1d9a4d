"""Takes a WhatsApp webhook body apart: entries, their changes, and the single updates in them."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from app.services.channels._json import Json, identifier, identifiers, items, mapping, present
from app.services.channels._whatsapp_people import profile

MAX_UPDATES = 1_000
"""The platform's own limit for one POST."""

PARTS = ("messages", "statuses", "errors", "message_echoes", "user_id_update")
FIELDS = ("messages", "smb_message_echoes", "user_id_update")
"""The fields whose value holds those parts; any other tells about the account."""

UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class Update:
    """One thing in a webhook body, with what surrounds it.

    Attributes:
        part: Which list of the value it stood in; ``account`` for another field; empty where there was no such list.
        item: The thing itself, of whatever shape.
        entry: The entry around it, without its changes.
        field: What the change is about.
        value: What the change's updates share: metadata and contacts; for ``account`` the whole value.
    """

    part: str
    item: Any
    entry: Json
    field: str
    value: Json

    @property
    def account(self) -> str | None:
        """The business number it's for."""
        return identifier(mapping(self.value.get("metadata")).get("phone_number_id"), 64)

    @property
    def business(self) -> str | None:
        """The WhatsApp Business Account it's for."""
        return identifier(self.entry.get("id"), 64)

    def raw(self, contacts: list[Json] | None = None) -> Json:
        """A webhook body with nothing but this update: parsed again, it gives the same event."""
        value = {k: v for k, v in self.value.items() if k != "contacts"}
        if contacts:
            value["contacts"] = contacts
        if self.part:
            value[self.part] = [self.item]
        return {"entry": [{**self.entry, "changes": [{"field": self.field, "value": value}]}]}


@dataclass(frozen=True, slots=True)
class Unread:
    """A piece of a body that holds no update."""

    raw: Json


def take_apart(document: Any) -> list[Update | Unread]:
    """Every update of a body in its order, at most ``MAX_UPDATES``; the rest comes as one piece, unread."""
    entries = items(mapping(document).get("entry"))
    if not entries:
        return [Unread(document if isinstance(document, dict) else {"body": document})]
    found = [update for entry in entries for update in _entry(entry)]
    if len(found) <= MAX_UPDATES:
        return found
    rest = [one.raw() if isinstance(one, Update) else one.raw for one in found[MAX_UPDATES:]]
    return [*found[:MAX_UPDATES], Unread({"beyond_limit": rest})]


def _entry(entry: Any) -> list[Update | Unread]:
    known = mapping(entry)
    changes = items(known.get("changes"))
    if not changes:
        return [Unread({"entry": [entry]})]
    around = present(id=identifier(known.get("id"), 64), time=_time(known))
    return [update for change in changes for update in _change(around, change)]


def _time(entry: Json) -> int | None:
    at = moment(entry.get("time"))
    return int(at.timestamp()) if at else None


def _change(entry: Json, change: Any) -> list[Update | Unread]:
    known = mapping(change)
    field, value = known.get("field"), known.get("value")
    if not isinstance(field, str) or not isinstance(value, dict):
        return [Unread({"entry": [{**entry, "changes": [change]}]})]
    if field not in FIELDS:
        return [Update("account", None, entry, field, value)]
    found = [(part, item) for part in PARTS if part in value for item in items(value[part])]
    around = _around(value)
    return [Update(part, item, entry, field, around) for part, item in found or [("", None)]]


def _around(value: Json) -> Json:
    """What every update of a value shares, without anything that could make a thousand copies large."""
    return {
        "metadata": identifiers(value.get("metadata"), _METADATA, 64),
        "contacts": [profile(contact) for contact in items(value.get("contacts"))],
    }


_WHOLE = (str, int)
_METADATA = ("display_phone_number", "phone_number_id")


def moment(seconds: Any) -> datetime | None:
    """A time given in Unix seconds, as a string or a number; None for anything else and beyond the year 2100."""
    try:
        whole = int(seconds) if isinstance(seconds, _WHOLE) and len(str(seconds)) < 12 else -1
    except ValueError:
        return None
    return datetime.fromtimestamp(whole, UTC) if 0 < whole < 4_102_444_800 else None


def digest(raw: Any) -> str:
    """Identity of something that has no id: the same bytes again are the same thing."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

"""Who wrote: the addresses of a WhatsApp message, and the profile that came with it."""

import re
from typing import Any

from app.services.channels._json import Json, identifier, identifiers, mapping, text
from app.services.channels.base import Address

_PHONE = re.compile(r"\+?([0-9]{1,32})")


def contact_of(message: Json, contacts: list[Any]) -> Json:
    """The profile that came with a message: by user id, then by phone, then the only one that doesn't contradict."""
    known = [mapping(contact) for contact in contacts]
    for key, claimed in (("user_id", message.get("from_user_id")), ("wa_id", message.get("from"))):
        found = [contact for contact in known if claimed and contact.get(key) == claimed]
        if found:
            return found[0]
    return known[0] if len(known) == 1 and not _contradicts(known[0], message) else {}


def _contradicts(contact: Json, message: Json) -> bool:
    pairs = (("user_id", "from_user_id"), ("wa_id", "from"))
    return any(contact.get(theirs) and message.get(ours) for theirs, ours in pairs)


def sender(message: Json, contact: Json) -> tuple[Address, ...]:
    return addresses(
        message.get("from_user_id") or contact.get("user_id"),
        message.get("from_parent_user_id") or contact.get("parent_user_id"),
        message.get("from") or contact.get("wa_id"),
    )


def addresses(bsuid: Any, parent: Any, phone: Any) -> tuple[Address, ...]:
    """The most durable first: a phone changes hands, a business-scoped id doesn't."""
    digits = _PHONE.fullmatch(phone) if isinstance(phone, str) else None
    found = (
        ("bsuid", identifier(bsuid)),
        ("parent_bsuid", identifier(parent)),
        ("phone", digits[1] if digits else None),
    )
    return tuple([Address(kind, value) for kind, value in found if value])


def move(old: tuple[Address, ...], new: tuple[Address, ...]) -> Json:
    def plain(addresses: tuple[Address, ...]) -> list[dict[str, str]]:
        return [{"kind": a.kind, "value": a.value} for a in addresses]

    return {"old": plain(old), "new": plain(new)}


def profile(contact: Any) -> Json:
    """A contact as far as we read it: it's kept with every one of its messages, so it must stay small."""
    known = mapping(contact)
    named = mapping(known.get("profile"))
    names = {name: found for name in _NAMES if (found := text(named.get(name), 200))}
    return identifiers(known, _IDS) | ({"profile": names} if names else {})


_IDS = ("user_id", "parent_user_id", "wa_id")
_NAMES = ("name", "username")

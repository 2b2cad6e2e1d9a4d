"""What a WhatsApp message says: one small reader for each type of the platform."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from app.services.channels._json import (
    Json,
    identifier,
    items,
    loads,
    mapping,
    number,
    present,
    text,
)
from app.services.channels.base import Attachment, EventKind

MAX_TEXT = 65_536
MAX_LABEL = 1_024


@dataclass(slots=True)
class Content:
    """A message without its envelope; the fields are those of ``InboundEvent``."""

    kind: EventKind
    content_type: str
    text: str | None = None
    content: Json = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    action: str | None = None


Reader = Callable[[Json], Content | None]
"""Reads one message type; None where the message isn't shaped as its type promises."""


def read(message: Json) -> Content:
    """Reads a message of any type; one that can't be understood is UNSUPPORTED, never an error."""
    reader = READERS.get(str(message.get("type")))
    content = (reader(message) if reader else None) or _unsupported(message)
    return _with_surroundings(content, message)


def _with_surroundings(content: Content, message: Json) -> Content:
    """Adds what any message may carry: the message it answers, forwarding, a product, an advertisement, errors."""
    if not _SURROUNDINGS & message.keys():
        return content
    context = mapping(message.get("context"))
    forwarded = context.get("forwarded") is True or context.get("frequently_forwarded") is True
    extra = present(
        forwarded=forwarded or None,
        referred_product=_chosen(
            context.get("referred_product"), "catalog_id", "product_retailer_id"
        ),
        referral=_chosen(message.get("referral"), *_REFERRAL),
        errors=errors(message.get("errors")) or None,
    )
    return replace(
        content,
        content={**content.content, **extra},
        reply_to=content.reply_to or identifier(context.get("id")),
    )


_SURROUNDINGS = frozenset(("context", "referral", "errors"))
_REFERRAL = (
    "source_url",
    "source_type",
    "source_id",
    "headline",
    "body",
    "media_type",
    "image_url",
    "video_url",
    "thumbnail_url",
    "ctwa_clid",
)


def _chosen(value: Any, *names: str) -> dict[str, Any] | None:
    """The named texts of an object; None where there are none."""
    found = present(**{name: text(mapping(value).get(name), MAX_LABEL) for name in names})
    return found or None


def errors(value: Any) -> list[dict[str, Any]]:
    """The platform's errors: code, title and details, which may be a plain string."""
    return [error for item in items(value) if (error := _error(mapping(item)))]


def _error(item: Json) -> dict[str, Any]:
    details = mapping(item.get("error_data")).get("details") or item.get("error_data")
    code = item.get("code")
    return present(
        code=str(code)[:32] if isinstance(code, int | str) else None,
        title=text(item.get("title"), MAX_LABEL) or text(item.get("message"), MAX_LABEL),
        details=text(details, MAX_LABEL),
    )


def _unsupported(message: Json) -> Content:
    """A poll, or whatever comes next: it's shown as "can't be displayed" and kept whole."""
    named = mapping(message.get("unsupported")).get("type") or message.get("type")
    return Content(
        EventKind.UNSUPPORTED, "unsupported", content=present(type=text(named, MAX_LABEL))
    )


def _text(message: Json) -> Content | None:
    body = text(mapping(message.get("text")).get("body"), MAX_TEXT)
    return Content(EventKind.MESSAGE, "text", text=body) if body else None


def _media(kind: str) -> Reader:
    def read_media(message: Json) -> Content | None:
        medium = mapping(message.get(str(message.get("type"))))
        attachment = _attachment(kind, medium)
        if not (attachment.media_id or attachment.url):
            return None
        flags = {name: True for name in ("voice", "animated") if medium.get(name) is True}
        return Content(EventKind.MESSAGE, kind, attachment.caption, flags, (attachment,))

    return read_media


def _attachment(kind: str, medium: Json) -> Attachment:
    return Attachment(
        kind=kind,
        media_id=identifier(medium.get("id")),
        url=identifier(medium.get("url"), 4096),
        mime_type=text(medium.get("mime_type"), 256),
        sha256=identifier(medium.get("sha256")),
        filename=text(medium.get("filename"), MAX_LABEL),
        caption=text(medium.get("caption"), MAX_TEXT),
    )


def _location(message: Json) -> Content | None:
    place = mapping(message.get("location"))
    latitude, longitude = number(place.get("latitude")), number(place.get("longitude"))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    names = _chosen(place, "name", "address", "url") or {}
    content = {"latitude": latitude, "longitude": longitude, **names}
    return Content(EventKind.MESSAGE, "location", content=content)


def _contacts(message: Json) -> Content | None:
    cards = [card for item in items(message.get("contacts")) if (card := _card(mapping(item)))]
    return Content(EventKind.MESSAGE, "contacts", content={"contacts": cards}) if cards else None


def _card(item: Json) -> dict[str, Any]:
    phones = [_chosen(phone, "phone", "wa_id", "type") for phone in items(item.get("phones"))]
    return present(
        name=text(mapping(item.get("name")).get("formatted_name"), MAX_LABEL),
        phones=[phone for phone in phones if phone] or None,
        origin=text(item.get("origin"), MAX_LABEL),
        vcard=text(item.get("vcard"), MAX_TEXT),
    )


def _order(message: Json) -> Content | None:
    order = mapping(message.get("order"))
    lines = [line for item in items(order.get("product_items")) if (line := _line(mapping(item)))]
    if not lines:
        return None
    content = present(catalog_id=text(order.get("catalog_id"), MAX_LABEL), items=lines)
    return Content(
        EventKind.MESSAGE, "order", text=text(order.get("text"), MAX_TEXT), content=content
    )


def _line(item: Json) -> dict[str, Any]:
    return present(
        product=text(item.get("product_retailer_id"), MAX_LABEL),
        quantity=number(item.get("quantity")),
        price=number(item.get("item_price")),
        currency=text(item.get("currency"), 16),
    )


def _interactive(message: Json) -> Content | None:
    choice = mapping(message.get("interactive"))
    match choice.get("type"):
        case "button_reply":
            return _choice("button", mapping(choice.get("button_reply")))
        case "list_reply":
            return _choice("list", mapping(choice.get("list_reply")))
        case "nfm_reply":
            return _form(mapping(choice.get("nfm_reply")))
    return None


def _choice(content_type: str, chosen: Json) -> Content | None:
    action = text(chosen.get("id"), MAX_LABEL)
    if action is None:
        return None
    return Content(
        EventKind.ACTION,
        content_type,
        text=text(chosen.get("title"), MAX_LABEL),
        content=_chosen(chosen, "description") or {},
        action=action,
    )


def _form(filled: Json) -> Content | None:
    response = text(filled.get("response_json"), MAX_TEXT)
    if response is None:
        return None
    return Content(
        EventKind.ACTION,
        "form",
        text=text(filled.get("body"), MAX_TEXT),
        content=present(name=text(filled.get("name"), MAX_LABEL), response=_fields(response)),
    )


def _fields(response: str) -> dict[str, Any] | str:
    """The form's top-level texts, numbers and switches; as it came where it isn't an object."""
    fields = loads(response.encode())
    if not isinstance(fields, dict):
        return response
    return {name: value for name, value in fields.items() if isinstance(value, str | int | float)}


def _button(message: Json) -> Content | None:
    """A template's quick reply: unlike ours, it has a payload and no id."""
    button = mapping(message.get("button"))
    label = text(button.get("text"), MAX_LABEL)
    action = text(button.get("payload"), MAX_LABEL) or label
    if action is None:
        return None
    return Content(EventKind.ACTION, "button", text=label, action=action)


def _reaction(message: Json) -> Content | None:
    reaction = mapping(message.get("reaction"))
    target = identifier(reaction.get("message_id"))
    if target is None:
        return None
    emoji = text(reaction.get("emoji"), 64)  # Taken back: empty, or not there at all.
    content = {"emoji": emoji, "removed": emoji is None}
    return Content(EventKind.REACTION, "reaction", content=content, reply_to=target)


def _edit(message: Json) -> Content | None:
    edit = mapping(message.get("edit"))
    target = identifier(edit.get("original_message_id"))
    edited = mapping(edit.get("message"))
    reader = BODIES.get(str(edited.get("type")))
    content = reader(edited) if reader else None
    if target is None or content is None:
        return None
    return replace(content, kind=EventKind.EDIT, reply_to=target)


def _revoke(message: Json) -> Content | None:
    target = identifier(mapping(message.get("revoke")).get("original_message_id"))
    return Content(EventKind.DELETE, "revoke", reply_to=target) if target else None


BODIES: dict[str, Reader] = {
    "text": _text,
    "image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio"),
    "voice": _media("audio"),
    "document": _media("document"),
    "sticker": _media("sticker"),
}
"""What can be written, and edited later."""

READERS: dict[str, Reader] = {
    **BODIES,
    "location": _location,
    "contacts": _contacts,
    "order": _order,
    "interactive": _interactive,
    "button": _button,
    "reaction": _reaction,
    "edit": _edit,
    "revoke": _revoke,
}

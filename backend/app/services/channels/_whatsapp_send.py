"""Words an outgoing message as the Cloud API wants it: always one message, for each one is billed."""

from dataclasses import replace
from typing import Any

from app.core.errors import Unreachable
from app.services.channels.base import Address, Outgoing, as_text, shorten

TEXT_LIMIT = 4_096
INTERACTIVE_LIMIT = 1_024
MAX_BUTTONS = 3
TITLE_LIMIT = 20
BUTTON_ID_LIMIT = 256


def message(outgoing: Outgoing) -> dict[str, Any]:
    """The body of ``POST /<phone_number_id>/messages``.

    Raises:
        Unreachable: None of the addresses is one of WhatsApp's.
    """
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient(outgoing.to),
        "biz_opaque_callback_data": outgoing.id,
        **(_interactive(outgoing) if fits_buttons(outgoing) else _text(outgoing)),
    }
    if outgoing.reply_to:
        body["context"] = {"message_id": outgoing.reply_to}
    return body


def recipient(addresses: tuple[Address, ...]) -> dict[str, str]:
    """The best address alone: given both, the platform prefers the phone, which may have changed hands."""
    for address in addresses:
        match address.kind:
            case "bsuid" | "parent_bsuid":
                return {"recipient": address.value}
            case "phone":
                return {"to": address.value}
    raise Unreachable


def fits_buttons(outgoing: Outgoing) -> bool:
    """Whether the quick replies can be real buttons."""
    ids = [id for id, _ in outgoing.buttons]
    titles = [title for _, title in outgoing.buttons]
    return (
        1 <= len(titles) <= MAX_BUTTONS
        and _units(outgoing.text) <= INTERACTIVE_LIMIT
        and len(set(titles)) == len(titles)
        and len(set(ids)) == len(ids)
        and all(0 < _units(title) <= TITLE_LIMIT for title in titles)
        and all(id == id.strip() and 0 < len(id) <= BUTTON_ID_LIMIT for id in ids)
    )


def _interactive(outgoing: Outgoing) -> dict[str, Any]:
    buttons = [{"type": "reply", "reply": {"id": id, "title": t}} for id, t in outgoing.buttons]
    shown = {"type": "button", "body": {"text": outgoing.text}, "action": {"buttons": buttons}}
    return {"type": "interactive", "interactive": shown}


def _text(outgoing: Outgoing) -> dict[str, Any]:
    """Plain text; of a long one the words are shortened, never the choices below them."""
    choices = as_text(replace(outgoing, text=""))
    room = TEXT_LIMIT - _units(choices)
    words = shorten(outgoing.text, room - _wide(outgoing.text[:room]))
    return {"type": "text", "text": {"body": words + choices, "preview_url": False}}


def _units(text: str) -> int:
    """Length in UTF-16 units, the longer way to count: the platform doesn't say which one it uses."""
    return len(text) + _wide(text)


def _wide(text: str) -> int:
    return sum(char > "\uffff" for char in text)

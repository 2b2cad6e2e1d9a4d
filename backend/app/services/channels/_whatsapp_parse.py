"""Turns WhatsApp webhook bodies into canonical events."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from app.services.channels._json import (
    Json,
    identifier,
    items,
    loads,
    mapping,
    present,
    storable_text,
    text,
)
from app.services.channels._whatsapp_content import Content, errors, read
from app.services.channels._whatsapp_envelope import (
    UNKNOWN_TIME,
    Unread,
    Update,
    digest,
    moment,
    take_apart,
)
from app.services.channels._whatsapp_people import addresses, contact_of, move, sender
from app.services.channels.base import (
    Address,
    DeliveryState,
    EventKind,
    InboundEvent,
    StatusUpdate,
)

log = structlog.get_logger(__name__)

_UNREADABLE_BYTES = 65_536


def parse(body: bytes) -> tuple[InboundEvent, ...]:
    """Every event of a verified body, in its order. What can't be read is UNPARSED; nothing is raised."""
    document = loads(body)
    if document is None:
        kept = storable_text(body[:_UNREADABLE_BYTES].decode("utf-8", "replace"))
        return (_unparsed(Unread({"body": kept})),)
    return tuple([_event(update) for update in take_apart(document)])


def _event(update: Update | Unread) -> InboundEvent:
    if isinstance(update, Unread):
        return _unparsed(update)
    try:
        return READERS[update.part](update) or _unparsed(update)
    except (
        Exception
    ):  # A bulkhead: one thing misread must not send a batch of many businesses back for seven days.
        log.exception("update_misread", part=update.part)
        return _unparsed(update)


def _unparsed(update: Update | Unread) -> InboundEvent:
    account = update.account or update.business if isinstance(update, Update) else None
    raw = update.raw() if isinstance(update, Update) else update.raw
    return InboundEvent(
        event_key=f"wa:{account or ''}:unparsed:{digest(raw)}",
        account=account or "",
        kind=EventKind.UNPARSED,
        occurred_at=UNKNOWN_TIME,
        content_type="unparsed",
        raw=raw,
    )


def _message(update: Update) -> InboundEvent | None:
    message = mapping(update.item)
    contact = contact_of(message, items(update.value.get("contacts")))
    writer = sender(message, contact)
    if message.get("type") == "system":
        return _system(update, message, writer)
    return _spoken(update, message, contact, writer, read(message))


def _echo(update: Update) -> InboundEvent | None:
    """What a person of the business wrote in the phone app: a human took over."""
    message = mapping(update.item)
    content = read(message)
    to = addresses(message.get("to_user_id"), message.get("to_parent_user_id"), message.get("to"))
    told = {**content.content, "echo_of": content.kind.value}
    return _spoken(update, message, {}, to, replace(content, kind=EventKind.ECHO, content=told))


def _spoken(
    update: Update, message: Json, contact: Json, whose: tuple[Address, ...], said: Content
) -> InboundEvent | None:
    wamid, at = identifier(message.get("id")), moment(message.get("timestamp"))
    account = update.account
    if not (account and wamid and at and whose):
        return None
    return InboundEvent(
        event_key=f"wa:{account}:{wamid}",
        account=account,
        kind=said.kind,
        occurred_at=at,
        addresses=whose,
        display_name=text(mapping(contact.get("profile")).get("name"), 200),
        platform_message_id=wamid,
        content_type=said.content_type,
        text=said.text,
        content=said.content,
        attachments=said.attachments,
        reply_to=said.reply_to,
        action=said.action,
        raw=update.raw([contact] if contact else None),
    )


_MOVED = ("user_changed_number", "customer_changed_number", "user_changed_user_id")


def _system(update: Update, message: Json, old: tuple[Address, ...]) -> InboundEvent | None:
    notice = mapping(message.get("system"))
    what = text(notice.get("type"), 64) or "system"
    new = addresses(
        notice.get("user_id"),
        notice.get("parent_user_id"),
        notice.get("wa_id") or notice.get("new_wa_id"),
    )
    if what in _MOVED and new:
        content = Content(EventKind.IDENTITY_CHANGE, what, content=move(old, new))
    else:
        content = Content(EventKind.ACCOUNT_EVENT, what, content={"field": "system"})
    return _spoken(update, message, {}, old or new, content)


def _rotation(update: Update) -> InboundEvent | None:
    """A business-scoped id was replaced by another; late retries still carry the old one."""
    notice = mapping(update.item)
    ids, parents = mapping(notice.get("user_id")), mapping(notice.get("parent_user_id"))
    old = addresses(ids.get("previous"), parents.get("previous"), None)
    new = addresses(ids.get("current"), parents.get("current"), notice.get("wa_id"))
    at = moment(notice.get("timestamp"))
    if not (update.account and at and old and new):
        return None
    return InboundEvent(
        event_key=f"wa:{update.account}:user_id_update:{digest(notice)}",
        account=update.account,
        kind=EventKind.IDENTITY_CHANGE,
        occurred_at=at,
        addresses=old,
        content_type="user_id_update",
        content=move(old, new),
        raw=update.raw(),
    )


STATES = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "played": DeliveryState.READ,
    "failed": DeliveryState.FAILED,
}


def _status(update: Update) -> InboundEvent | None:
    item = mapping(update.item)
    wamid, at = identifier(item.get("id")), moment(item.get("timestamp"))
    named = str(item.get("status"))
    if not (update.account and wamid and at and named in STATES):
        return None
    return InboundEvent(
        event_key=f"wa:{update.account}:{wamid}:{named}:{int(at.timestamp())}",
        account=update.account,
        kind=EventKind.STATUS,
        occurred_at=at,
        addresses=addresses(item.get("recipient_user_id"), None, item.get("recipient_id")),
        platform_message_id=wamid,
        content_type="status",
        status=_delivery(item, wamid, STATES[named]),
        raw=update.raw(),
    )


def _delivery(item: Json, wamid: str, state: DeliveryState) -> StatusUpdate:
    error = next(iter(errors(item.get("errors"))), {})
    words = [error[name] for name in ("title", "details") if name in error]
    return StatusUpdate(
        platform_message_id=wamid,
        state=state,
        our_id=text(item.get("biz_opaque_callback_data"), 512),
        error_code=error.get("code"),
        error=": ".join(words) or None,
        pricing=mapping(item.get("pricing")) or None,
    )


def _trouble(update: Update) -> InboundEvent | None:
    """An error of the account, which may stand beside the message that it's about."""
    found = errors(update.item)
    return _account_event(update, {"errors": found}) if found else None


def _account(update: Update) -> InboundEvent | None:
    """Bans, quality, templates, sign-ups: told to people."""
    return _account_event(update, present(event=text(update.value.get("event"), 64)))


def _account_event(update: Update, content: Json) -> InboundEvent | None:
    account = update.account or update.business
    if account is None:
        return None
    raw = update.raw(items(update.value.get("contacts")))
    return InboundEvent(
        event_key=f"wa:{account}:{update.field[:64]}:{digest(raw)}",
        account=account,
        kind=EventKind.ACCOUNT_EVENT,
        occurred_at=moment(update.entry.get("time")) or UNKNOWN_TIME,
        content_type="account",
        content={"field": update.field[:64], **content},
        raw=raw,
    )


def _nothing(_: Update) -> None:
    """A change of ours that holds none of its parts."""


READERS: dict[str, Callable[[Update], InboundEvent | None]] = {
    "messages": _message,
    "statuses": _status,
    "errors": _trouble,
    "message_echoes": _echo,
    "user_id_update": _rotation,
    "account": _account,
    "": _nothing,
}

"""Builds WhatsApp webhook payloads."""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Number:
    """A business number as Meta knows it.

    Attributes:
        phone_number_id: Its id.
        access_token: The token that may send from it.
        waba_id: The account it belongs to.
        callback_url: Where its webhooks go; the simulator's own when absent.
        app_secret: What they are signed with; the simulator's own when absent.
    """

    phone_number_id: str
    access_token: str
    waba_id: str = "900100"
    callback_url: str | None = None
    app_secret: str | None = None

    @property
    def display(self) -> str:
        """The number itself, made up from its id."""
        return f"96611{int(self.phone_number_id) % 10**7:07d}"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone on WhatsApp: known by a business-scoped id, perhaps without a phone number."""

    user_id: str
    phone: str | None
    name: str

    def profile(self) -> Payload:
        """The person as an element of ``contacts``."""
        known = {"profile": {"name": self.name}, "wa_id": self.phone, "user_id": self.user_id}
        return {k: v for k, v in known.items() if v is not None}

    def author(self) -> Payload:
        """The person as a message's sender."""
        known = {"from": self.phone, "from_user_id": self.user_id}
        return {k: v for k, v in known.items() if v is not None}


def person(sender: str, name: str | None = None) -> Person:
    """The person behind a phone number, or behind a business-scoped id such as ``SA.abc``."""
    if not sender.isdigit():
        return Person(sender, None, name or "Sami")
    user_id = f"SA.{hashlib.sha256(sender.encode()).hexdigest()[:16]}"
    return Person(user_id, sender, name or "ليلى")


def new_wamid() -> str:
    """An id that no other message has."""
    return f"wamid.{uuid.uuid4().hex}="


def message(who: Person, kind: str, content: Any, at: float, **more: Any) -> Payload:
    """One element of ``messages``; ``more`` may hold context, referral, errors, or another id."""
    made = {**who.author(), "id": new_wamid(), "timestamp": str(int(at)), "type": kind}
    return {**made, **({} if content is None else {kind: content}), **more}


def envelope(number: Number, *, field: str = "messages", **parts: Any) -> Payload:
    """A webhook body with one change: ``messages``, ``statuses``, ``contacts``, … of a number."""
    metadata = {
        "display_phone_number": number.display,
        "phone_number_id": number.phone_number_id,
    }
    value = {"messaging_product": "whatsapp", "metadata": metadata, **parts}
    entry = {"id": number.waba_id, "changes": [{"field": field, "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def status(wamid: str, who: Person, name: str, at: float, our_id: str | None) -> Payload:
    """One element of ``statuses``; ``failed:131047`` fails with that code."""
    state, _, code = name.partition(":")
    told: Payload = {"id": wamid, "status": state, "timestamp": str(int(at))}
    if who.phone:
        told["recipient_id"] = who.phone
    if our_id is not None:
        told["biz_opaque_callback_data"] = our_id
    if state == "failed":
        return {**told, "errors": [_failure(int(code or 131000))]}
    told["recipient_user_id"] = who.user_id
    return {**told, "pricing": _PRICING} if state in ("sent", "delivered") else told


_PRICING = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}


def _failure(code: int) -> Payload:
    title = f"Failure {code}"
    return {"code": code, "title": title, "message": title, "error_data": {"details": "Simulated."}}


def merged(payloads: Iterable[Payload]) -> Payload:
    """One POST for several: Meta batches as it likes, over businesses too."""
    entries = [entry for payload in payloads for entry in payload["entry"]]
    return {"object": "whatsapp_business_account", "entry": entries}


def number_of(payload: Payload) -> str | None:
    """The first business number of a payload."""
    changes = [change for entry in payload["entry"] for change in entry["changes"]]
    found = [change["value"].get("metadata", {}).get("phone_number_id") for change in changes]
    return next(iter(found), None)

"""Decides what a message asks for. Pure: its tests are a table."""

from dataclasses import dataclass

from app.services.ai import nlu_service as nlu
from app.services.orchestrator.session_manager import Session

WITHOUT_WORDS = {"location": "location", "order": "order"}
SILENT_KINDS = frozenset({"sticker", "system"})


@dataclass(frozen=True, slots=True)
class Answer:
    """Ask the model."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say a phrase; ``handover`` is why a human is wanted as well."""

    key: str
    handover: str | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Call a human."""

    reason: str


@dataclass(frozen=True, slots=True)
class OptOut:
    """The contact wants to hear nothing more."""


@dataclass(frozen=True, slots=True)
class OptIn:
    """The contact wants to hear from us again."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Say nothing."""


Route = Answer | Say | HandOver | OptOut | OptIn | Silent


def route(session: Session) -> Route:
    """What to do with the contact's words. Wishes that bind us are looked at before any model."""
    text = session.question.text
    if nlu.opts_in(text):
        return OptIn() if session.opted_out else Say("greeting")
    if nlu.opts_out(text):
        return OptOut()
    if session.opted_out:
        return Silent()
    if nlu.wants_human(text, tuple(session.settings.handover_words)):
        return HandOver("asked_for_human")
    if not text.strip():
        return _wordless(session.kind)
    small_talk = nlu.small_talk(text)
    return Say(small_talk) if small_talk else Answer()


def _wordless(kind: str) -> Route:
    """A message without words: thanked for, or asked to be put in words; an order is for people."""
    if kind in SILENT_KINDS:
        return Silent()
    if kind == "order":
        return Say("order", handover="order")
    return Say(WITHOUT_WORDS.get(kind, "media"))

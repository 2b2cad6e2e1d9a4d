"""Decides what a message asks for. Pure: its tests are a table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.services.ai import nlu_service as nlu
from app.services.orchestrator.session_manager import Session

WITHOUT_WORDS = {"location": "location"}
_SAYS_SOMETHING = re.compile(r"[^\W_]|[?؟]")
"""A letter, a digit or a question mark; signs and hearts alone ask for nothing."""

SILENT_KINDS = frozenset({"sticker", "system"})
FOR_PEOPLE = frozenset({"order", "form"})
"""With or without words: an order's note and a form's "Sent" are no questions."""


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


@dataclass(frozen=True, slots=True)
class PutOff:
    """Answer nobody now; ``reason`` is what colleagues read."""

    reason: str


Route = Answer | Say | HandOver | OptOut | OptIn | Silent | PutOff


def route(session: Session) -> Route:
    """What to do with the contact's words. Wishes that bind us are looked at before any model."""
    if session.suspended:
        return PutOff("suspended")
    wish = last_wish(session.said, opted_out=session.opted_out)
    if wish or session.opted_out:
        return wish or Silent()
    own_words = tuple(session.settings.handover_words)
    if any(nlu.wants_human(words, own_words) for words in session.said):
        return HandOver("asked_for_human")
    if session.kind in FOR_PEOPLE:
        return Say(session.kind, handover=session.kind)
    if not session.question.text.strip():
        return _wordless(session.kind)
    if not any(_SAYS_SOMETHING.search(words) for words in session.said):
        return Silent()
    small_talk = [_pleasantry(words) for words in session.said]
    return Say(small_talk[-1]) if small_talk[-1] and all(small_talk) else Answer()


def last_wish(said: Sequence[str], *, opted_out: bool) -> OptOut | OptIn | None:
    """What the contact last said about hearing from us, if anything: it may stand among questions."""
    for words in reversed(said):
        if nlu.opts_out(words):
            return OptOut()
        if nlu.opts_in(words) and opted_out:
            return OptIn()
    return None


def _pleasantry(words: str) -> str | None:
    return "greeting" if nlu.opts_in(words) else nlu.small_talk(words)


def _wordless(kind: str) -> Route:
    """A message without words: thanked for, or asked to be put in words."""
    if kind in SILENT_KINDS:
        return Silent()
    return Say(WITHOUT_WORDS.get(kind, "media"))

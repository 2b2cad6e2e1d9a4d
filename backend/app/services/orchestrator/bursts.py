"""When a contact has finished speaking. Pure: people write one thought in several messages.

How long to wait for more depends on what was said: as long as nothing is asked, or the latest message ends in the
middle, there is more to come; a clear question out of nowhere waits for nothing; whoever paused may do so again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.services.ai import nlu_service as nlu
from app.services.ai.text import fold

LONGEST_BURST = 10
LONGEST_WAIT = 20.0
"""Of so many messages, or after so many seconds or quiet windows, those that came are answered, whatever may come."""

FIRST_LOOK = 1.2
"""Quiet windows after which a burst is looked at again: one that has changed meanwhile may be over sooner."""

_OPEN, _WHOLE, _ASKED = 3.2, 1.2, 0.7
"""Quiet windows after a beginning, after what can stand alone, and after a question mark that others came before."""

_PACE = 1.25
"""Whoever let so much time pass between two messages may do so once more, and a little longer."""

_CLEAR_WORDS = 3
_FEW_WORDS = 3
_ENDS_OPEN = re.compile(r"(?:[,:;،؛\-–(…]|\.\.)$")
_ANNOUNCES = re.compile(
    r"^(?:(?:and |also |just |hi |hey |hello )*(?:a )?(?:quick |small |one |another )*(?:i (?:have|got) (?:a |some )?)?"
    r"(?:quick |small )?questions?"
    r"|(?:can i|may i|i want(?:ed)? to|i need to|i(?:'d| would) like to) (?:ask|know|find out|book|order)"
    r"(?: you)?(?: something)?"
    r"|one (?:sec|moment|thing)"
    r"|(?:عندي|عندنا|لدي|معي|في) (?:سوال|سؤال|استفسار|طلب)"
    r"|(?:ممكن|بدي|ابغي|ابي|حاب|حابه|ودي|اريد) (?:سوال|سؤال|استفسر|اسال|اسالكم|اسالك|استفسار|اعرف)(?: عن)?"
    r"|(?:3ndi|3andi|3endi|momken|mumkin) (?:so2al|soal|su2al|as2al))\W*$"
)
_ASKS = re.compile(
    r"^(?:is|are|do|does|did|can|could|will|would|may|any)\b|\b(?:how|what|when|where|which|who|why|price|cost)\b"
    r"|\b(?:كم|بكم|متي|وين|اين|كيف|هل|شو|ايش|وش|ليش|مين|منو|سعر|سعره|سعرها|ممكن|في عندكم|عندكم)\b"
    r"|\b(?:b?kam|bikam|emta|mata|wein|wain|shu|sho|esh|eish|leish|keef|kif|se3r)\b"
)
_LEADS_ON = frozenset(
    re.findall(
        r"\S+",
        "a an the and or but so because if when about for from of to in on at with my your is are do does i we you "
        "و او ثم لكن بس عن من في علي مع الي اذا لو هل ان يعني عشان لان بخصوص حق كم "
        "w wa aw bs bas 3an 3n min men fi fe 3la 3ala ma3 ila iza law ya3ni 3shan kam",
    )
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a burst, and how many seconds ago it came."""

    text: str | None
    age: float


def first_look(text: str | None, seconds: float) -> float:
    """After how long a message is looked at: at once when it asks clearly; others may have come by then.

    Args:
        text: Its words.
        seconds: The length of one quiet window.
    """
    return 0.0 if _asks(text) else left([Said(text, 0.0)], seconds)


def left(burst: Sequence[Said], seconds: float) -> float:
    """How long to wait for more before thinking; nothing when the burst is over.

    Args:
        burst: What nobody answered yet, oldest first.
        seconds: The length of one quiet window.
    """
    if is_full(burst, seconds) or (len(burst) == 1 and _asks(burst[0].text)):
        return 0.0
    asked = any(_ASKS.search(fold(said.text or "")) or _ends(said.text) for said in burst)
    window = _window(burst[-1].text) if asked else _OPEN
    pace = min(_PACE * _longest_gap(burst) / seconds, _OPEN) if seconds else 0.0
    return _until(max(window, pace), burst, seconds)


def left_in_doubt(burst: Sequence[Said], seconds: float) -> float:
    """How long to wait for more before saying that there is no answer: half a question has none."""
    return 0.0 if is_full(burst, seconds) else _until(_OPEN, burst, seconds)


def _until(window: float, burst: Sequence[Said], seconds: float) -> float:
    return min(max(0.0, window * seconds - burst[-1].age), FIRST_LOOK * seconds)


def is_full(burst: Sequence[Said], seconds: float) -> bool:
    """Whether it is answered as it is: somebody who never stops must not wait for ever."""
    return len(burst) >= LONGEST_BURST or burst[0].age > longest_wait(seconds)


def longest_wait(seconds: float) -> float:
    """Seconds after which a burst is answered as it is."""
    return max(LONGEST_WAIT, LONGEST_WAIT * seconds)


def _longest_gap(burst: Sequence[Said]) -> float:
    return max((a.age - b.age for a, b in pairwise(burst)), default=0.0)


def _ends(text: str | None) -> bool:
    """Whether a message wants an answer though it asks nothing: a wish that binds us, thanks, a goodbye, a picture."""
    plain = fold(text or "").strip()
    pleasantry = nlu.small_talk(plain)
    if not plain or pleasantry in ("thanks", "goodbye"):
        return True
    return plain.endswith("?") or nlu.opts_out(plain) or nlu.wants_human(plain)


def _window(text: str | None) -> float:
    """Quiet windows after a message, by how it ends."""
    plain = fold(text or "").strip()
    words = _WORD.findall(plain)
    if words and _ends(text) and not nlu.small_talk(plain):
        return _ASKED
    if _ENDS_OPEN.search(plain) or _ANNOUNCES.search(plain) or nlu.small_talk(plain) == "greeting":
        return _OPEN
    if not words or plain[-1] in ".!" or nlu.small_talk(plain):
        return _WHOLE
    return _OPEN if len(words) <= _FEW_WORDS or words[-1] in _LEADS_ON else _WHOLE


def _asks(text: str | None) -> bool:
    """Whether a message is a clear question by itself."""
    plain = fold(text or "").strip()
    return plain.endswith("?") and len(_WORD.findall(plain)) >= _CLEAR_WORDS

"""Language understanding without a model: language, small talk, the wish for a human, opting out.

Pure; wishes that bind us are told by words, never by a guess of a model.
"""

import re

from app.services.ai.text import fold, script_of, words

_ARABIZI = re.compile(
    r"\b(?:[a-z]*[a-z][23578][a-z]+|[23578][a-z]{2,}|wain|wein|feen|shu|shno|shlon|kam|bkam|bikam|abgha|abi|3ayez|ayez"
    r"|mumkin|momken|salam|marhaba|sabah|shukran|mesh|mish|msh|lesh|leish|eish|wish|el|fe|fi|maw[3j]?ood)\b"
)
_ARABIZI_WORDS = 2
_LETTER_DIGITS = re.compile(r"\b(?=\w{4})(?:[a-z]+[2357][a-z]+|[37][a-z]{3,})\b")
"""Digits that stand for letters: "se3r"; not "B2B"."""

_HUMAN = re.compile(
    r"\b(?:(?:talk|speak|chat|write|connect|transfer|put|get|pass)(?: me)?(?: through)?(?: to| with| on to)?"
    r" (?:an? |the |some ?|your )?(?:real |live |actual )?(?:human|person|agent|someone|somebody|representative|rep|staff|manager"
    r"|team member|operator|colleague|receptionist)"
    r"|(?:real|live|actual) (?:human|person|agent)|human(?: being| agent)?(?: please)?$|^(?:human|agent|operator|representative)\b"
    r"|(?:need|want) (?:an? |the |some )?(?:real |live )?(?:human|person|agent|representative|operator)|customer (?:service|support|care)"
    r"|not (?:a )?(?:bot|robot|machine))"
)
_HUMAN_AR = re.compile(
    r"(?:(?:اكلم|اتكلم مع|اتكلم|كلمني|كلموني|اتحدث مع|اتحدث الي|التحدث مع|التحدث الي|احكي مع|تواصل مع|اتواصل مع|التواصل مع"
    r"|حولني|حولوني|وصلني|اوصل|ابغي|ابي|ابغا|اريد|عايز|عاوز|بدي|ودي|محتاج|احتاج|ممكن|اقدر اكلم|يرد علي|رد علي)"
    r"(?: مع| الي| ب| علي| ل)? ?(?:حدا?|احد|واحد|شخص)? ?(?:من )?(?:ال|لل|ل|ب)?(?:موظفه?|موظفين|انسان|بشر|بشري|شخص|حقيقي|مندوب|ممثل|مدير|مسوول|مسيول"
    r"|خدمه العملاء|الدعم|دعم|فريق|استقبال|احد من|حد من|احد يكلمني|حد يكلمني)"
    r"|^(?:موظف|موظفه|انسان|بشر|مندوب|خدمه العملاء|الدعم الفني)(?: لو سمحت| من فضلك| رجاء)?$|كلمني احد|كلموني|(?<!\w)[انت]*(?:كلم|تكلم مع|تحدث مع) (?:احد|حدا?|واحد|شخص)(?!\w)|حد يكلمني|احد يكلمني|خدمه العملاء"
    r"|شخص حقيقي|انسان حقيقي|مو (?:روبوت|بوت|اله)|مش (?:روبوت|بوت))"
)
_OUT = re.compile(
    r"^(?:stop|stop all|stopall|unsubscribe|opt ?out|end messages|stop messages|stop messaging me|"
    r"توقف|اوقف|ايقاف|الغاء|الغاء الاشتراك|الغ الاشتراك|الغي الاشتراك|ايقاف الرسائل|ايقاف الرسايل|اوقفوا الرسائل|اوقفوا الرسايل|"
    r"وقفوا الرسايل|وقف الرسائل|وقف الرسايل|لا تراسلوني|لا ترسلوا لي|بطل رسايل)$"
)
_IN = re.compile(r"^(?:start|unstop|subscribe|ابدا|ابدء|اشتراك|اشترك|استيناف|استئناف)$")

_GREETING = re.compile(
    r"^(?:hi|hello|hey|hi there|hello there|hey there|good (?:morning|afternoon|evening|day)|greetings|salam|salaam|"
    r"marhaba|assalamu? alaikum|"
    r"السلام عليكم(?: ورحمه الله)?(?: وبركاته)?|سلام عليكم|سلام|مرحبا|مرحبتين|مراحب|هلا|هلا والله|يا هلا|اهلا|اهلين|اهلا وسهلا|هاي|الو|"
    r"صباح (?:الخير|النور)|مساء (?:الخير|النور)|صباحو|مسا الخير|حياكم الله|يعطيك العافيه|يعطيكم العافيه|كيف الحال|كيفك|كيف حالك|شلونك|شلونكم|ازيك|ازيكم|اخبارك)"
    r"(?: (?:جميعا|اخوي|اختي|يا|there|all|everyone|team|اخي|شباب))*$"
)
_THANKS = re.compile(
    r"^(?:ok(?:ay)? |great |perfect |super |تمام |ممتاز |طيب |اوكي |حلو )?(?:thanks|thank you|thx|ty|many thanks|thanks a lot|"
    r"thank you (?:so|very) much|much appreciated|cheers|shukran|شكرا|شكرا لك|شكرا لكم|شكرا جزيلا|مشكور|مشكوره|مشكورين|تسلم|تسلمين|تسلمي|"
    r"يسلمو|متشكر|متشكره|الف شكر|جزاك الله خير|جزاك الله خيرا|يعطيك العافيه شكرا|كل الشكر)(?: (?:again|a lot|so much|جدا|كثير|كتير|والله))*$"
)
_BYE = re.compile(
    r"^(?:bye|bye bye|goodbye|good ?bye|see you|see you later|good night|take care|مع السلامه|باي|الي اللقاء|في امان الله|تصبح علي خير|وداعا)$"
)
_PUNCTUATION = re.compile(r"[^\w\s]|_")


def language_of(text: str) -> str | None:
    """``ar`` or ``en``, by the script of its words; Arabic in Latin letters is Arabic. None where there is no letter.

    A few foreign names don't make a question foreign: "ابغى flat white" is Arabic.
    """
    scripts = [script_of(word) for word in words(text)]
    arabic, latin = scripts.count("ar"), scripts.count("en")
    if arabic == latin == 0:
        return None
    return "ar" if arabic * 2 >= latin or is_arabizi(text) else "en"


def is_arabizi(text: str) -> bool:
    """Whether Latin letters spell Arabic: digits that stand for letters inside words, or several of its small words."""
    folded = fold(text)
    found = _ARABIZI.findall(folded)
    return bool(_LETTER_DIGITS.search(folded)) or (
        len(found) >= _ARABIZI_WORDS and len(found) * 2 >= len(words(text))
    )


def wants_human(text: str, client_words: tuple[str, ...] = ()) -> bool:
    """Whether a contact asks for a person, in either language or in the client's own words."""
    plain = _plain(text)
    own = any(f" {_plain(word)} " in f" {plain} " for word in client_words if _plain(word))
    return own or bool(_HUMAN.search(plain) or _HUMAN_AR.search(plain))


def opts_out(text: str) -> bool:
    """Whether a message asks for silence, and for nothing else: "cancel my booking" doesn't."""
    return bool(_OUT.match(_plain(text)))


def opts_in(text: str) -> bool:
    """Whether a message takes an earlier wish for silence back."""
    return bool(_IN.match(_plain(text)))


def small_talk(text: str) -> str | None:
    """``greeting``, ``thanks`` or ``goodbye`` when a message is that and nothing else."""
    plain = _plain(text)
    kinds = (("thanks", _THANKS), ("goodbye", _BYE), ("greeting", _GREETING))
    return next((kind for kind, pattern in kinds if pattern.match(plain)), None)


def _plain(text: str) -> str:
    """Folded words with single spaces between: no punctuation, no stretched letters."""
    folded = re.sub(r"([^\W\d])\1{2,}", r"\1", fold(text))
    return " ".join(_PUNCTUATION.sub(" ", folded).split())

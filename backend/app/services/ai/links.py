"""Finds links, images, handles and e-mail addresses, however they were broken up."""

import re
from collections.abc import Callable

from app.services.ai.text import compatible

_TLDS = (
    "com net org info biz io co ai app dev shop store online site xyz club top live link click sa ae eg kw qa bh om jo lb iq ma tn dz ye ps "
    "uk eu de fr ru cn tr ir tv cc ws ml tk ga cf gq ly gl gg page wiki pro vip win bid icu tech cloud digital agency world today news blog "
    "space website fun zip mov edu gov mil mobi tel travel jobs asia xxx example test arab السعودية السعوديه امارات مصر قطر"
).replace(" ", "|")
_BROKEN_DOT = re.compile(
    rf"(?<!\s)\s*[\[({{]\s*(?:\.|dot|دوت|نقطة)\s*[\])}}]\s*|(?<=\w)\s+(?:dot|دوت|نقطة)\s+(?=\w)|(?<=\w) \. ?(?=(?:{_TLDS})\b)",
    re.IGNORECASE,
)
_BROKEN_AT = re.compile(
    r"(?<!\s)\s*[\[({]\s*(?:at|@)\s*[\])}]\s*|(?<=\w) at (?=[\w-]+\.[a-z]{2,})", re.IGNORECASE
)
_EMAIL = re.compile(r"(?:mailto:)?([\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)", re.IGNORECASE)
_LINK = re.compile(
    rf"""
      (?P<markdown>!?\[[^\[\]\n]*\]\(\s*[^)\s]*[^)]*\)?)                  # [text](anywhere) and images
    | (?P<tag></?[a-z!][^>\n]*>?)                                        # any HTML
    | \b[a-z][a-z0-9+.-]{{1,15}}:/+[^\s<>"]+                             # any scheme://
    | \b(?:tel|sms|data|javascript|vbscript|whatsapp|blob|file|intent):[^\s<>"]+
    | (?<![\w:])//[\w-]+\.[^\s<>"]+
    | (?<![\w@.-])(?:[\w-]+\.)+(?:{_TLDS})(?![\w-])(?:[/?\#:][^\s<>"]*)?
    | (?<![\w@.-])(?:[\w-]+\.)+[a-z]{{2,24}}/[^\s<>"]*
    | (?<![\w@.-])www\.[^\s<>"]+
    | (?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w.])[^\s<>"]*
    | (?<![\w/])@[\w.]{{2,}}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TRAILING = ".,;:!?؟،)]}»”'\"*_"


def extract(text: str, keep: Callable[[str, str], str]) -> str:
    """Hands every link and e-mail address to ``keep(kind, value)`` and puts in its place what that gives.

    Args:
        text: Sanitised text.
        keep: Takes ``link`` or ``email`` and the canonical value.
    """
    plain = compatible(text).replace("。", ".").replace("hxxp", "http")
    if not re.search(r"[.@:<\]]|dot|دوت|نقطة", plain, re.IGNORECASE):
        return plain
    plain = _BROKEN_AT.sub("@", _BROKEN_DOT.sub(".", plain))
    plain = _EMAIL.sub(lambda m: keep("email", m[1].casefold().rstrip(_TRAILING)), plain)
    return _LINK.sub(lambda m: _kept(m, keep), plain)


def _kept(match: re.Match[str], keep: Callable[[str, str], str]) -> str:
    """One link; of a Markdown link its target, and the text that people read stays."""
    if match["markdown"]:
        label, _, target = match[0].partition("](")
        return keep("link", canonical(target)) + label.lstrip("![")
    return keep("link", canonical(match[0]))


def canonical(link: str) -> str:
    """One spelling for one target: no ``https://``, no ``www.``, host in lower case, no last slash."""
    bare = re.sub(
        r"^(?:https?:)?/*(?:www\.)?", "", link.strip().rstrip(_TRAILING), flags=re.IGNORECASE
    )
    host, slash, path = bare.partition("/")
    return (host.casefold() + slash + path).rstrip("/")


def host(link: str) -> str:
    """The host of a canonical link."""
    return re.split(r"[/?#:]", link, maxsplit=1)[0]

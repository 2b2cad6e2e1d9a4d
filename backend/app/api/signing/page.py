"""Draws the sign-in pages: pure functions from values to HTML, without a single inline script or style."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse

from app.api.signing.texts import TEXTS

FILES = "/signin/files"
OTHER = {"en": ("ar", "العربية"), "ar": ("en", "English")}
HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",  # Stricter, and browsers would no longer name our origin with a form.
    "x-frame-options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks, and where.

    Attributes:
        language: ``en`` or ``ar``.
        path: The page's own, for the link to the other language.
        query: What has to stay in that link.
    """

    language: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    def say(self, key: str, **values: object) -> str:
        """A text of the pages, ready for HTML. The values are data: they are not read as templates."""
        safe = {name: isolated(str(value)) for name, value in values.items()}
        return escape(TEXTS[self.language][key]).format(**safe)


def isolated(text: str) -> str:
    """Somebody's text inside of ours, whichever direction it runs."""
    return f"<bdi>{escape(text)}</bdi>"


def attribute(look: Look, key: str, **values: object) -> str:
    """A text for an attribute, where there is no markup."""
    return escape(TEXTS[look.language][key].format(**values))


@dataclass(frozen=True, slots=True)
class Field:
    """One line to fill in. ``key`` tells two of the same name on one page apart."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    value: str = ""
    hint: str = ""
    wrong: bool = False
    focus: bool = False
    shortest: int | None = None
    longest: int = 300
    key: str = ""


def draw_field(look: Look, one: Field) -> str:
    """The line with its label; what is typed runs from left to right, whatever the page does."""
    key = one.key or one.name
    hint = f'<p class="hint" id="{key}-hint">{look.say(one.hint)}</p>' if one.hint else ""
    described = f"{key}-hint" * bool(one.hint) + " problem" * one.wrong
    flags = " ".join(
        flag
        for flag, is_set in (
            ("autofocus", one.focus),
            ('aria-invalid="true"', one.wrong),
            (f'aria-describedby="{described.strip()}"', bool(described)),
            (f'minlength="{one.shortest}"', one.shortest is not None),
        )
        if is_set
    )
    return (
        f'<div class="field"><label for="{key}">{look.say(one.label)}</label>{hint}'
        f'<input id="{key}" name="{one.name}" type="{one.kind}" autocomplete="{one.autocomplete}" '
        f'value="{escape(one.value)}" dir="ltr" maxlength="{one.longest}" required '
        f'spellcheck="false" autocapitalize="none" {flags}></div>'
    )


def draw_form(
    look: Look,
    action: str,
    submit: str,
    fields: Iterable[Field] = (),
    *,
    hidden: Mapping[str, str] | None = None,
    quiet: bool = False,
    named: str = "",
) -> str:
    """A form with its button.

    Args:
        look: Who looks.
        action: Where it goes.
        submit: The button's text.
        fields: What is to be filled in.
        hidden: What goes along.
        quiet: Whether the button is one of many.
        named: What the button is called by those who don't see what stands beside it.
    """
    carried = {"lang": look.language, **(hidden or {})}
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in carried.items()
    )
    lines = "".join(draw_field(look, one) for one in fields)
    kind = ' class="quiet"' if quiet else ""
    label = f' aria-label="{named}"' if named else ""
    return (
        f'<form method="post" action="{escape(action)}">{inputs}{lines}'
        f"<button{kind}{label}>{look.say(submit)}</button></form>"
    )


def draw_problem(text: str) -> str:
    """What went wrong, read out at once."""
    return f'<p class="problem" id="problem" role="alert">{text}</p>' if text else ""


def draw_notice(text: str) -> str:
    """What was done, read out when there is time."""
    return f'<p class="notice" role="status">{text}</p>' if text else ""


def draw_link(href: str, text: str) -> str:
    """A link inside of the installation."""
    return f'<p class="link"><a href="{escape(href)}">{text}</a></p>'


def respond(
    look: Look, title: str, body: str, status: int = 200, *, wide: bool = False
) -> HTMLResponse:
    """A whole page."""
    html = _document(look, look.say(title), body, wrong=status >= 400, wide=wide)
    return HTMLResponse(html, status, {**HEADERS, "content-language": look.language})


def _document(look: Look, title: str, body: str, *, wrong: bool, wide: bool) -> str:
    direction = "rtl" if look.language == "ar" else "ltr"
    other, name = OTHER[look.language]
    switch = f"{look.path}?{urlencode({**look.query, 'lang': other})}"
    told = f"{look.say('error')}: {title}" if wrong else title
    kind = ' class="wide"' if wide else ""
    return (
        f'<!doctype html>\n<html lang="{look.language}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{told} · {look.say("wafaa")}</title>\n'
        f'<link rel="icon" type="image/svg+xml" href="{FILES}/icon.svg">\n'
        f'<link rel="stylesheet" href="{FILES}/style.css">\n</head>\n<body>\n'
        f'<header><span class="brand">{look.say("wafaa")}</span>'
        f'<a href="{escape(switch)}" lang="{other}" hreflang="{other}">{name}</a></header>\n'
        f"<main{kind}>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )

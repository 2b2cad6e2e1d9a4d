"""The pages and files a contact's browser loads: the hosted chat ``/c/{slug}``, the widget's loader and its parts.

Rendering is pure: a page is a value, its HTML a string without a single inline script or style, so the
Content-Security-Policy can forbid them. Which files exist is told by the manifest that the build leaves.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

from app.core.errors import NotFound

DIST = Path(__file__).resolve().parents[3] / "web" / "dist" / "widget"

TEXTS: Mapping[str, Mapping[str, str]] = {
    "ar": {
        "heading": "محادثة {name}",
        "noscript": "تحتاج هذه المحادثة إلى تفعيل JavaScript في المتصفح.",
        "missing": "لم تُبنَ واجهة المحادثة بعد. شغّل الأمر",
        "unknown": "لا توجد محادثة في هذا العنوان. تحقق من الرابط.",
    },
    "en": {
        "heading": "Chat with {name}",
        "noscript": "This chat needs JavaScript. Please turn it on in your browser.",
        "missing": "The chat has not been built yet. Run",
        "unknown": "There is no chat at this address. Check the link.",
    },
}

FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


@dataclass(frozen=True, slots=True)
class HostedPage:
    """What the hosted page of one client shows.

    Attributes:
        slug: Its place under ``/c/``.
        name: The client's name, as title until the assistant tells its own.
        language: ``ar`` or ``en``: the language it opens in.
        channel_key: The public key of the client's web channel.
        color: The brand's colour as ``#rrggbb``.
        frame_ancestors: Origins that may show the page in a frame.
    """

    slug: str
    name: str
    language: str
    channel_key: str
    color: str
    frame_ancestors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assets:
    """The built files by role, as file names inside ``directory``."""

    directory: Path
    loader: str
    panel: str
    page: str
    icon: str

    @property
    def hashed(self) -> frozenset[str]:
        """Files whose name changes with their content."""
        return frozenset((self.panel, self.page, self.icon))


def load_assets(directory: Path = DIST) -> Assets | None:
    """What the build left in ``directory``; None where nothing was built."""
    manifest = directory / "manifest.json"
    if not manifest.is_file():
        return None
    return Assets(directory=directory, **json.loads(manifest.read_text("utf-8")))


def content_security_policy(frame_ancestors: tuple[str, ...] = ()) -> str:
    """Only our own files, nothing inline, framed by nobody but the named origins."""
    ancestors = " ".join(("'self'", *frame_ancestors))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {ancestors}",
        )
    )


def page_headers(frame_ancestors: tuple[str, ...] = ()) -> dict[str, str]:
    """The headers of every page here."""
    return {
        "Content-Security-Policy": content_security_policy(frame_ancestors),
        "Cache-Control": REVALIDATE,
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Content-Type-Options": "nosniff",
    }


def render(page: HostedPage, assets: Assets) -> str:
    """The hosted chat."""
    texts = TEXTS[page.language]
    heading = escape(texts["heading"].format(name=page.name))
    attributes = {
        "mode": "page",
        "key": page.channel_key,
        "lang": page.language,
        "color": page.color,
        "name": page.name,
    }
    chat = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    body = (
        f'<main><h1 class="unseen">{heading}</h1>\n<wafaa-chat {chat}></wafaa-chat>\n'
        f'<noscript><p class="notice">{escape(texts["noscript"])}</p></noscript></main>'
    )
    head = f'<script src="/{assets.loader}" async></script>\n{_links(assets)}'
    return _document(page.language, heading, head, body)


def render_unknown(language: str, assets: Assets | None) -> str:
    """For an address behind which no client stands."""
    text = escape(TEXTS[language]["unknown"])
    head = _links(assets) if assets else ""
    return _document(language, text, head, f'<main class="notice"><h1>{text}</h1></main>')


def render_missing(language: str) -> str:
    """For an installation whose widget was not built."""
    text = escape(TEXTS[language]["missing"])
    command = '<code dir="ltr">make up</code>'
    return _document(language, text, "", f'<main class="notice"><h1>{text} {command}</h1></main>')


def _links(assets: Assets) -> str:
    return (
        f'<link rel="stylesheet" href="/widget/{assets.page}">\n'
        f'<link rel="icon" type="image/svg+xml" href="/widget/{assets.icon}">'
    )


def _document(language: str, title: str, head: str, body: str) -> str:
    direction = "rtl" if language == "ar" else "ltr"
    return (
        f'<!doctype html>\n<html lang="{language}" dir="{direction}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">\n'
        f"<title>{title}</title>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


Find = Callable[[str], Awaitable[HostedPage | None]]


def install(app: FastAPI, find: Find, directory: Path = DIST) -> None:
    """Adds ``/c/{slug}``, ``/w.js`` and ``/widget/{file}`` to ``app``.

    Args:
        app: The application.
        find: Looks a client's page up by its slug.
        directory: Where the build put the widget.
    """

    @app.get("/c/{slug}", include_in_schema=False)
    async def hosted_page(slug: str) -> HTMLResponse:
        """The hosted chat of one client."""
        return respond(await find(slug), load_assets(directory))

    @app.get("/w.js", include_in_schema=False)
    async def loader() -> Response:
        """The loader that other sites include."""
        assets = load_assets(directory)
        if assets is None:
            raise NotFound("The widget has not been built. Run make up.")
        return FileResponse(assets.directory / assets.loader, headers=_file_headers(REVALIDATE))

    @app.get("/widget/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        """A file the loader or the page asks for."""
        assets = load_assets(directory)
        if assets is None or name not in assets.hashed:
            raise NotFound
        return FileResponse(assets.directory / name, headers=_file_headers(FOREVER))


def respond(page: HostedPage | None, assets: Assets | None) -> HTMLResponse:
    """The hosted page, or a page that says why there is none."""
    if page is None:
        return HTMLResponse(render_unknown("en", assets), 404, page_headers())
    if assets is None:
        return HTMLResponse(render_missing(page.language), 503, page_headers())
    return HTMLResponse(render(page, assets), 200, page_headers(page.frame_ancestors))


def _file_headers(cache: str) -> dict[str, str]:
    """Files may be imported by any site: they are the same for everyone and hold no secret."""
    return {
        "Cache-Control": cache,
        "Access-Control-Allow-Origin": "*",
        "X-Content-Type-Options": "nosniff",
    }

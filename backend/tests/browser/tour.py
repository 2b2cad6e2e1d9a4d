"""A walk through every page that the product serves, looking at each with the eyes of all."""

import re
from dataclasses import dataclass, field

from axe_playwright_python.async_playwright import Axe
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from playwright.async_api import Page, Response

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {1280: {"width": 1280, "height": 800}, 390: {"width": 390, "height": 780}}
DRESSES = {"ar": (("light", 390), ("dark", 1280)), "en": (("light", 1280), ("dark", 390))}
"""Themes and widths in which a page is looked at; in the two languages together, each with each."""

NO_PAGES = {
    "GET /w.js": "A script.",
    "GET /widget/{name}": "Scripts, styles, a picture.",
    "GET /openapi.json": "JSON.",
    "GET /signin/files/{name}": "A style and a picture.",
    "GET /account/second-factor/qr.svg": "A picture.",
    "POST /signout": "Leads on.",
    "POST /account/sessions/{session_id}/end": "Leads on.",
    "POST /account/sessions/end-others": "Leads on.",
    "POST /oauth/token": "JSON.",
    "POST /oauth/revoke": "JSON.",
    "GET /.well-known/oauth-authorization-server": "JSON.",
    "GET /.well-known/oauth-protected-resource": "JSON.",
    "GET /.well-known/jwks.json": "JSON.",
}
"""What a browser may be sent to beside pages."""
_PROGRAMS = ("/v1/", "/web/v1/", "/webhook/", "/health/", "/metrics")


def pages_of(app: FastAPI) -> set[str]:
    """Every route that answers with a page: all that is neither for programs nor on the list."""
    found = {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if method != "HEAD" and not (route.path or "").startswith(_PROGRAMS)
    }
    assert NO_PAGES.keys() <= found
    return found - NO_PAGES.keys()


async def violations(page: Page) -> list[str]:
    """What axe finds wrong, through shadow roots."""
    found = await Axe().run(page, options={"runOnly": RULES})
    return [
        f"{wrong['id']}: {[node['html'][:120] for node in wrong['nodes']]}"
        for wrong in found.response["violations"]
    ]


@dataclass
class Tour:
    """One walk.

    Attributes:
        page: Where it is.
        language: In which it goes.
        seen: Method and path of the pages that were looked at.
    """

    page: Page
    language: str
    seen: set[tuple[str, str]] = field(default_factory=set)
    _at: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._at = ("GET", _bare(self.page.url))
        self.page.on("response", self._note)

    def _note(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if response.request.is_navigation_request() and kind.startswith("text/html"):
            self._at = (response.request.method, _bare(response.url))

    async def look(self) -> None:
        """Nothing is wrong for assistive technology, nothing sticks out, and the page speaks its reader's language."""
        for theme, width in DRESSES[self.language]:
            await self.page.set_viewport_size(SIZES[width])  # type: ignore[arg-type]  # A size.
            await self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # A theme.
            assert await violations(self.page) == [], (self._at, theme, width)
            assert await self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        self.seen.add(self._at)

    async def go(self, path: str) -> None:
        """Opens a page and looks at it."""
        await self.page.goto(path)
        await self.look()

    def missed(self, app: FastAPI) -> set[str]:
        """Pages that nobody looked at."""
        return {route for route in pages_of(app) if not any(_is(route, *one) for one in self.seen)}


def _bare(url: str) -> str:
    return re.sub("[?#].*", "", url)


def _is(route: str, method: str, url: str) -> bool:
    """Whether a request is that route's."""
    pattern = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(route))
    return re.fullmatch(pattern, f"{method} /{url.split('/', 3)[3]}") is not None

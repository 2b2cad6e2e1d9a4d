"""Somebody's web site: a page of another origin that includes the chat, under the strictest policy that it can have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TEXTS = {
    "ar": ("متجر", "rtl", "بضائع كثيرة بأسعار طيبة."),
    "en": ("Shop", "ltr", "Many things at good prices."),
}


@dataclass
class Site:
    """A site, and what browsers reported to it.

    Attributes:
        chat: Where the chat's files come from.
        url: Where the site is: its origin.
        reports: Violations of its policy.
    """

    chat: str
    url: str = ""
    reports: list[Any] = field(default_factory=list)

    async def page(self, request: web.Request) -> web.Response:
        """A page with one line of script."""
        heading, direction, text = TEXTS[request.query["lang"]]
        attributes = " ".join(f'data-{name}="{value}"' for name, value in request.query.items())
        body = (
            f'<!doctype html><html lang="{request.query["lang"]}" dir="{direction}"><head><meta charset="utf-8">'
            f'<title>{heading}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<script async src="{self.chat}/w.js" {attributes}></script></head>'
            f'<body><main><h1>{heading}</h1><p>{text}</p><a href="#more">{heading}</a></main></body></html>'
        )
        policy = f"default-src 'none'; script-src {self.chat}; connect-src {self.chat}; report-uri /reports"
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return web.Response(text=body, content_type="text/html", headers=headers)

    async def report(self, request: web.Request) -> web.Response:
        """A browser tells of a violation."""
        self.reports.append(await request.text())
        return web.Response(status=204)

    async def icon(self, _: web.Request) -> web.Response:
        """Browsers ask for it unasked."""
        return web.Response(status=204)


@asynccontextmanager
async def site(chat: str) -> AsyncIterator[Site]:
    """A site on a port of its own."""
    made = Site(chat)
    app = web.Application()
    app.add_routes(
        [
            web.get("/", made.page),
            web.post("/reports", made.report),
            web.get("/favicon.ico", made.icon),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()

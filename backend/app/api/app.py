"""The application that serves HTTP: routes found by their files, errors as problems, and nothing that phones home."""

import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from opentelemetry.trace import TracerProvider, get_tracer_provider
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from app.api import described, docs, errors, middleware, pages, tracing
from app.api.addresses import Proxies
from app.api.bounds import Bounds
from app.api.cookies import Cookies
from app.api.cors import WebOrigins
from app.api.guesses import Guesses
from app.api.hosted import HostedPages
from app.api.intake import Intake
from app.api.limits import Gate, Meter, WebhookGate
from app.api.oauth import routes as oauth
from app.api.shown import Shown
from app.api.signing import routes as signing
from app.api.v1 import endpoints
from app.bootstrap import Services
from app.core.limits import LocalLimits, Policy

VERSION = "0.1.0"
BUSIEST = ("webhooks", "chat")
"""Looked at first when a request's route is sought."""

MOST_BODY_BYTES = 1024 * 1024
WEB_PATHS = ("/web/v1",)
"""Where pages of other origins may come in, if the client lists them."""

TAGS = {
    "auth": "Signing in.",
    "staff": "Who works for a client.",
    "health": "Whether the installation is alive and well.",
    "assistant": "How a client's assistant behaves: drafts, published versions.",
    "clients": "The businesses that rent the service.",
    "channels": "Where contacts write to a client.",
    "webhooks": "What the platforms tell us.",
    "chat": "The web page's channel.",
    "conversations": "Exchanges with contacts: read, take over, reply, hand back.",
    "knowledge": "What the assistant's answers rest on.",
    "keys": "API keys: what programs show instead of a person's sign-in.",
    "applications": "OAuth applications: programs that act for a business, or for its colleagues.",
    "admin": "Running the installation.",
    "analytics": "Figures.",
}


class Api(FastAPI):
    """FastAPI with our layers around the whole of it, its own body limit and last resort included."""

    def __init__(self, services: Services, **options: Any) -> None:
        super().__init__(**options)
        self.state.services = services
        self.state.webhooks = WebhookGate(
            Policy.parse(services.settings.limits),
            LocalLimits(),
            services.ingress.knows,
        )

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's stack, inside ours; webhooks go past it."""
        services: Services = self.state.services
        https = (services.settings.public_url or "").startswith("https://")
        inner = middleware.wrap(super().build_middleware_stack(), services.metrics, https=https)
        proxies = Proxies(services.settings.trusted_proxies)
        return Intake(inner, services, self.state.webhooks, proxies, https=https)

    def openapi(self) -> dict[str, Any]:
        """The description of the API, made once."""
        return self.openapi_schema or described.complete(super().openapi())


def create_app(services: Services, traces: TracerProvider | None = None) -> FastAPI:
    """The application.

    Args:
        services: What ``bootstrap()`` built; opened when the application starts, closed when it ends.
        traces: Where traces go; where the process's do, if it isn't said.
    """
    settings = services.settings
    app = Api(
        services,
        title="Wafaa AI Concierge",
        version=VERSION,
        summary="Answers a business's customers where they write, from what the business has taught it.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": settings.public_url or "/", "description": "This installation."}],
        openapi_tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        openapi_url="/openapi.json" if settings.docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # A redirect would be built from the Host header.
        generate_unique_id_function=operation_id,
        responses={"4XX": _problem_response("The request"), "5XX": _problem_response("Our side")},
        max_body_size=MOST_BODY_BYTES,
        telemetry=tracing.options(traces or get_tracer_provider()),
        lifespan=_lifespan(services),
    )
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=5)
    policy = Policy.parse(settings.limits)
    app.add_middleware(Meter, limits=services.limits, policy=policy)
    app.add_middleware(WebOrigins, allowed=services.origins.allowed, paths=WEB_PATHS)
    app.add_middleware(
        Gate,
        limits=services.limits,
        policy=policy,
        proxies=Proxies(settings.trusted_proxies),
        identify=Shown(
            services.db,
            services.credentials,
            services.sessions,
            Cookies(settings.public_url),
            Guesses(policy.refused),
        ),
        webhooks=app.state.webhooks,
    )
    app.add_middleware(Bounds)
    for router in routers():
        app.include_router(router)
    pages.install(app, HostedPages(services).find)
    signing.install(app)
    oauth.install(app)
    if settings.docs:
        app.include_router(docs.router)
    return app


def routers() -> list[APIRouter]:
    """The router of every endpoint file, the busiest first. A new file is a new part of the API."""
    names = (module.name for module in pkgutil.iter_modules(endpoints.__path__))
    found = sorted(names, key=lambda name: (name not in BUSIEST, name))
    modules = [import_module(f"{endpoints.__name__}.{name}") for name in found]
    return [module.router for module in modules if hasattr(module, "router")]


def operation_id(route: APIRoute) -> str:
    """A short name for generated clients, such as ``conversations.take_over``."""
    return f"{route.tags[0]}.{route.name}" if route.tags else route.name


def _problem_response(whose: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": f"{whose} is at fault; `code` tells how.",
        "content": {errors.MEDIA_TYPE: {"schema": schema}},
    }


def _lifespan(services: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await services.open(serving=True)
        try:
            yield
        finally:
            await services.close()

    return lifespan

"""A route without detours: its endpoint gets path parameters and the request, and gives a response.

It stands in the OpenAPI document like any other; what it skips are the framework's dependencies, body models and
response models. Middleware, body limits and errors work as everywhere.
"""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute

from app.bootstrap import Services


class StraightRoute(APIRoute):
    """Calls its endpoint directly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The whole of the handling."""

        async def handle(request: Request) -> Response:
            response: Response = await self.endpoint(**request.path_params, request=request)
            return response

        return handle


def services_of(request: Request) -> Services:
    """Everything that stands behind the endpoints."""
    return cast(Services, request.app.state.services)

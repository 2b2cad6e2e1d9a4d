"""What an ASGI server runs: ``uvicorn main:app``. `wafaa serve` does the same, and ends open streams first."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.app import create_app
from app.bootstrap import bootstrap
from app.core.config import Settings


class Application:
    """The application, built at the server's first call: its sessions belong to the running event loop."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or the server's start and end."""
        if self._app is None:
            self._app = create_app(bootstrap(Settings.load()))
        await self._app(scope, receive, send)


app = Application()

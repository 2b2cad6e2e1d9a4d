"""The role that serves HTTP."""

import socket
from types import FrameType

import uvicorn

from app.api.app import create_app
from app.api.wire import Http
from app.bootstrap import Services, bootstrap
from app.cli import starting
from app.cli.patience import until_migrated
from app.cli.roles import end_within
from app.core.config import Settings
from app.core.errors import Misconfigured
from app.core.priority import step_in

GRACE_SECONDS = 8
KEPT_SECONDS = 20
"""How long an idle connection is kept: longer than those rest who are asked to come again, or they meet its end."""


class Server(uvicorn.Server):
    """Ends open streams first: each waits for news and would keep the server from stopping."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Somebody wants us to stop."""
        end_within()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops serving."""
        self._services.followers.close()
        await super().shutdown(sockets)


async def serve(settings: Settings, patience: float, door: socket.socket | None = None) -> None:
    """Serves until asked to stop.

    Args:
        settings: The installation's.
        patience: Seconds to wait for the database to be there and migrated.
        door: Where connections come in, if whoever started us keeps it open; else a socket of our own.

    Raises:
        Misconfigured: It can't begin; the log says why.
    """
    step_in()
    services = bootstrap(settings)
    config = uvicorn.Config(
        create_app(services),
        host=settings.host,
        port=settings.port,
        http=Http,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config, services)
    starting.end()
    await until_migrated(services, patience)
    starting.spare_the_collector()
    await server.serve([door] if door else None)
    if not server.started:
        raise Misconfigured("The API didn't start. Its log says why; `wafaa doctor` may too.")

"""What the processes of an installation have in common: logs, a fast event loop, stopping when asked."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress

import uvloop

from app.core.config import Settings
from app.core.observability import configure_logging


def run(settings: Settings, role: Coroutine[None, None, None]) -> None:
    """Runs a role until it is asked to stop."""
    configure_logging(json=settings.log_json)
    with suppress(asyncio.CancelledError):
        uvloop.run(role)


def on_stop(stop: Callable[[], object]) -> None:
    """Says what to do when a supervisor or a person wants this process to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)

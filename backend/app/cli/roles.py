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


STOP_SECONDS = 9.9
"""How long a process may take to end when it is asked to: who asks kills it after ten."""


def on_stop(stop: Callable[[], object], *, within: float = STOP_SECONDS) -> None:
    """Says what to do when a supervisor or a person wants this process to end, which it then does, whatever hangs."""

    def asked() -> None:
        end_within(within)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)


def end_within(seconds: float = STOP_SECONDS) -> None:
    """Has the kernel end this process after so long; asking again gives no more time."""
    if not signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, seconds)

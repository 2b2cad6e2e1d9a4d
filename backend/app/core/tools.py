"""What an adapter may use of the world outside itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import aiohttp


@dataclass(frozen=True, slots=True)
class Tools:
    """The instruments handed to every adapter.

    Attributes:
        http: The one outgoing HTTP session of the process; opened in ``bootstrap()``.
        now: The clock, in UTC with time zone.
    """

    http: aiohttp.ClientSession
    now: Callable[[], datetime]

"""Reads what a person types without holding up the event loop."""

import asyncio
import sys
import threading
from contextlib import suppress
from itertools import chain


def typed_lines() -> "asyncio.Queue[str]":
    """Lines as they are typed; an empty one at the end. Its thread may wait for ever without keeping us."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in chain(iter(sys.stdin.readline, ""), [""]):
            with suppress(RuntimeError):  # The talk is over; nobody wants to hear the rest.
                loop.call_soon_threadsafe(lines.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    return lines

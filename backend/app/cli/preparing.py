"""Migrating and seeding in a process of its own, which tells step by step what it did.

The supervisor stays small that way: it loads neither the tables nor what works on them.
"""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from app.cli.parts import our_path, ourselves
from app.core.errors import Unavailable
from app.embedded.processes import Part


async def steps(
    env: Mapping[str, str], *, demo: bool, log: Path, begin: Callable[[], Awaitable[None]]
) -> AsyncIterator[dict[str, Any]]:
    """Runs `wafaa prepare` and yields what it tells: ``migrated``, ``learning``, ``done``.

    Args:
        env: Where the databases will be.
        demo: Whether the demo is wanted.
        log: The directory of the logs.
        begin: Waits for the databases. The process loads its modules meanwhile.

    Raises:
        Unavailable: It failed; the message is its own.
    """
    words = ["prepare", "--json", *([] if demo else ["--no-demo"])]
    part = Part("prepare", ourselves(*words), {**our_path(), **env})
    with (log / "prepare.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *part.argv, stdin=PIPE, stdout=PIPE, stderr=errors, **part.options()
        )
        try:
            await begin()
            if process.stdin is not None:
                process.stdin.close()
            async for step in _told(process):
                yield step
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _told(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    last: dict[str, Any] = {}
    if process.stdout is not None:
        async for line in process.stdout:
            last = orjson.loads(line)
            if "step" in last:
                yield last
    if await process.wait() != 0:
        raise Unavailable(last.get("detail") or "Preparing failed; logs/prepare.log says why.")

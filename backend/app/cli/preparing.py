"""Migrating and seeding in a process of its own, which tells step by step what it did.

The supervisor stays small that way: it loads neither the tables nor what works on them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from app.cli.parts import our_path, ourselves
from app.core.errors import Unavailable
from app.embedded.processes import Part


async def steps(env: Mapping[str, str], *, demo: bool, log: Path) -> AsyncIterator[dict[str, Any]]:
    """Runs `wafaa prepare` and yields what it tells: ``migrated``, ``learning``, ``done``.

    Raises:
        Unavailable: It failed; the message is its own.
    """
    words = ["prepare", "--json", *([] if demo else ["--no-demo"])]
    part = Part("prepare", ourselves(*words), {**our_path(), **env})
    with (log / "prepare.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *part.argv, stdout=asyncio.subprocess.PIPE, stderr=errors, **part.options()
        )
        try:
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

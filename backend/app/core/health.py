"""Whether each part of the installation is well."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.core.errors import WafaaError
from app.core.logs import get_logger

log = get_logger()


@dataclass(frozen=True, slots=True)
class Part:
    """Something that must work, and how to see whether it does.

    Attributes:
        name: What it is called: database, cache, worker, …
        check: Looks, and tells what it saw in a few harmless words; raises when it isn't well.
        needed: Whether the installation is of no use without it.
    """

    name: str
    check: Callable[[], Awaitable[str]]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class PartState:
    """What was seen of a part."""

    name: str
    ok: bool
    needed: bool
    detail: str
    ms: int


async def check_parts(parts: Sequence[Part], seconds: float = 2.0) -> list[PartState]:
    """Looks at every part at once; one that doesn't answer in time isn't well."""
    return list(await asyncio.gather(*(_check(part, seconds) for part in parts)))


async def _check(part: Part, seconds: float) -> PartState:
    start = time.perf_counter()
    try:
        async with asyncio.timeout(seconds):
            ok, detail = True, await part.check()
    except TimeoutError:
        ok, detail = False, f"No answer within {seconds:g} s."
    except WafaaError as error:
        ok, detail = False, error.code
    except Exception as error:  # Whatever is wrong with a part, the others must still be told.
        log.warning("part_failed", part=part.name, exc_info=error)
        ok, detail = False, type(error).__name__
    return PartState(
        part.name, ok, part.needed, detail, round((time.perf_counter() - start) * 1000)
    )

"""Where a client's text may go: to services on this installation's own ground, or also to services abroad."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

HERE = "local"
"""The region of a service that sends nothing away from the installation."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Which regions a client's text may go to; None is any. Here it always may stay."""

    regions: tuple[str, ...] | None = None

    def admits(self, region: str) -> bool:
        """Whether a service of that region may see it."""
        return self.regions is None or region == HERE or region in self.regions


ANYWHERE = Permit()

Permits = Callable[[UUID], Awaitable[Permit]]
"""Tells a client's permit."""


async def anywhere(_: UUID) -> Permit:
    """For installations of one business, and tests."""
    return ANYWHERE

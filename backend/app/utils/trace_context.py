"""W3C Trace Context: the ``traceparent`` that a piece of work carries from one process to the next."""

import re
import secrets
from uuid import UUID

_GIVEN = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def continued(given: str | None) -> str:
    """A step of our own in the trace that a caller began; where it began none, the first step of a new one."""
    known = _GIVEN.fullmatch(given or "")
    trace, flags = known.group(1, 3) if known else (secrets.token_hex(16), "00")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def of(cause: UUID, step: UUID) -> str:
    """The step of one thing in the trace of its cause: whoever knows their ids can tell it without asking."""
    return f"00-{cause.hex}-{step.hex[-16:]}-00"


def trace_id(traceparent: str) -> str:
    """The trace that a ``traceparent`` names."""
    return traceparent[3:35]

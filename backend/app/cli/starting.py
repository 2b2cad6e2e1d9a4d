"""How a part starts: soon, and without what it will never use.

Loading makes a hundred thousand objects that live as long as the process. Looking for garbage among them meanwhile is a
tenth of the work of starting; and looking through them again and again later would hold up whoever is waited for.
"""

import gc
import sys

UNUSED = ("rich", "pydantic.v1")
"""structlog would colour tracebacks with the one, FastAPI look for models of the other: ours are neither. 6 MB."""

SELDOM = (20_000, 50, 20)
"""From how many new objects on cycles are looked for, and how seldom among older ones: a request or a turn leaves none
behind, and looking took a seventh of a request's time, a twentieth of a turn's."""


def begin() -> None:
    """Comes before anything heavy is loaded."""
    gc.disable()
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # Whoever imports it is told that it isn't there.


def end() -> None:
    """Comes when everything is built: it stays, and garbage is looked for among what is made from now on."""
    gc.freeze()
    gc.enable()


def spare_the_collector() -> None:
    """Leaves out of every collection what stays for as long as the process."""
    gc.freeze()
    gc.set_threshold(*SELDOM)

"""What a check found."""

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: ``ok``, ``warn`` or ``fail``.
        detail: What was seen.
        fix: What exactly to do about it; empty where nothing has to be done.
    """

    name: str
    state: str
    detail: str
    fix: str = ""

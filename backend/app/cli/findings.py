"""What a check found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.cli.output import Theirs, paint, worded

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


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """What a person reads; each part in their language."""
    for one in findings:
        state = paint(f"{one.state:4}", one.state)
        yield Theirs(f"{state}  {worded(one.name)}: {worded(one.detail)}")
        if one.fix:
            yield Theirs(f"      {worded(one.fix)}")

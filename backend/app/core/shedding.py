"""What is left undone, and in which order, while messages wait too long. Pure.

How loaded a machine is says little; how long the oldest message has waited says what people feel. Every client has an
age and a level of its own: whoever floods loses its analytics first and its intake last, and nobody else anything.
"""

from dataclasses import dataclass
from enum import IntEnum

from app.core.errors import Misconfigured, Unavailable


class Overloaded(Unavailable):
    """Too much is waiting to be done. Try again as Retry-After says."""

    code = "overloaded"

    def __init__(self, retry_after: float) -> None:
        """Keeps the seconds to wait."""
        super().__init__()
        self.retry_after = retry_after


class Shed(IntEnum):
    """How much is left undone: each level and all below it."""

    NOTHING = 0
    ANALYTICS = 1
    INDEXING = 2
    PROACTIVE = 3
    REPLIES = 4
    INTAKE = 5


@dataclass(frozen=True, slots=True)
class Steps:
    """From which age on each level holds, in seconds: a level is reached at its age, and left at half of it."""

    seconds: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> "Steps":
        """The steps that a setting such as ``5,10,15,30,60`` names, from analytics to intake.

        Raises:
            Misconfigured: They aren't five rising numbers.
        """
        try:
            seconds = tuple(float(part) for part in text.split(","))
        except ValueError:
            seconds = ()
        if len(seconds) != len(Shed) - 1 or list(seconds) != sorted({*seconds}) or seconds[0] <= 0:
            raise Misconfigured(
                "WAFAA_SHED_SECONDS: write five rising numbers of seconds, by comma."
            )
        return cls(seconds)

    def level(self, before: Shed, age: float) -> Shed:
        """The level at an age, coming from another one."""
        reached = sum(age >= second for second in self.seconds)
        kept = sum(age >= second / 2 for second in self.seconds)
        return Shed(max(reached, min(before, kept)))

"""What models cost, in US dollars for a million tokens. Usage keeps tokens; what they cost is told by today's list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from app.core.errors import Misconfigured

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens."""

    input: float
    output: float


LISTED = {
    "gpt-4o-mini": Price(0.15, 0.60),
    "gpt-4o": Price(2.50, 10.00),
    "claude-3-5-haiku": Price(0.80, 4.00),
    "claude-3-5-sonnet": Price(3.00, 15.00),
}
"""As their makers list them. A model of one's own costs nothing here unless WAFAA_PRICES says so."""


class Prices:
    """Tells what tokens cost, by the longest name that a model's begins with."""

    def __init__(self, own: Mapping[str, Price]) -> None:
        known = {**LISTED, **own}
        self._known = sorted(known.items(), key=lambda pair: -len(pair[0]))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``gpt-4o=2.5/10,my-model=0.1/0.4``.

        Raises:
            Misconfigured: It isn't written like that.
        """
        own = {}
        for part in filter(None, (one.strip() for one in text.split(","))):
            model, _, price = part.partition("=")
            try:
                given, taken = map(float, price.split("/"))
            except ValueError as error:
                raise Misconfigured(f"WAFAA_PRICES: {part!r} should be model=in/out.") from error
            own[model.strip()] = Price(given, taken)
        return cls(own)

    def cost(self, model: str, input_tokens: int, output_tokens: int) -> float:
        """US dollars; 0 for a model that has no price."""
        price = next((price for name, price in self._known if model.startswith(name)), None)
        if price is None:
            return 0.0
        return round((input_tokens * price.input + output_tokens * price.output) / MILLION, 6)

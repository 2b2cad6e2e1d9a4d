"""Which of our languages a person reads."""

from collections.abc import Iterator

LANGUAGES = ("en", "ar")
DEFAULT = LANGUAGES[0]


def language_of(accept: str | None) -> str:
    """The best of our languages for an ``Accept-Language`` header (RFC 9110); English when it names none of them."""
    ranked = sorted(_ranges((accept or "")[:1000]), key=lambda found: -found[1])
    wanted = (tag for tag, weight in ranked if weight > 0)
    return next((tag for tag in wanted if tag in LANGUAGES), DEFAULT)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        tag, _, weight = part.partition(";")
        yield tag.strip().lower().partition("-")[0], _weight(weight)


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0

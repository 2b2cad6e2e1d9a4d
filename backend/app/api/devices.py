"""What a session is called in the list: the family of a browser and of a system, no more."""

from collections.abc import Sequence

PROGRAM = "API"

_BROWSERS: Sequence[tuple[str, str]] = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Sequence[tuple[str, str]] = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_of(user_agent: str | None) -> str:
    """Such as ``Firefox, Linux``."""
    told = (user_agent or "")[:1000]
    found = [
        next((name for sign, name in family if sign in told), "")
        for family in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(name for name in found if name) or PROGRAM

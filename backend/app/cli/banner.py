"""What `wafaa up` tells when everything runs: where it is, how to sign in, what to ask."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.cli.output import Theirs, paint, worded
from app.cli.parts import address
from app.core.config import Settings

LONGEST = 15


def banner(
    settings: Settings, clients: Sequence[Mapping[str, Any]], seconds: float, missing: Sequence[str]
) -> list[str]:
    """At most ``LONGEST`` lines.

    Args:
        settings: The installation's.
        clients: The demo's, as seeding told them.
        seconds: How long starting took.
        missing: What isn't well yet.
    """
    url = address(settings)
    ready = f"Not ready yet: {', '.join(missing)}. See `wafaa doctor`." if missing else "Ready"
    state = paint(worded(ready), "fail" if missing else "ok")
    lines = [f"{state} after {seconds} s: {url}"]
    for client in clients:
        lines += [
            "",
            Theirs(f"{paint(client['name'], 'bold')}  {url}/c/{client['slug']}"),
            Theirs(f"  {client['question']}"),
            f"  sign in: {client['email']}  {client['password']}",
        ]
    hint = f'wafaa ask "{clients[0]["question"]}"' if clients else "wafaa client create --help"
    return [
        *lines,
        "",
        f"Next: {hint}",
        f"Logs: {settings.home / 'logs'}. Ctrl-C stops everything.",
    ]

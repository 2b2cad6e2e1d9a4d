"""Help in the language of whoever reads this terminal."""

import re
from collections.abc import Sequence
from typing import Any

from typer._click.formatting import HelpFormatter

from app.cli.output import worded

_EXTRAS = re.compile(r"(.*?)  (\[[^]]+\])", re.DOTALL)
"""What typer adds to an option's help, such as ``[required]``."""


class _Formatter(HelpFormatter):
    """Frames help in our own words: typer knows English alone."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Begins help."""
        super().write_usage(prog, args, f"{worded('Usage:')} ")

    def write_heading(self, heading: str) -> None:
        """Begins a section."""
        super().write_heading(worded(heading))

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Lists options or commands."""
        super().write_dl([(name, _told(text)) for name, text in rows], col_max, col_spacing)


def _told(text: str) -> str:
    found = _EXTRAS.fullmatch(text)
    return "  ".join(map(worded, found.groups())) if found else worded(text)


def translate(command: Any) -> None:
    """Turns a command's help, and that of everything below it, into the reader's language."""
    command.context_class = type(
        "Context", (command.context_class,), {"formatter_class": _Formatter}
    )
    command.help = worded(command.help or "") or None
    for parameter in command.params:
        parameter.help = worded(parameter.help or "") or None
    for inner in getattr(command, "commands", {}).values():
        translate(inner)

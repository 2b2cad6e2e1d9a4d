"""The command line: ``wafaa …``. Heavy modules are imported inside commands, so that help comes at once."""

from app.cli.entry import main

__all__ = ["main"]

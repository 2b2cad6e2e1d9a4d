"""The audit log, and whether anybody touched it."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json

app = typer.Typer(help="Who did what, and whether anybody touched that log.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    """Who did what, and whether anybody touched that log."""


@app.command("verify")
def verify(
    client: Annotated[
        str | None, typer.Option("--client", metavar="SLUG", help="Whose; everybody's if absent.")
    ] = None,
    heads: Annotated[
        Path | None,
        typer.Option(
            help="The file of heads, or a copy that was kept elsewhere; this machine's if absent."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look whether audit logs are what was written. Exits with 1 if one isn't."""
    from app.cli.audit import lines, verify
    from app.cli.output import show

    verdicts = verify(client, heads)
    show(verdicts, lines(verdicts), as_json=as_json)
    raise typer.Exit(1 if any(one["faults"] for one in verdicts) else 0)

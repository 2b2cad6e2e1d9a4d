"""Clients as files."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json

CHANGES = 3
"""The exit code of a plan that has something to change."""


def apply(
    place: Annotated[
        Path, typer.Option("--file", "-f", help="A client's .toml file, or a folder of them.")
    ],
    plan: Annotated[
        bool, typer.Option("--plan", help="Only look; exit with 3 if something is different.")
    ] = False,
    prune: Annotated[
        bool,
        typer.Option(help="Also take away what files don't name: channels, documents, colleagues."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Bring clients in line with their files. A client that isn't there is made."""
    from app.cli.applying import apply, lines
    from app.cli.output import show

    outcomes = apply(place, only_plan=plan, prune=prune, yes=yes)
    show([one.told() for one in outcomes], lines(outcomes), as_json=as_json)
    if any(one.error for one in outcomes):
        raise typer.Exit(1)
    different = any(one.changes or one.is_new for one in outcomes)
    raise typer.Exit(CHANGES if plan and different else 0)


def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")],
    client: Annotated[
        str | None, typer.Option("--client", metavar="SLUG", help="Whose; everybody's if absent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write clients as files that `apply` reads. Secrets are named, not written."""
    from app.cli.applying import write
    from app.cli.output import show

    paths = write(client, folder)
    show(paths, [str(path) for path in paths], as_json=as_json)

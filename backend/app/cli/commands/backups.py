"""Backups."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of data.")]


def backup(file: File, as_json: Json = False) -> None:
    """Write all data to a file, and the keys it is sealed with to FILE.keys."""
    from app.cli.backups import KEPT_APART, back_up
    from app.cli.output import show

    keys = back_up(file)
    value = {"data": str(file), "keys": str(keys)}
    show(value, [f"Data: {file}", f"Keys: {keys}", KEPT_APART], as_json=as_json)


def restore(
    file: File,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="The newest file of keys there is; FILE.keys when not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fill an empty database from a backup. Clients erased since are unreadable with newer keys."""
    from app.cli.backups import restore
    from app.cli.output import show

    restore(file, keys)
    show({"restored": str(file)}, [f"{file} is restored."], as_json=as_json)

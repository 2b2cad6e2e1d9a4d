"""Keys: what all that rests is sealed with."""

from typing import Annotated

import typer

from app.cli.options import ClientSlug, Json

app = typer.Typer(help="Keys that seal what rests.", no_args_is_help=True)


@app.command("list")
def every(client: ClientSlug = None, as_json: Json = False) -> None:
    """List the clients' keys, and how much is still to be sealed anew."""
    from app.cli.keys import every
    from app.cli.output import show, table

    states = every(client)
    rows = [(one.client, f"version {one.version}", one.under, f"{one.left} left") for one in states]
    show(states, table(rows, "There are no clients."), as_json=as_json)


@app.command("rotate")
def rotate(
    client: ClientSlug = None,
    kek: Annotated[
        bool, typer.Option("--kek", help="The key that wraps clients' keys, not theirs.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="With --kek: make no new one, wrap what is left.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make new keys. Clients are served on; the workers seal anew what older keys sealed."""
    from app.cli.keys import rewrap, rotate
    from app.cli.output import show, table

    if kek:
        under, count = rewrap(renew=not resume)
        lines = [
            (
                f"{count} keys are wrapped anew under {under}."
                if under
                else f"{count} keys are wrapped anew."
            )
        ]
        return show({"under": under, "rewrapped": count}, lines, as_json=as_json)
    states = rotate(client)
    rows = [(one.client, f"version {one.version}", f"{one.left} values to go") for one in states]
    return show(states, table(rows, "There are no clients."), as_json=as_json)

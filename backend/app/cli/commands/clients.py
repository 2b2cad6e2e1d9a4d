"""Clients: the businesses that rent the service."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Json

app = typer.Typer(help="The businesses that rent the service.", no_args_is_help=True)


@app.command("create")
def create(
    slug: Annotated[str, typer.Argument(help="How addresses name it, such as bakery.")],
    name: Annotated[str, typer.Option(help="How the business is called.")],
    email: Annotated[str, typer.Option(help="The owner's e-mail address, to sign in with.")],
    owner: Annotated[str, typer.Option(help="The owner's name.")] = "Owner",
    language: Annotated[str, typer.Option(help="ar or en: the language of first resort.")] = "ar",
    password_file: Annotated[
        Path | None,
        typer.Option(help="A file whose first line is the owner's password; asked for, or made."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a client with its owner and a web chat."""
    from app.cli.clients import NewClient, create
    from app.cli.output import show

    wish = NewClient(slug, name, email, owner, language)
    made = create(wish, password_file)
    lines = [f"Client {made['name']} ({made['slug']}): {made['page']}"]
    if made["password"]:
        lines.append(f"Sign in: {email}  {made['password']}  (shown once)")
    show(made, lines, as_json=as_json)


@app.command("list")
def every(as_json: Json = False) -> None:
    """List the clients."""
    from app.cli.clients import every
    from app.cli.output import show, table

    clients = every()
    rows = [(c["slug"], c["name"], c["page"]) for c in clients]
    show(clients, table(rows, "No clients yet: `wafaa client create --help`."), as_json=as_json)

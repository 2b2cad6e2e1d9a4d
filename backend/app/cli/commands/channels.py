"""Channel accounts: where contacts write to a client."""

from typing import Annotated

import typer

from app.cli.options import ClientSlug, Json

app = typer.Typer(help="Where contacts write to a client.", no_args_is_help=True)

Pairs = list[str]


@app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="web, whatsapp, …")],
    client: ClientSlug = None,
    name: Annotated[str | None, typer.Option(help="What you call it; the kind if absent.")] = None,
    values: Annotated[
        Pairs | None, typer.Option("--set", metavar="FIELD=VALUE", help="A field of its form.")
    ] = None,
    files: Annotated[
        Pairs | None,
        typer.Option("--set-file", metavar="FIELD=PATH", help="A field, read from a file."),
    ] = None,
    variables: Annotated[
        Pairs | None,
        typer.Option("--set-env", metavar="FIELD=NAME", help="A field, from the environment."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Connect an account. What is missing is asked for on a terminal.

    Secrets are better read from a file or the environment: the command line is seen by others.
    """
    from app.cli.channels import add, lines
    from app.cli.forms import Given
    from app.cli.output import show

    made = add(kind, client, name or kind, Given.read(values, files, variables))
    show(made, lines(made), as_json=as_json)


@app.command("list")
def every(client: ClientSlug = None, as_json: Json = False) -> None:
    """List a client's channel accounts."""
    from app.cli.channels import every
    from app.cli.output import show, table

    accounts = every(client)
    rows = [(a["id"], a["kind"], a["name"], a["external_id"], a["address"]) for a in accounts]
    show(accounts, table(rows, "No channels yet: `wafaa channel add --help`."), as_json=as_json)


@app.command("check")
def check(
    account: Annotated[str | None, typer.Argument(help="Its id; all of them if absent.")] = None,
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Verify live what can be verified: credentials, and that our webhook answers."""
    from app.cli.channels import check
    from app.cli.findings import lines
    from app.cli.output import show

    findings = check(client, account)
    told = [*lines(findings)] or ["There is no channel to check."]
    show(findings, told, as_json=as_json)
    raise typer.Exit(1 if any(f.state == "fail" for f in findings) else 0)

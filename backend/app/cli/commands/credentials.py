"""What programs show: API keys, OAuth applications, signing keys."""

from typing import Annotated
from uuid import UUID

import typer

from app.cli.options import ClientSlug, Colleague, Json

keys = typer.Typer(help="API keys: what programs show.", no_args_is_help=True)
applications = typer.Typer(
    help="OAuth applications: programs that act for a business.", no_args_is_help=True
)
oauth = typer.Typer(help="The authorization server.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What it is for.")]
Scopes = Annotated[
    list[str], typer.Option("--scope", help="A right, such as knowledge:read; may be repeated.")
]
Signed = Annotated[str, typer.Option(help="EdDSA or RS256.")]


@keys.command("create")
def create_key(
    name: Name,
    scope: Scopes,
    mode: Annotated[str, typer.Option(help="live, or test: that only reads.")] = "live",
    days: Annotated[
        int | None, typer.Option(min=1, help="Until it expires; never, if absent.")
    ] = None,
    client: ClientSlug = None,
    colleague: Colleague = None,
    as_json: Json = False,
) -> None:
    """Make a key that acts for a colleague. It is shown this once."""
    from app.cli.credentials import create_key
    from app.cli.output import show

    made = create_key(client, colleague, name, scope, mode, days)
    show(made, [f"{made['key']}  (shown once)"], as_json=as_json)


@keys.command("list")
def list_keys(client: ClientSlug = None, as_json: Json = False) -> None:
    """List a client's keys."""
    from app.cli.credentials import list_keys
    from app.cli.output import show, table

    found = list_keys(client)
    rows = [(k["id"], k["name"], k["mode"], ",".join(k["scopes"]), _state(k)) for k in found]
    show(found, table(rows, "No keys yet: `wafaa key create --help`."), as_json=as_json)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[UUID, typer.Argument(help="From `wafaa key list`.")],
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """End a key, within seconds and for ever."""
    from app.cli.credentials import revoke_key
    from app.cli.output import show

    revoke_key(client, key_id)
    show({"revoked": key_id}, ["The key is revoked."], as_json=as_json)


@applications.command("create")
def create_application(
    name: Name,
    scope: Scopes,
    redirect: Annotated[
        list[str] | None, typer.Option(help="Where people are sent back to; may be repeated.")
    ] = None,
    algorithm: Signed = "EdDSA",
    public: Annotated[bool, typer.Option("--public", help="It can't keep a secret.")] = False,
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Make an OAuth application. Its secret is shown this once."""
    from app.cli.credentials import create_application
    from app.cli.output import show

    made = create_application(client, name, scope, redirect or [], algorithm, public=public)
    lines = [f"client_id      {made['id']}"]
    if made["secret"]:
        lines.append(f"client_secret  {made['secret']}  (shown once)")
    show(made, lines, as_json=as_json)


@applications.command("list")
def list_applications(client: ClientSlug = None, as_json: Json = False) -> None:
    """List a client's OAuth applications."""
    from app.cli.credentials import list_applications
    from app.cli.output import show, table

    found = list_applications(client)
    rows = [(a["id"], a["name"], ",".join(a["scopes"]), _state(a)) for a in found]
    show(found, table(rows, "No applications yet: `wafaa app create --help`."), as_json=as_json)


@applications.command("revoke")
def revoke_application(
    application_id: Annotated[UUID, typer.Argument(help="From `wafaa app list`.")],
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """End an application, and within seconds every token that it has."""
    from app.cli.credentials import revoke_application
    from app.cli.output import show

    revoke_application(client, application_id)
    show({"revoked": application_id}, ["The application is revoked."], as_json=as_json)


@oauth.command("rotate")
def rotate(
    algorithm: Signed = "EdDSA",
    at_once: Annotated[
        bool,
        typer.Option(
            "--now", help="The present key leaked: it, and every token it signed, ends now."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the next signing key: published now, it signs in ten minutes; the old one stays while its tokens live."""
    from app.cli.credentials import rotate
    from app.cli.output import show

    made = rotate(algorithm, at_once=at_once)
    line = f"Key {made['kid']} is published and signs in ten minutes."
    if at_once:
        line = f"Key {made['kid']} signs from now on."
    show(made, [line], as_json=as_json)


def _state(one: dict[str, object]) -> str:
    return "revoked" if one["revoked_at"] else "good"

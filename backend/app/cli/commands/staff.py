"""Staff: who works for a client."""

from typing import Annotated

import typer

from app.cli.options import ClientSlug, Json

app = typer.Typer(help="Who works for a client.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Their e-mail address.")]


@app.command("invite")
def invite(
    email: Email,
    name: Annotated[str, typer.Option(help="How they are called.")],
    role: Annotated[
        str, typer.Option(help="owner, agent, viewer, or platform for one of ours.")
    ] = "agent",
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Invite a colleague by e-mail; without a mail server the link is shown here, once."""
    from app.cli.output import show
    from app.cli.staff import invite

    made = invite(client, email, name, role)
    show(made, [_told(made)], as_json=as_json)


@app.command("reset")
def reset(email: Email, client: ClientSlug = None, as_json: Json = False) -> None:
    """Let a colleague choose a new password: by e-mail; without a mail server the link is shown here, once."""
    from app.cli.output import show
    from app.cli.staff import reset

    made = reset(client, email)
    show(made, [_told(made)], as_json=as_json)


@app.command("list")
def every(client: ClientSlug = None, as_json: Json = False) -> None:
    """List a client's colleagues."""
    from app.cli.output import show, table
    from app.cli.staff import every

    found = every(client)
    rows = [(p["email"], p["name"], p["role"], _state(p)) for p in found]
    show(found, table(rows, "No colleagues yet: `wafaa staff invite --help`."), as_json=as_json)


@app.command("deactivate")
def deactivate(email: Email, client: ClientSlug = None, as_json: Json = False) -> None:
    """Let a colleague go: sessions and tokens end within seconds."""
    from app.cli.output import show
    from app.cli.staff import deactivate

    gone = deactivate(client, email)
    show(gone, [f"{email} was let go."], as_json=as_json)


def _told(made: dict[str, object]) -> str:
    from app.cli.hiring import by_hand

    if made["link"] is None:
        return f"An e-mail goes to {made['email']}."
    return by_hand(str(made["email"]), str(made["link"]))


def _state(person: dict[str, object]) -> str:
    if not person["is_active"]:
        return "let go"
    return "active" if person["has_joined"] else "invited"

"""Talking to the assistant."""

from typing import Annotated

import typer

from app.cli.options import ClientSlug, Json

emulate = typer.Typer(help="Stand in for a platform.", no_args_is_help=True)


def ask(question: str, client: ClientSlug = None, as_json: Json = False) -> None:
    """Ask once, and see the answer with its sources."""
    from app.cli.asking import ask, lines
    from app.cli.output import show

    answer = ask(question, client)
    show(answer, lines(answer), as_json=as_json)


def chat(
    client: ClientSlug = None,
    new: Annotated[bool, typer.Option("--new", help="As somebody who never wrote before.")] = False,
    as_json: Json = False,
) -> None:
    """Talk as a visitor of the client's web chat does. An empty line or Ctrl-D ends it.

    With --json each message that comes back is one object on a line of its own.
    """
    from app.cli.chatting import chat

    chat(client, new=new, as_json=as_json)


@emulate.command("whatsapp")
def whatsapp(client: ClientSlug = None, as_json: Json = False) -> None:
    """Be a contact on WhatsApp, in this terminal, without an account at Meta."""
    from app.cli.emulate import emulate_whatsapp

    emulate_whatsapp(client, as_json=as_json)


@emulate.callback()
def _emulate() -> None:
    """Stand in for a platform."""

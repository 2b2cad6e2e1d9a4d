"""The inbox: conversations, and answering them oneself."""

from typing import Annotated
from uuid import UUID

import typer

from app.cli.options import ClientSlug, Colleague, Json

app = typer.Typer(help="Conversations, and answering them yourself.", no_args_is_help=True)

Conversation = Annotated[UUID, typer.Argument(metavar="CONVERSATION", help="Its id.")]


@app.command("list")
def every(
    client: ClientSlug = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only who waits for a person.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: Json = False,
) -> None:
    """List conversations; who waits longest for a person comes first."""
    from app.cli.inbox import every
    from app.cli.output import Theirs, show, table

    found = every(client, waiting=waiting, limit=limit)
    rows = [
        (
            c.id,
            c.channel,
            "waits" if c.waiting_since else Theirs(c.agent_name) if c.agent_name else c.owner,
            c.status,
            Theirs(c.last_text or ""),
        )
        for c in found
    ]
    show(found, table(rows, "No conversations."), as_json=as_json)


@app.command("read")
def read(conversation: Conversation, client: ClientSlug = None, as_json: Json = False) -> None:
    """Read what was said."""
    from app.cli.inbox import read
    from app.cli.output import Theirs, show, worded

    said = read(client, conversation)
    lines = [
        Theirs(f"{worded(m['author']):9}  {m['text'] or '[' + m['kind'] + ']'}  ({m['id']})")
        for m in said
    ]
    show(said, lines or ["Nothing yet."], as_json=as_json)


@app.command("undelivered")
def undelivered(client: ClientSlug = None, as_json: Json = False) -> None:
    """List messages that did not surely arrive, and wait for a status or for your decision."""
    from app.cli.inbox import undelivered
    from app.cli.output import Theirs, show, table

    policy, found = undelivered(client)
    rows = [(m["id"], m["delivery_state"], m["delivery_error"], Theirs(m["text"])) for m in found]
    lines = [f"When no status comes: {policy}.", *table(rows, "All that was sent has arrived.")]
    show({"policy": policy, "data": found}, lines, as_json=as_json)


@app.command("resend")
def resend(
    message: Annotated[UUID, typer.Argument(metavar="MESSAGE", help="Its id.")],
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Send a message that did not surely arrive again. It may arrive twice."""
    from app.cli.inbox import resend
    from app.cli.output import show

    resend(client, message)
    show({"id": message, "resent": True}, ["It is on its way again."], as_json=as_json)


@app.command("take")
def take(
    conversation: Conversation,
    client: ClientSlug = None,
    who: Colleague = None,
    as_json: Json = False,
) -> None:
    """Take a conversation over: from now on the assistant is silent in it."""
    _act("take", conversation, client, who, as_json=as_json)


@app.command("reply")
def reply(
    conversation: Conversation,
    text: str,
    client: ClientSlug = None,
    who: Colleague = None,
    as_json: Json = False,
) -> None:
    """Reply in a conversation that you have taken over."""
    _act("reply", conversation, client, who, text=text, as_json=as_json)


@app.command("back")
def back(
    conversation: Conversation,
    client: ClientSlug = None,
    who: Colleague = None,
    as_json: Json = False,
) -> None:
    """Hand a conversation back to the assistant."""
    _act("back", conversation, client, who, as_json=as_json)


@app.command("resolve")
def resolve(
    conversation: Conversation,
    client: ClientSlug = None,
    who: Colleague = None,
    as_json: Json = False,
) -> None:
    """End a conversation; the contact's next message opens a new one."""
    _act("resolve", conversation, client, who, as_json=as_json)


def _act(
    deed: str,
    conversation: UUID,
    client: str | None,
    who: str | None,
    *,
    text: str = "",
    as_json: bool,
) -> None:
    from app.cli.inbox import SAID, act
    from app.cli.output import show

    done = act(deed, client, conversation, who, text)
    show(done, [SAID[deed]], as_json=as_json)

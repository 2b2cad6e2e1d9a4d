"""Clients: the businesses that rent the service."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

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
    from app.cli.output import Theirs, show, table

    clients = every()
    rows = [(c["slug"], Theirs(c["name"]), c["page"]) for c in clients]
    show(clients, table(rows, "No clients yet: `wafaa client create --help`."), as_json=as_json)


Slug = Annotated[str, typer.Argument(metavar="SLUG", help="Which client.")]


@app.command("show")
def look(slug: Slug, as_json: Json = False) -> None:
    """Tell how a client stands: whether it is served, what it may use and has used."""
    from app.cli.clients import look
    from app.cli.output import Theirs, show, table, worded

    found = look(slug)
    state = worded("served" if found["active"] else f"suspended: {found['suspended_for']}")
    rows = [
        (name.replace("_", " "), used, "of", "unlimited" if (most := found["quota"][name]) is None else most)
        for name, used in found["used"].items()
    ]  # fmt: skip
    head = Theirs(f"{found['name']} ({found['slug']}) · {state}")
    show(found, [head, *table(rows, "")], as_json=as_json)


@app.command("record")
def record(slug: Slug, as_json: Json = False) -> None:
    """Tell what is processed of whom, who gets it, and for how long (PDPL article 31, GDPR article 30)."""
    from app.cli.output import show
    from app.cli.recording import lines, record_of

    found = record_of(slug)
    show(found, lines(found), as_json=as_json)


@app.command("configure")
def configure(
    slug: Slug,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Such as tone=formal, or a TOML value."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="How the business is called.")] = None,
    note: Annotated[str | None, typer.Option(help="Why; kept with the version.")] = None,
    as_json: Json = False,
) -> None:
    """Change settings of the assistant, and publish them as a new version."""
    from app.cli.clients import configure
    from app.cli.forms import toml_values
    from app.cli.output import show

    version = configure(slug, name, toml_values(values or []), note)
    value = {"slug": slug, "version": version}
    show(value, [f"{slug} uses version {version}."], as_json=as_json)


@app.command("history")
def history(slug: Slug, as_json: Json = False) -> None:
    """List what was published, newest first, and what each version changed."""
    from app.cli.clients import history
    from app.cli.output import Theirs, show, worded

    found = history(slug)
    lines = []
    for one in found:
        note = f"  {worded(one['note'])}" if one["note"] else ""
        lines.append(Theirs(f"{one['version']}  {one['at']:%Y-%m-%d %H:%M}  {one['author']}{note}"))
        lines += [
            Theirs(f"     {c['path']}: {c['before']!r} → {c['after']!r}") for c in one["changes"]
        ]
    show(found, lines, as_json=as_json)


@app.command("restore")
def restore(
    slug: Slug,
    version: Annotated[int, typer.Argument(min=1, help="Its number in the history.")],
    as_json: Json = False,
) -> None:
    """Publish an earlier version again."""
    from app.cli.clients import restore
    from app.cli.output import show

    number = restore(slug, version)
    value = {"slug": slug, "version": number}
    show(value, [f"{slug} uses version {number}, which is as {version}."], as_json=as_json)


@app.command("suspend")
def suspend(
    slug: Slug,
    reason: Annotated[str, typer.Option(help="Why; the client's staff read it.")],
    as_json: Json = False,
) -> None:
    """Stop serving a client: what it is sent is kept, nobody is answered."""
    from app.cli.clients import suspend
    from app.cli.output import show

    suspend(slug, reason)
    show({"slug": slug, "active": False}, [f"{slug} is suspended."], as_json=as_json)


@app.command("resume")
def resume(slug: Slug, as_json: Json = False) -> None:
    """Serve a client again. Who wrote meanwhile waits in its inbox."""
    from app.cli.clients import resume
    from app.cli.output import show

    resume(slug)
    show({"slug": slug, "active": True}, [f"{slug} is served again."], as_json=as_json)


@app.command("quota")
def quota(
    slug: Slug,
    messages: Annotated[int | None, typer.Option(min=0, help="Answers in a month.")] = None,
    tokens: Annotated[int | None, typer.Option(min=0, help="Models' tokens in a month.")] = None,
    knowledge_bytes: Annotated[
        int | None, typer.Option(min=0, help="Size of all documents.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set what a client may use; what isn't named is unlimited."""
    from app.cli.clients import allow
    from app.cli.output import show, table

    given = {"messages": messages, "tokens": tokens, "knowledge_bytes": knowledge_bytes}
    allow(slug, given)
    rows = [(n.replace("_", " "), "unlimited" if v is None else v) for n, v in given.items()]
    show({"slug": slug, "quota": given}, table(rows, ""), as_json=as_json)


@app.command("usage")
def usage(
    slug: Slug,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 31,
    as_json: Json = False,
) -> None:
    """Tell what a client used, by day, model and channel, and what it cost."""
    from app.cli.clients import usage
    from app.cli.output import show, table

    found = usage(slug, days)
    head = ("day", "model", "channel", "answers", "in", "out", "USD")
    rows = [tuple(row.values()) for row in found]
    show(found, table([head, *rows] if rows else [], "Nothing yet."), as_json=as_json)


@app.command("export")
def export(
    slug: Slug,
    out: Annotated[Path, typer.Option("--out", "-o", help="The ZIP to write.")],
    contact: Annotated[
        UUID | None, typer.Option(help="One contact's; everything of the client if absent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write everything of a client, or of one contact, into a ZIP."""
    from app.cli.leaving import export
    from app.cli.output import show

    counts = export(slug, contact, out)
    lines = [f"{out}: {sum(counts.values())} rows of {len(counts)} tables"]
    show({"file": out, "rows": counts}, lines, as_json=as_json)


@app.command("erase")
def erase(
    slug: Slug,
    contact: Annotated[
        UUID | None, typer.Option(help="One contact, at once; the whole client if absent.")
    ] = None,
    days: Annotated[
        float, typer.Option(min=0, help="How long the client can be kept after all.")
    ] = 30,
    now: Annotated[bool, typer.Option("--now", help="Erase the client at once.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: Json = False,
) -> None:
    """Forget a contact; or suspend a client now, and erase it when its days are over."""
    from app.cli.leaving import be_sure, erase_client, erase_contact
    from app.cli.output import show, table

    be_sure(slug, yes=yes)
    if contact is not None:
        counts = erase_contact(slug, contact)
        rows = [("Erased:", ""), *((f"  {name}", count) for name, count in counts.items())]
        return show({"contact": contact, "erased": counts}, table(rows, ""), as_json=as_json)
    left = 0 if now else days
    erase_client(slug, left)
    line = f"{slug} is erased." if now else f"{slug} is suspended, and erased in {days:g} days."
    return show({"slug": slug, "days": left}, [line], as_json=as_json)


@app.command("keep")
def keep(slug: Slug, as_json: Json = False) -> None:
    """Keep a client that was to be erased, and serve it again."""
    from app.cli.leaving import keep
    from app.cli.output import show

    keep(slug)
    show({"slug": slug, "active": True}, [f"{slug} is kept."], as_json=as_json)

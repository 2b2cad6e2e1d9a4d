"""Knowledge: what the assistant's answers rest on."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options import ClientSlug, Json

app = typer.Typer(help="What the assistant's answers rest on.", no_args_is_help=True)


@app.command("add")
def add(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)],
    client: ClientSlug = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait until they are learned.")] = 300.0,
    as_json: Json = False,
) -> None:
    """Teach files: text, Markdown, HTML, PDF, DOCX, CSV of questions and answers.

    A file that has not changed costs nothing. Exits with 1 if one could not be learned in time.
    """
    from app.cli.knowledge import add
    from app.cli.output import Theirs, show, table

    documents = add(files, client, wait)
    rows = [(d["status"], Theirs(d["title"]), _outcome(d)) for d in documents]
    show(documents, table(rows, ""), as_json=as_json)
    raise typer.Exit(0 if all(d["status"] == "ready" for d in documents) else 1)


@app.command("list")
def every(client: ClientSlug = None, as_json: Json = False) -> None:
    """List what was taught, the newest first."""
    from app.cli.knowledge import every
    from app.cli.output import Theirs, show, table

    documents = every(client)
    rows = [
        (d["id"], d["status"], d["passages"], Theirs(d["title"]), d["error"] or "")
        for d in documents
    ]
    show(documents, table(rows, "Nothing yet: `wafaa knowledge add FILE`."), as_json=as_json)


@app.command("search")
def search(
    query: str,
    client: ClientSlug = None,
    limit: Annotated[int, typer.Option(min=1, max=20)] = 6,
    as_json: Json = False,
) -> None:
    """Show the passages that a question would be answered from."""
    from app.cli.knowledge import search
    from app.cli.output import Theirs, show

    passages = search(query, client, limit)
    lines = [Theirs(f"{p['score']:.3f}  {p['title']}\n       {p['text']}") for p in passages]
    show(passages, lines or ["Nothing found."], as_json=as_json)


def _outcome(document: dict[str, Any]) -> str:
    """What became of a file, and what a person should look at."""
    told = document["error"] or f"passages: {document['passages']}"
    pages = ", ".join(map(str, document["doubtful_pages"]))
    return f"{told}; look at page {pages}: it may have been misread" if pages else told

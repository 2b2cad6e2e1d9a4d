"""Jobs, and why an answer is what it is."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from app.cli.options import ClientSlug, Json

app = typer.Typer(help="Work that failed for good.", no_args_is_help=True)


def trace(
    message: Annotated[UUID, typer.Argument(metavar="MESSAGE", help="Its id.")],
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Tell why an answer is what it is; or where a message is stuck."""
    from app.cli.output import show
    from app.cli.tracing import lines, trace

    found = trace(client, message)
    show(found, lines(found), as_json=as_json)


Kind = Annotated[
    str | None, typer.Option(metavar="KIND", help="Only of a kind, such as deliver_message.")
]
Code = Annotated[
    str | None, typer.Option(metavar="CODE", help="Only those that ended with an error.")
]
Since = Annotated[datetime | None, typer.Option(help="Only those made then or later (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Only those made before (UTC).")]
JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="Its id.")]


@app.command("list")
def every(
    client: ClientSlug = None,
    kind: Kind = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """List parked jobs with their errors, the newest first."""
    from app.cli.jobs import every, meant
    from app.cli.output import show, table

    jobs = every(client, meant(kind, code, since, until))
    rows = [(job.id, job.kind, job.attempts, job.created_at, job.error) for job in jobs]
    show(jobs, table(rows, "Nothing is parked."), as_json=as_json)


@app.command("show")
def show_one(job: JobId, client: ClientSlug = None, as_json: Json = False) -> None:
    """Show what a job is about, how often it was tried, and what went wrong."""
    from app.cli.jobs import one
    from app.cli.output import Theirs, show

    found = one(client, job)
    about = [Theirs(f"{name}: {value}") for name, value in found.payload.items()]
    head = f"{found.kind}, {found.state}, tried {found.attempts} times since {found.created_at:%Y-%m-%d %H:%M} UTC"
    show(found, [head, *about, found.error or "No error."], as_json=as_json)


@app.command("replay-all")
def replay_all(
    client: ClientSlug = None,
    kind: Kind = None,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Try all parked jobs that are meant again, the oldest first."""
    from app.cli.jobs import meant, replay_all
    from app.cli.output import show

    count = replay_all(client, meant(kind, code, since, until))
    show({"replayed": count}, [f"{count} jobs are on their lanes again."], as_json=as_json)


@app.command("replay")
def replay(
    job: JobId,
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Try a parked job again. What is done already is not done twice."""
    from app.cli.jobs import replay
    from app.cli.output import show

    replay(client, job)
    show({"id": job, "replayed": True}, [f"Job {job} is on its lane again."], as_json=as_json)

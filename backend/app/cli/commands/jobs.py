"""Jobs, and why an answer is what it is."""

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


@app.command("list")
def every(client: ClientSlug = None, as_json: Json = False) -> None:
    """List parked jobs with their errors, the newest first."""
    from app.cli.jobs import every
    from app.cli.output import show, table

    jobs = every(client)
    rows = [(job.id, job.kind, job.attempts, job.created_at, job.error) for job in jobs]
    show(jobs, table(rows, "Nothing is parked."), as_json=as_json)


@app.command("replay")
def replay(
    job: Annotated[UUID, typer.Argument(metavar="JOB", help="Its id.")],
    client: ClientSlug = None,
    as_json: Json = False,
) -> None:
    """Try a parked job again. What is done already is not done twice."""
    from app.cli.jobs import replay
    from app.cli.output import show

    replay(client, job)
    show({"id": job, "replayed": True}, [f"Job {job} is on its lane again."], as_json=as_json)

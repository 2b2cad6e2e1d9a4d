"""Keeping an installation well: migrations, a check-up, settings, what version this is."""

from typing import Annotated

import typer

from app.cli.options import Json

config = typer.Typer(help="Settings and where they come from.", no_args_is_help=True)


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only look; exit with 1 if there is something to do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the database to this version. Never destroys data."""
    from app.cli.migrating import check_now, migrate_now
    from app.cli.output import show

    found = check_now() if check else migrate_now()
    present = found.present or "none"
    line = f"The database is at revision {present}, as it should be."
    if not found.current:
        line = f"The database is at revision {present}, not {found.wanted}. Run `wafaa migrate`."
    value = {"present": found.present, "wanted": found.wanted, "current": found.current}
    show(value, [line], as_json=as_json)
    raise typer.Exit(0 if found.current else 1)


def doctor(as_json: Json = False) -> None:
    """Look for what is wrong, and tell how to put it right. Exits with 1 if something fails."""
    from app.cli.doctor import FAIL, examine
    from app.cli.findings import lines
    from app.cli.output import show

    findings = examine()
    show(findings, lines(findings), as_json=as_json)
    raise typer.Exit(1 if any(f.state == FAIL for f in findings) else 0)


@config.command("show")
def config_show(as_json: Json = False) -> None:
    """Show every setting, its value and its source. Secrets are masked."""
    from app.cli.configuration import shown
    from app.cli.output import show, table

    values = shown()
    lines = table([(v.name, v.value, v.source) for v in values], "")
    show(values, lines, as_json=as_json)


@config.callback()
def _config() -> None:
    """Settings and where they come from."""


def openapi(as_json: Json = False) -> None:
    """Print the description of the HTTP API."""
    from app.cli.description import describe
    from app.cli.output import say, to_json

    del as_json  # It is JSON anyway.
    say(to_json(describe()))


def asyncapi(as_json: Json = False) -> None:
    """Print the description of the events that are published."""
    from app.cli.output import say, to_json
    from app.services.queue.contract import asyncapi

    del as_json  # It is JSON anyway.
    say(to_json(asyncapi()))


def version(as_json: Json = False) -> None:
    """Print the version."""
    import platform

    from app.api.app import VERSION
    from app.cli.output import show

    value = {"version": VERSION, "python": platform.python_version()}
    show(value, [f"Wafaa {VERSION} on Python {platform.python_version()}"], as_json=as_json)

"""Running an installation."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import starting
from app.cli.options import Json

Demo = Annotated[bool, typer.Option("--demo/--no-demo", help="Make the two demo businesses.")]


def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Where to listen.")] = None,
    demo: Demo = True,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what the parts log.")] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="Start the gateway: TLS on port 8443.")
    ] = False,
    tls_name: Annotated[
        str | None, typer.Option(help="The host name to serve, on port 443; else this machine's.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="The certificate and its chain; else one is made.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    tls_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Another port for TLS.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run everything on this machine until Ctrl-C.

    Brings PostgreSQL and Valkey along where DATABASE_URL and REDIS_URL are not set.
    """
    from app.cli.tls import Tls
    from app.cli.up import Up, load_settings

    settings = load_settings(demo=demo)
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    settings.home.mkdir(parents=True, exist_ok=True)
    gateway = None
    if tls:
        wanted = Tls(tls_name, tls_certificate, tls_key, tls_port)
        gateway, settings = wanted.gateway(settings), wanted.settings(settings)
    Up(settings, demo=demo, verbose=verbose, as_json=as_json, gateway=gateway).run()


Patience = Annotated[
    float, typer.Option(min=0, help="Seconds to wait for the database to be there and migrated.")
]


def serve(
    patience: Patience = 10.0,
    descriptor: Annotated[
        int | None,
        typer.Option(
            "--socket",
            min=0,
            help="The number of an open socket to serve at, instead of a port of its own.",
        ),
    ] = None,
) -> None:
    """Serve HTTP; one of the parts that `up` runs."""
    starting.begin()
    from socket import socket

    from app.cli.roles import run
    from app.cli.serve import serve
    from app.core.config import Settings

    settings = Settings.load()
    door = None if descriptor is None else socket(fileno=descriptor)
    run(settings, serve(settings, patience, door))


def work(patience: Patience = 10.0) -> None:
    """Answer, deliver and learn; one of the parts that `up` runs."""
    starting.begin()
    from app.cli.roles import run
    from app.cli.work import work
    from app.core.config import Settings

    settings = Settings.load()
    run(settings, work(settings, patience))


def consume(patience: Patience = 10.0) -> None:
    """Take in what the event log holds; one of the parts that `up` runs where there is one."""
    starting.begin()
    from app.cli.consume import consume
    from app.cli.roles import run
    from app.core.config import Settings

    settings = Settings.load()
    run(settings, consume(settings, patience))


def embed(
    installation: Annotated[
        str, typer.Option(help="Whose it is, as its supervisor knows it.")
    ] = "",
) -> None:
    """Turn texts into vectors for this host; one of the parts that `up` runs."""
    from app.cli.embed import embed
    from app.cli.roles import run
    from app.core.config import Settings

    del installation  # It stands on the command line for whoever looks for this process.
    settings = Settings.load()
    run(settings, embed(settings))


def prepare(demo: Demo = True, as_json: Json = False) -> None:
    """Migrate and seed, telling each step as a line of JSON."""
    from app.cli.prepare import prepare
    from app.cli.up import load_settings

    del as_json  # There is no other way; the option makes errors come as JSON, too.
    prepare(load_settings(demo=demo), demo=demo)

"""What can be typed. Bodies import what they need: help must come at once."""

import typer

from app.cli.commands import (
    applying,
    audit,
    backups,
    channels,
    clients,
    credentials,
    inbox,
    jobs,
    keys,
    knowledge,
    running,
    staff,
    talking,
    upkeep,
)

OPTIONS = {"rich_markup_mode": None, "no_args_is_help": True, "add_completion": False}

app = typer.Typer(
    help="Wafaa answers a business's customers from what the business has taught it.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for name, function, hidden in (
    ("up", running.up, False),
    ("serve", running.serve, False),
    ("work", running.work, False),
    ("consume", running.consume, False),
    ("embed", running.embed, False),
    ("prepare", running.prepare, True),
    ("migrate", upkeep.migrate, False),
    ("doctor", upkeep.doctor, False),
    ("backup", backups.backup, False),
    ("restore", backups.restore, False),
    ("apply", applying.apply, False),
    ("export", applying.export, False),
    ("ask", talking.ask, False),
    ("chat", talking.chat, False),
    ("trace", jobs.trace, False),
    ("openapi", upkeep.openapi, False),
    ("asyncapi", upkeep.asyncapi, False),
    ("version", upkeep.version, False),
):
    app.command(name, hidden=hidden)(function)
for name, group in (
    ("client", clients.app),
    ("staff", staff.app),
    ("channel", channels.app),
    ("knowledge", knowledge.app),
    ("inbox", inbox.app),
    ("jobs", jobs.app),
    ("audit", audit.app),
    ("key", credentials.keys),
    ("app", credentials.applications),
    ("oauth", credentials.oauth),
    ("keys", keys.app),
    ("config", upkeep.config),
    ("emulate", talking.emulate),
):
    app.add_typer(group, name=name)

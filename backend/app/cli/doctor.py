"""`wafaa doctor`: looks at everything that has to be right, and tells exactly how to put right what isn't."""

import os
import shutil
import sys
from collections.abc import Callable

from app.api import pages
from app.cli import parts
from app.cli.doctor_live import examine_live
from app.cli.findings import FAIL, OK, WARN, Finding
from app.cli.health import health
from app.cli.installation import ENV_FILE
from app.core import plugins
from app.core.config import GENERATED, Settings, read_env
from app.core.errors import WafaaError
from app.core.observability import configure_logging
from app.services.knowledge.embedders import _e5_weights

__all__ = ["FAIL", "examine"]

ROOM, LEAST_ROOM = 2.0, 0.3
"""Gigabytes: below the first it is time to think, below the second nothing works for long."""


def examine() -> list[Finding]:
    """Every finding, in the order in which one would put things right."""
    configure_logging(json=False, level="CRITICAL")
    before = [python(), env_file()]
    try:
        settings = Settings.read(ENV_FILE)
    except WafaaError as error:
        return [*before, Finding("settings", FAIL, error.message, "Correct .env, then look again.")]
    settings = parts.as_posted(settings)
    looks: tuple[Callable[[Settings], Finding], ...] = (
        keys, disk, port, widget, weights, providers
    )  # fmt: skip
    return [*before, *(look(settings) for look in looks), *examine_live(settings)]


def python() -> Finding:
    """What runs us. An older one than we need doesn't come this far: set-up refuses it."""
    return Finding("python", OK, ".".join(map(str, sys.version_info[:3])))


def env_file() -> Finding:
    """Where the secrets are, and who can read them."""
    if not ENV_FILE.exists():
        return Finding(".env", WARN, "There is none here.", "`make up` makes it, with new secrets.")
    mode = ENV_FILE.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(".env", FAIL, f"Others can read it (mode {mode:04o}).", "chmod 600 .env")
    return Finding(".env", OK, f"mode {mode:04o}")


def keys(settings: Settings) -> Finding:
    """Whether every secret is there and long enough."""
    known = read_env(ENV_FILE) | dict(os.environ)
    missing = [name for name in GENERATED if not known.get(name)]
    short = [n for n in GENERATED if "KEY" in n and 0 < len(known.get(n, "").encode()) < 32]
    if missing:
        return Finding(
            "secrets", WARN, f"Not there: {', '.join(missing)}.", "`make up` makes them."
        )
    if short:
        return Finding(
            "secrets", FAIL, f"Shorter than 32 bytes: {', '.join(short)}.", "Use longer ones."
        )
    return Finding("secrets", OK, "all there")


def disk(settings: Settings) -> Finding:
    """Whether there is room for data and logs."""
    place = next(
        p for p in (settings.home.resolve(), *settings.home.resolve().parents) if p.exists()
    )
    free = shutil.disk_usage(place).free / 1e9
    state = OK if free > ROOM else WARN if free > LEAST_ROOM else FAIL
    fix = "" if state == OK else f"Free some space, or set WAFAA_HOME to a larger disk ({place})."
    return Finding("disk", state, f"{free:.1f} GB free", fix)


def port(settings: Settings) -> Finding:
    """Whether our API listens on its port, or could."""
    where = f"{settings.host}:{settings.port}"
    if not parts.listening(settings.host, settings.port):
        return Finding("api", WARN, f"Nobody listens on {where}.", "Start it: `make up`.")
    try:
        sick = [part["name"] for part in health(settings)["parts"] if not part["ok"]]
    except (OSError, ValueError):
        return Finding(
            "api",
            FAIL,
            f"Another program listens on {where}.",
            "`wafaa up --port 8001`, or stop it.",
        )
    if sick:
        fix = f"See {settings.home / 'logs'}."
        return Finding("api", FAIL, f"It answers, but isn't well: {', '.join(sick)}.", fix)
    return Finding("api", OK, f"answers on {where}, every part is well")


def widget(settings: Settings) -> Finding:
    """Whether the chat was built."""
    if pages.load_assets() is None:
        return Finding("widget", FAIL, "It hasn't been built.", "`make up` builds it.")
    return Finding("widget", OK, "built")


def weights(settings: Settings) -> Finding:
    """Whether the local embedder's weights are installed."""
    if settings.embedder != "local":
        return Finding("embedding weights", OK, f"not needed with EMBEDDER={settings.embedder}")
    try:
        found = _e5_weights.find()
    except WafaaError as error:
        return Finding("embedding weights", FAIL, error.message, "`make up` installs them.")
    return Finding("embedding weights", OK, f"{found.stat().st_size / 1e6:.0f} MB")


def providers(settings: Settings) -> Finding:
    """Whether each language model is known and has what it needs."""
    names = [name.strip() for name in settings.llm_providers.split(",") if name.strip()]
    try:
        for name in names:
            settings.adapter(name, plugins.load("app.services.ai.providers", name).Config)
    except WafaaError as error:
        return Finding(
            "language models", FAIL, error.message, "Correct LLM_PROVIDERS or set the key."
        )
    return Finding("language models", OK, ", ".join(names) or "extractive")

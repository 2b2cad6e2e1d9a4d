"""Backups: PostgreSQL's own tools, data and keys in files of their own.

Without the file of keys the file of data is noise. Keep them apart, and for a client that was erased since, let the
newest file of keys be the one that counts: its key isn't there any more.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from app.core.errors import Misconfigured
from app.embedded.postgres_ways import find_binaries

KEYS = ("public.client_keys", "vault.tenant_keys")
"""Whose rows go into the file of keys: clients' keys, wrapped, and what tenants' tokens are checked with."""


def keys_file(data: Path) -> Path:
    """The file of keys beside a file of data."""
    return data.with_name(f"{data.name}.keys")


_TOO_NEW = b"SET transaction_timeout = 0;"


def back_up(url: str, data: Path) -> Path:
    """Writes the database's data, then its keys: a client that is made meanwhile has its key there.

    Returns:
        The file of keys.

    Raises:
        Misconfigured: PostgreSQL's tools say why not.
    """
    keys = keys_file(data)
    without = [f"--exclude-table-data={table}" for table in KEYS]
    with_ = [f"--table={table}" for table in KEYS]
    _run("pg_dump", url, "--format=custom", f"--file={data}", *without)
    _run("pg_dump", url, "--format=custom", "--data-only", f"--file={keys}", *with_)
    for path in (data, keys):
        path.chmod(0o600)
    return keys


def restore(url: str, data: Path, keys: Path) -> None:
    """Fills an empty database from a file of data and a file of keys, which may be a newer one.

    Raises:
        Misconfigured: PostgreSQL's tools say why not.
    """
    _fill(url, "--no-comments", str(data))
    _fill(url, "--data-only", str(keys))


def _fill(url: str, *options: str) -> None:
    """Restores in one transaction, by way of a script: its head sets what PostgreSQL 15 doesn't know."""
    with TemporaryDirectory() as place:
        script = Path(place) / "script.sql"
        _out([str(_tool("pg_restore")), f"--file={script}", *options], dict(os.environ))
        with script.open("r+b") as file:
            head = file.read(4096)
            file.seek(0)
            file.write(head.replace(_TOO_NEW, b"-" * len(_TOO_NEW), 1))
        strict = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction")
        _run("psql", url, *strict, f"--file={script}")


def listing(file: Path) -> str:
    """What is in a file, a line each."""
    return _out([str(_tool("pg_restore")), "--list", str(file)], dict(os.environ))


def _run(program: str, url: str, *options: str) -> None:
    address = make_url(url)
    plain = address.set(drivername="postgresql", password=None)
    env = dict(os.environ)
    if address.password:
        env["PGPASSWORD"] = str(address.password)  # Not on the command line, which others see.
    where = f"--dbname={plain.render_as_string(hide_password=False)}"
    _out([str(_tool(program)), where, *options], env)


def _out(argv: Sequence[str], env: dict[str, str]) -> str:
    # S603: the commands are PostgreSQL's own.
    done = subprocess.run(argv, env=env, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise Misconfigured(f"{Path(argv[0]).name}: {_last(done.stderr.splitlines())}")
    return done.stdout


def _last(lines: Sequence[str]) -> str:
    return lines[-1] if lines else "It failed, and said nothing."


def _tool(program: str) -> Path:
    return find_binaries() / program

"""Requests that make a client are done once, too."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Makes the table and its two doors."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "keys.sql")

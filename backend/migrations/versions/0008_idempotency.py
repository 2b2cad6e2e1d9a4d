"""Requests that were done once are kept for a day."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes the table and its fence."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "keys.sql")

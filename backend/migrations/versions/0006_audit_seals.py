"""Audit logs are sealed in chained batches, by a background step; steps have their due times here."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the seals' table, and functions for whoever seals and keeps time."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "seals.sql")

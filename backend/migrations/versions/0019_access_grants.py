"""Grants: for how long platform staff may read what is a client's, and why."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Makes the table, its fence, and the two look-ups that see more than one client."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "access_grants.sql")

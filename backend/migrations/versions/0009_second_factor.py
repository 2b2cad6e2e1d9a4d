"""A second factor for signing in, codes for when it is lost, and what a client asks of its staff."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the tables, and lets signing in know of them."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "second_factor.sql")

"""Invitations and resets: tickets that staff get by e-mail."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Makes the table, its fence, and the look-up that works before the client is known."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "invitations.sql")

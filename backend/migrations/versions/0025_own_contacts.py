"""What ingress takes back of what it made is its own: named by client and contact, not by the contact's id alone."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Makes the function anew."""
    run_script(op.get_bind(), Path(__file__).parents[1] / "functions" / "receive.sql")

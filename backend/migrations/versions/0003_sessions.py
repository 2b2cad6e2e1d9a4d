"""Sessions of staff, and marks that end access tokens before their time."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the table, its fence, and the functions that know a session before its client."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "sessions.sql")

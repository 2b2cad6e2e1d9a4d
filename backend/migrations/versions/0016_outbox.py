"""What happened stands in an outbox, for those who follow an installation's events; triggers fill it where they are wanted."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Makes the outbox, what fills it, and what empties it."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "outbox.sql")

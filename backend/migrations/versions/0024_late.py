"""A reply whose delivery has waited for too long isn't sent by itself."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Makes the function."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "intend.sql")

"""Taking data along and being forgotten: exports, the way to erase a client, what contacts agreed to."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Makes tables and the narrow function that erases."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "leaving.sql")

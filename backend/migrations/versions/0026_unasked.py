"""Who wants to hear nothing gets nothing unasked, however short the way of a message."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Makes the function anew."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "intend.sql")

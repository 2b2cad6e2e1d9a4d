"""What whoever runs an installation decides about clients: suspension and quota; usage knows its channel."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds columns, and lets a suspended client's messages in."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "standing.sql")

"""Fair lanes: clients take turns by weight, and each queue has places of its own."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Gives clients a weight, and workers the functions that keep to it."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "turns.sql")

"""The hot path in single calls: a batch of arrivals is written set by set, and a turn is loaded and recorded in one trip each."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Makes the functions."""
    sql = Path(__file__).with_suffix("")
    for part in ("receive", "turn"):
        run_script(op.get_bind(), sql / f"{part}.sql")

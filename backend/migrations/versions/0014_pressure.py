"""How long each client's oldest message waits; parked jobs are found by the code of their error."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Makes the function and the column."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "pressure.sql")

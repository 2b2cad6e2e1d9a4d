"""The spine: every table, its fence, and the functions that may see more than one client."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes tables, fences and functions."""
    sql = Path(__file__).with_suffix("")
    for part in ("before", "tables", "after", "receive"):
        run_script(op.get_bind(), sql / f"{part}.sql")

"""What grows is partitioned by month: what is older than anybody keeps it is dropped, not deleted."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Makes partitioned tables of four, whose rows so far become the first partition of each; nothing is copied."""
    sql = Path(__file__).with_suffix("")
    for part in ("functions", "tables"):
        run_script(op.get_bind(), sql / f"{part}.sql")

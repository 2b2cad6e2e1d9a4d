"""A turn's commits don't wait for the disk one by one: the worker has it write for many of them together, or needn't."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Replaces the functions."""
    for name in ("claim_lanes", "claim", "record_and_intend", "record_sent"):
        run_script(op.get_bind(), MIGRATIONS / "functions" / f"{name}.sql")

"""Addresses that a call of ``app.receive`` has entered itself aren't looked up again."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Replaces the function by its present text."""
    run_script(op.get_bind(), MIGRATIONS / "functions" / "receive.sql")

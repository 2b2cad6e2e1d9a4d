"""A message that failed stays so, whatever its platform tells later."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Replaces the function."""
    run_script(op.get_bind(), MIGRATIONS / "functions" / "note_statuses.sql")

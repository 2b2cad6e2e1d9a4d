"""What a platform tells of messages is one call instead of six or seven."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Adds the function, beside the statements that the release before runs."""
    run_script(op.get_bind(), MIGRATIONS / "functions" / "note_statuses.sql")

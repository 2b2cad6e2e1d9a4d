"""A job counts how often what it sends was sent again, because nobody knew whether it had arrived."""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    """Adds the count; the release before doesn't look at it."""
    op.execute("ALTER TABLE jobs ADD COLUMN resends integer NOT NULL DEFAULT 0")

"""A reply and the intent to send it are written down by one commit."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Replaces the procedure that recorded the reply alone."""
    op.execute("DROP PROCEDURE IF EXISTS app.record_and_tell(text, uuid, jsonb, text)")
    run_script(op.get_bind(), MIGRATIONS / "functions" / "record_and_intend.sql")

"""An intent to send names the fence its lane is held by, knows how long its job has waited, and asks who wants to hear nothing."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import DEFINER_ROLE, run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Replaces the function that writes intents down."""
    op.execute(f"SET ROLE {DEFINER_ROLE}")
    op.execute("DROP FUNCTION app.intend(text, uuid, uuid, uuid, float8)")
    run_script(op.get_bind(), MIGRATIONS / "functions" / "intend.sql")

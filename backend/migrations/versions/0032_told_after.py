"""What came in is told to listeners after it is durable, not in its own transaction."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Replaces the function. Processes of the release before tell nobody meanwhile: workers look each second."""
    run_script(op.get_bind(), MIGRATIONS / "functions" / "receive.sql")

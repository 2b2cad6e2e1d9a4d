"""Whether a contact wants to hear nothing is looked up in what they said just now, before what nobody asked for goes out."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Brings the function to its present text."""
    run_script(op.get_bind(), MIGRATIONS / "functions" / "intend.sql")

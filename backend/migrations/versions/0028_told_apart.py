"""A turn's listeners are told apart from what is written down: who notifies makes all others who do wait for its commit."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Lets the caller tell them; the procedure that does came with 0034 at last."""
    run_script(op.get_bind(), MIGRATIONS / "functions" / "record_turn.sql")

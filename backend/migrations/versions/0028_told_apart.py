"""A turn's listeners are told apart from what is written down: who notifies makes all others who do wait for its commit."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Adds the procedure, beside the function that the release before and poolers call."""
    for name in ("record_turn", "record_and_tell"):
        run_script(op.get_bind(), MIGRATIONS / "functions" / f"{name}.sql")

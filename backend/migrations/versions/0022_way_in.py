"""The way in is shorter: arrivals come as arrays and are written set by set; changed doors are told; what is indexed is what is looked for."""

from pathlib import Path

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Makes the function beside the older one, which processes of the release before may still call."""
    sql = Path(__file__).with_suffix("")
    for script in (
        sql / "indexes.sql",
        sql / "doors.sql",
        MIGRATIONS / "functions" / "receive.sql",
    ):
        run_script(op.get_bind(), script)

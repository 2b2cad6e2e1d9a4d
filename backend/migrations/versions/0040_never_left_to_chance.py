"""How lanes and jobs are found isn't left to the planner: it chooses while a queue is empty, when all ways cost the same.

What it kept read all jobs of a client for each that was claimed: a backlog after a quiet hour was worked off at a
twentieth of the speed, until the server next counted the rows.
"""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Replaces the functions."""
    for name in (
        "first_job",
        "settle",
        "claim_lanes",
        "claim",
        "record_turn",
        "record_sent",
        "note_statuses",
        "lane_pressure",
        "queues",
    ):
        run_script(op.get_bind(), MIGRATIONS / "functions" / f"{name}.sql")

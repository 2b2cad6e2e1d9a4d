"""How lanes and jobs are found isn't left to the planner: it chooses while a queue is empty, when all ways cost the same.

What it kept read all jobs of a client for each that was claimed: a backlog after a quiet hour was worked off at a
twentieth of the speed, until the server next counted the rows. And what is done isn't read for as long as it can't be
cleared away: beside a backup of some minutes a claim took twenty times as long.
"""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import DEFINER_ROLE, run_script

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """Makes the floors, and replaces the functions."""
    op.execute(f"SET ROLE {DEFINER_ROLE}")
    op.execute("ALTER TABLE vault.clock ADD COLUMN looked timestamptz")
    op.execute(
        "CREATE TABLE vault.lane_floors (queue text PRIMARY KEY, floor timestamptz NOT NULL)"
    )
    op.execute("DROP FUNCTION app.mind_clock(float8)")
    op.execute("RESET ROLE")
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

"""What waited behind a job that was tried again for minutes is found as soon as that is done.

Its date lay below the floor that nobody reads below, so it was found when the floor was next looked after, ten to fifteen
seconds later.
"""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Replaces the functions."""
    for name in ("queues", "first_job"):
        run_script(op.get_bind(), MIGRATIONS / "functions" / f"{name}.sql")

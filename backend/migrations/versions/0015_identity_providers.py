"""Identity providers of clients' own, and who staff are there."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Makes the tables, their fences, and the look-up that the sign-in page needs."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "identity_providers.sql")

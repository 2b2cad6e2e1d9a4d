"""A clock that is set back: what was due soon is still due soon."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Lets workers notice that the database's clock was set back."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "clock.sql")

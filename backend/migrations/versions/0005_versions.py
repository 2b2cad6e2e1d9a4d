"""Versioned configuration: every published version is kept as it was; a draft is nobody's business but the staff's."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the tables; what clients have now is their first version."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "versions.sql")

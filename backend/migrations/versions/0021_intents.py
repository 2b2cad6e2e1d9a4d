"""An intent to send names the fence its lane is held by."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Replaces the function that writes intents down."""
    run_script(op.get_bind(), Path(__file__).with_suffix("") / "intents.sql")

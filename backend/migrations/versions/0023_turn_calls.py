"""A turn in five calls: due lanes come with what their turns need, searching is one call, and a reply's delivery goes on."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Makes the functions."""
    sql = Path(__file__).with_suffix("")
    for part in ("claim", "record", "search"):
        run_script(op.get_bind(), sql / f"{part}.sql")

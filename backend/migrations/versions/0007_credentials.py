"""Signing keys, API keys, and OAuth: applications, grants, refresh tokens."""

from pathlib import Path

from alembic import op

from app.migration import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes tables, fences and functions."""
    sql = Path(__file__).with_suffix("")
    for part in ("tables", "functions"):
        run_script(op.get_bind(), sql / f"{part}.sql")

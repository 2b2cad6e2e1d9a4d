"""A claim says whether it left somebody behind and reads no backlog to say what is due next; a client is read in one call."""

from alembic import op

from app.core.revision import MIGRATIONS
from app.migration import run_script

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Adds the functions, or replaces them by their present text."""
    for name in ("claim", "my_client"):
        run_script(op.get_bind(), MIGRATIONS / "functions" / f"{name}.sql")

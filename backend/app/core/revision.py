"""Which revision of the database this code wants: the last of the migrations, whose names sort."""

from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).parents[2] / "migrations"


@cache
def wanted() -> str:
    """The newest revision. Told by file names: the migration tool itself is ten megabytes that no server needs."""
    return max(
        path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    )

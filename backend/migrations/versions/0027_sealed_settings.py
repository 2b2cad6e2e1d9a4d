"""How a client's assistant speaks is sealed too, and what its applications, sessions and grants name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import op

from app.conversion import Conversion, Table
from app.core.revision import MIGRATIONS
from app.core.sealing import Cipher, place
from app.migration import run_script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Makes room, seals what is there, drops what was in clear, and leaves no trace of it in the tables' files."""
    sql = Path(__file__).with_suffix("")
    run_script(op.get_bind(), sql / "before.sql")
    Conversion(op.get_bind(), op.get_context().config.attributes.get("keys")).run(
        (Table("clients", ["id"], ["clear::text"], client="id"), _sealed("clients", "settings", json.loads)),
        (Table("access_grants", ["id"], ["clear"]), _sealed("access_grants", "staff_name")),
        (Table("oauth_applications", ["id"], ["clear"]), _sealed("oauth_applications", "name")),
        (Table("staff_sessions", ["id"], ["clear"]), _sealed("staff_sessions", "device")),
    )  # fmt: skip
    run_script(op.get_bind(), sql / "after.sql")
    run_script(op.get_bind(), MIGRATIONS / "functions" / "drop_partitions.sql")


def _sealed(table: str, column: str, read: Callable[[str], Any] = str) -> Any:
    """What stood by itself in a row that is told by its id."""

    def convert(cipher: Cipher, row: Any) -> dict[str, Any]:
        plain = json.dumps(read(row["clear"]), ensure_ascii=False, separators=(",", ":"))
        return {column: cipher.seal(plain.encode(), place(table, column), row["id"].bytes)}

    return convert

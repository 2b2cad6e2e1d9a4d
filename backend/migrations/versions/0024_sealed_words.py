"""What people wrote about somebody is sealed too: words of consents, reasons, names of keys and accounts, configurations."""

import json
from pathlib import Path
from typing import Any

from alembic import op

from app.conversion import Conversion, Table
from app.core.sealing import Cipher, join, place
from app.migration import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Makes room, seals what is there, drops what was in clear, and leaves no trace of it in the tables' files."""
    sql = Path(__file__).with_suffix("")
    run_script(op.get_bind(), sql / "before.sql")
    Conversion(op.get_bind(), op.get_context().config.attributes.get("keys")).run(
        (Table("consents", ["id"], ["clear"]), _words("consents", "wording")),
        (Table("access_grants", ["id"], ["clear"]), _words("access_grants", "reason")),
        (Table("clients", ["id"], ["clear"], client="id"), _words("clients", "suspended_for")),
        (Table("api_keys", ["id"], ["clear"]), _words("api_keys", "name")),
        (Table("channel_configs", ["id"], ["clear"]), _words("channel_configs", "name")),
        (Table("client_versions", ["version"], ["name", "settings::text", "note"]), _version),
        (Table("client_drafts", [], ["name", "settings::text"]), _draft),
    )
    for part in ("after", "traces"):
        run_script(op.get_bind(), sql / f"{part}.sql")


def _seal(cipher: Cipher, where: tuple[str, str], value: Any, row: bytes) -> bytes:
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return cipher.seal(plain, place(*where), row)


def _words(table: str, column: str) -> Any:
    """A text that stood by itself in a row that is told by its id."""

    def convert(cipher: Cipher, row: Any) -> dict[str, Any]:
        text = row["clear"]
        sealed = None if text is None else _seal(cipher, (table, column), text, row["id"].bytes)
        return {column: sealed}

    return convert


def _version(cipher: Cipher, row: Any) -> dict[str, Any]:
    configuration = (row["name"], json.loads(row["settings"]), row["note"])
    bound = join(row["version"].to_bytes(8, "big"))
    where = ("client_versions", "configuration")
    return {"configuration": _seal(cipher, where, configuration, bound)}


def _draft(cipher: Cipher, row: Any) -> dict[str, Any]:
    configuration = (row["name"], json.loads(row["settings"]))
    where = ("client_drafts", "configuration")
    return {"configuration": _seal(cipher, where, configuration, row["client_id"].bytes)}

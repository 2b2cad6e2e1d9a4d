"""Where a client's colleagues sign in rests sealed, and as whom is a keyed hash; the domains it is found by stay."""

import json
from pathlib import Path
from typing import Any

from alembic import op

from app.conversion import Conversion, Table
from app.core.errors import Unreadable
from app.core.sealing import Cipher, join, place
from app.migration import run_script

revision = "0030"
down_revision = "0029"

_SECRET = place("identity_providers", "sealed")
_SETTINGS = place("identity_providers", "settings")


def upgrade() -> None:
    """Makes room, seals what is there, drops what was in clear, and leaves no trace of it in the tables' files."""
    sql = Path(__file__).with_suffix("")
    run_script(op.get_bind(), sql / "before.sql")
    Conversion(op.get_bind(), op.get_context().config.attributes.get("keys")).run(
        (Table("identity_providers", [], ["issuer", "application", "role_claim", "roles::text", "sealed"]), _provider),
        (Table("staff_identities", ["issuer", "subject"], []), _identity),
    )  # fmt: skip
    run_script(op.get_bind(), sql / "after.sql")


def _provider(cipher: Cipher, row: Any) -> dict[str, Any]:
    settings = [row["issuer"], row["application"], row["role_claim"], json.loads(row["roles"])]
    plain = json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()
    mine = row["client_id"].bytes
    return {"settings": cipher.seal(plain, _SETTINGS, mine), "sealed": _moved(cipher, row)}


def _moved(cipher: Cipher, row: Any) -> bytes:
    """The secret, which was bound to the issuer, bound to its client."""
    sealed: bytes = row["sealed"]
    try:
        secret = cipher.open(sealed, _SECRET, join(row["issuer"]))
    except Unreadable:
        return sealed  # Its client is being erased, and the key is gone.
    return cipher.seal(secret, _SECRET, row["client_id"].bytes)


def _identity(cipher: Cipher, row: Any) -> dict[str, Any]:
    return {"key": cipher.index(join(row["issuer"], row["subject"]), "identity")}

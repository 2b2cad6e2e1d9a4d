"""What rests is sealed with its client's key: conversations, contacts, credentials, traces, errors."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from uuid import UUID

from alembic import op
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.conversion import Conversion, Table
from app.core.errors import Misconfigured
from app.core.sealing import Cipher, join, place
from app.migration import run_script

revision = "0011"
down_revision = "0010"

_MEDIUM = ("media_id", "url", "mime_type", "sha256", "filename", "caption")


def upgrade() -> None:
    """Makes room, seals what is there, and drops what was in clear."""
    sql = Path(__file__).with_suffix("")
    attributes = op.get_context().config.attributes
    master = attributes.get("master_key") or ""
    run_script(op.get_bind(), sql / "before.sql")
    Conversion(op.get_bind(), attributes.get("keys")).run(
        (Table("channel_configs", ["id"], ["sealed"]), _from_master(master, "channel_configs", "id")),
        (Table("staff_factors", ["staff_id"], ["sealed"]), _from_master(master, "staff_factors", "staff_id")),
        (Table("contacts", ["id"], ["display_name"]), _contact),
        (Table("contact_addresses", ["account_id", "kind", "clear"], []), _address),
        (Table("inbound_events", ["account_id", "clear"], ["raw::text"]), _inbound),
        (Table("conversation_events", ["conversation_id", "seq"], ["id", "type", "clear::text"]), _event),
        (Table("messages", ["id"], ["text", "content::text", "citations::text", "platform_message_id", "clear_error",
                                    "clear_feedback"]), _message),
        (Table("attachments", ["id"], _MEDIUM), _attachment),
        (Table("answer_traces", ["message_id"], ["clear::text"]), _trace),
        (Table("jobs", ["id"], ["clear"]), _job),
    )  # fmt: skip
    for part in ("after", "receive"):
        run_script(op.get_bind(), sql / f"{part}.sql")


def _seal(cipher: Cipher, where: tuple[str, str], value: Any, row: bytes) -> bytes | None:
    if value is None:
        return None
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return cipher.seal(plain, place(*where), row)


def _contact(cipher: Cipher, row: Any) -> dict[str, Any]:
    return {"name": _seal(cipher, ("contacts", "name"), row["display_name"], row["id"].bytes)}


def _address(cipher: Cipher, row: Any) -> dict[str, Any]:
    key = cipher.index(f"{row['kind']}\0{row['clear']}", "address")
    bound = join(row["account_id"].bytes, row["kind"], key)
    return {"key": key, "value": _seal(cipher, ("contact_addresses", "value"), row["clear"], bound)}


def _inbound(cipher: Cipher, row: Any) -> dict[str, Any]:
    key = cipher.index(row["clear"], "event_key")
    kept = row["raw"] and {"event_key": row["clear"], "raw": json.loads(row["raw"])}
    bound = join(row["account_id"].bytes, key)
    return {"event_key": key, "kept": _seal(cipher, ("inbound_events", "kept"), kept, bound)}


def _event(cipher: Cipher, row: Any) -> dict[str, Any]:
    """A message that an event told of is read where it stands from now on."""
    data = json.loads(row["clear"])
    message = data.pop("message", None)
    bound = join(row["conversation_id"].bytes, row["id"].bytes)
    return {
        "message_id": UUID(message["id"]) if message else None,
        "data": _seal(cipher, ("conversation_events", "data"), data or None, bound),
    }


def _message(cipher: Cipher, row: Any) -> dict[str, Any]:
    platform_id, bound = row["platform_message_id"], row["id"].bytes
    said = (row["text"], json.loads(row["content"]), json.loads(row["citations"]), platform_id)
    return {
        "said": _seal(cipher, ("messages", "said"), said, bound),
        "platform_key": cipher.index(platform_id, "platform_message_id") if platform_id else None,
        "delivery_error": _seal(cipher, ("messages", "delivery_error"), row["clear_error"], bound),
        "feedback": _seal(cipher, ("messages", "feedback"), row["clear_feedback"], bound),
    }


def _attachment(cipher: Cipher, row: Any) -> dict[str, Any]:
    medium = {name: row[name] for name in _MEDIUM}
    return {"medium": _seal(cipher, ("attachments", "medium"), medium, row["id"].bytes)}


def _trace(cipher: Cipher, row: Any) -> dict[str, Any]:
    return {
        "trace": _seal(
            cipher, ("answer_traces", "trace"), json.loads(row["clear"]), row["message_id"].bytes
        )
    }


def _job(cipher: Cipher, row: Any) -> dict[str, Any]:
    return {"error": _seal(cipher, ("jobs", "error"), row["clear"], row["id"].bytes)}


def _from_master(master: str, table: str, key: str) -> Any:
    """These were sealed before, with a key that was derived from the master key: they are sealed anew."""

    def convert(cipher: Cipher, row: Any) -> dict[str, Any]:
        sealed = row["sealed"]
        key_id = hashlib.sha256(b"wafaa/key-id\0" + master.encode()).digest()[:4]
        if sealed[:1] != b"\x01" or not hmac.compare_digest(sealed[1:5], key_id):
            raise Misconfigured("Stored secrets were sealed under another WAFAA_MASTER_KEY.")
        purpose = b"wafaa/seal/" + cipher.client_id.bytes
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(
            master.encode()
        )
        bound = join(sealed[:5], cipher.client_id.bytes, table, "sealed", str(row[key]))
        plain = AESGCM(derived).decrypt(sealed[5:17], sealed[17:], bound)
        value = json.loads(plain) if table == "channel_configs" else plain.hex()
        return {"sealed": _seal(cipher, (table, "sealed"), value, row[key].bytes)}

    return convert

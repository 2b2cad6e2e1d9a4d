"""What clients teach is sealed with their key; lexical terms are keyed hashes."""

import json
from pathlib import Path
from typing import Any

from alembic import op

from app.conversion import Conversion, Table
from app.core.sealing import Cipher, join, place
from app.migration import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Makes room, seals what is there, and drops what was in clear."""
    sql = Path(__file__).with_suffix("")
    run_script(op.get_bind(), sql / "before.sql")
    documents = ["source_id", "title", "filename", "url", "clear_content", "metadata::text", "clear_original",
                 "clear_error", "sha256", "indexed"]  # fmt: skip
    Conversion(op.get_bind(), op.get_context().config.attributes.get("keys")).run(
        (Table("knowledge_sources", ["id"], ["clear"]), _source),
        (Table("knowledge_documents", ["id"], documents), _document),
        (
            Table("knowledge_chunks", ["id"], ["title_path", "question", "text", "sentences"]),
            _chunk,
        ),
        (Table("knowledge_postings", ["language", "clear", "document_id"], []), _posting),
    )
    run_script(op.get_bind(), sql / "after.sql")


def _seal(cipher: Cipher, where: tuple[str, str], value: Any, row: bytes) -> bytes | None:
    if value is None:
        return None
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return cipher.seal(plain, place(*where), row)


def _source(cipher: Cipher, row: Any) -> dict[str, Any]:
    key = cipher.index(row["clear"], "source")
    return {
        "name_key": key,
        "name": _seal(cipher, ("knowledge_sources", "name"), row["clear"], join(key)),
    }


def _document(cipher: Cipher, row: Any) -> dict[str, Any]:
    table, title_key = "knowledge_documents", cipher.index(row["title"], "document")
    bound = join(row["source_id"].bytes, title_key)
    metadata = json.loads(row["metadata"])
    noted = {name: metadata.pop(name) for name in ("doubtful_pages",) if name in metadata}
    digest = cipher.index(row["sha256"], "file").hex()
    indexed, original = row["indexed"], row["clear_original"]
    if indexed and indexed.startswith(row["sha256"]):
        indexed = digest + indexed[len(row["sha256"]) :]
    named = (row["title"], row["filename"], row["url"], metadata)
    return {
        "title_key": title_key,
        "named": _seal(cipher, (table, "named"), named, bound),
        "content": _seal(cipher, (table, "content"), row["clear_content"], row["id"].bytes),
        "original": (
            None if original is None else cipher.seal(original, place(table, "original"), bound)
        ),
        "error": _seal(cipher, (table, "error"), row["clear_error"], row["id"].bytes),
        "digest": digest,
        "indexed": indexed,
        "metadata": json.dumps(noted),
    }


def _chunk(cipher: Cipher, row: Any) -> dict[str, Any]:
    passage = (row["title_path"], row["question"], row["text"], list(row["sentences"]))
    return {"passage": _seal(cipher, ("knowledge_chunks", "passage"), passage, row["id"].bytes)}


def _posting(cipher: Cipher, row: Any) -> dict[str, Any]:
    return {"term": cipher.index(row["clear"], "term")}

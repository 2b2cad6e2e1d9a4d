"""Key-encryption keys in a file: one a line, the last one seals. Without the file WAFAA_MASTER_KEY is the only one.

The file is read again whenever it changes, so a new key is known to every process at once. It must be the same file
on every machine, and must never lie where backups of the database lie.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, Field, SecretStr

from app.core.errors import Misconfigured, Unreadable
from app.core.sealing import join
from app.core.tools import Tools
from app.services.keys.base import Context, KeyService, Wrapped

SHORTEST_KEY = 32


class Config(BaseModel):
    """Where the keys are."""

    master_key: SecretStr = Field(description="The first key-encryption key, at least 32 bytes.")
    path: Path = Field(description="A file with further ones, one a line, newest last.")


class FileKeys:
    """Wraps with keys of this machine."""

    def __init__(self, config: Config, tools: Tools) -> None:
        first = config.master_key.get_secret_value().encode()
        if len(first) < SHORTEST_KEY:
            raise Misconfigured(f"WAFAA_MASTER_KEY needs at least {SHORTEST_KEY} bytes.")
        self._first = first
        self._path = config.path
        self._read_at: tuple[int, int] | None = None
        self._keys: dict[str, bytes] = {}
        self._refresh()

    async def wrap(self, key: bytes, context: Context) -> Wrapped:
        """Seals a key under the file's last line."""
        self._refresh()
        under = next(reversed(self._keys))
        nonce = os.urandom(12)
        return Wrapped(nonce + self._aead(under).encrypt(nonce, key, _bound(under, context)), under)

    async def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        """Opens a wrapped key."""
        self._refresh()
        if wrapped.under not in self._keys:
            raise Unreadable(
                f"A client's key is wrapped under {wrapped.under}, which is neither WAFAA_MASTER_KEY nor in "
                f"{self._path.name}."
            )
        nonce, body = wrapped.blob[:12], wrapped.blob[12:]
        try:
            return self._aead(wrapped.under).decrypt(nonce, body, _bound(wrapped.under, context))
        except InvalidTag as error:
            raise Unreadable("A client's wrapped key was altered, or is another's.") from error

    async def current(self) -> str:
        """The id of the file's last line."""
        self._refresh()
        return next(reversed(self._keys))

    async def renew(self) -> str:
        """Adds a line."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        line = base64.b64encode(secrets.token_bytes(SHORTEST_KEY)) + b"\n"
        with self._path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())  # Before anything is wrapped under it.
        return await self.current()

    def _refresh(self) -> None:
        """Reads the file if it changed."""
        found = self._path.stat() if self._path.exists() else None
        stamp = (found.st_mtime_ns, found.st_size) if found else None
        if self._keys and stamp == self._read_at:
            return
        lines = self._path.read_bytes().split() if found else []
        try:
            later = [base64.b64decode(line, validate=True) for line in lines]
        except binascii.Error as error:
            raise Misconfigured(f"{self._path.name} has a line that is no key.") from error
        if any(len(key) < SHORTEST_KEY for key in later):
            raise Misconfigured(f"A key in {self._path.name} is shorter than {SHORTEST_KEY} bytes.")
        self._keys = {_id(key): key for key in (self._first, *later)}
        self._read_at = stamp

    def _aead(self, under: str) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"wafaa/wrap")
        return AESGCM(derived.derive(self._keys[under]))


def _id(key: bytes) -> str:
    return hashlib.sha256(b"wafaa/key-id\0" + key).hexdigest()[:8]


def _bound(under: str, context: Context) -> bytes:
    return join(under, *(part for pair in sorted(context.items()) for part in pair))


adapter: Callable[[Config, Tools], KeyService] = FileKeys

"""API keys: made, read and ended.

``wf_live_`` or ``wf_test_``, 22 letters that name the key, 43 letters that are secret. We keep the hash of the
whole: what has 256 random bits needs no slow one.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.core.errors import Forbidden, InvalidInput, Unauthenticated
from app.core.multi_tenant import Database, TenantTx
from app.core.security import RIGHTS, Principal, Role, Scope
from app.models.api_key import ApiKey, LivingKey
from app.models.audit import AuditEntry
from app.utils import base62
from app.utils.ids import uuid7
from app.utils.remembered import Remembered

PREFIX: Final = "wf_"
STANDING_SECONDS = 2.0
"""How long a revoked key may go on, at most."""
TOUCHED_SECONDS = 60.0

_KEY = re.compile(r"wf_(live|test)_([0-9A-Za-z]{22})[0-9A-Za-z]{43}", re.ASCII)


class Mode(StrEnum):
    """What a key is for. A test key reads and asks; it changes nothing."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Wish:
    """A key to be."""

    name: str
    scopes: Iterable[Scope]
    mode: Mode = Mode.LIVE
    days: int | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown, this once."""

    row: ApiKey
    key: str = field(repr=False)


async def create(tx: TenantTx, wish: Wish, *, staff_id: UUID, role: Role, actor: str) -> NewKey:
    """Makes a key that acts for a colleague.

    Raises:
        Forbidden: It would have a right that its maker hasn't.
        InvalidInput: A test key was to change something.
    """
    scopes = frozenset(wish.scopes)
    if beyond := scopes - RIGHTS[role]:
        raise Forbidden(f"You can't give a right that you don't have: {min(beyond)}.")
    if wish.mode is Mode.TEST and (writes := [s for s in scopes if not s.endswith(":read")]):
        raise InvalidInput(f"A test key only reads: leave {min(writes)} out.", pointer="/scopes")
    key_id = uuid7()
    shown = _written(wish.mode, key_id)
    row = ApiKey(
        id=key_id,
        staff_id=staff_id,
        mode=wish.mode,
        scopes=sorted(scopes),
        secret_hash=_hash(shown),
        expires_at=datetime.now(UTC) + timedelta(days=wish.days) if wish.days else None,
    )
    made = await ApiKey.add(tx, row, wish.name)
    await AuditEntry.add(tx, actor, "api_key.created", str(key_id), {"scopes": sorted(scopes)})
    return NewKey(made, shown)


async def revoke(tx: TenantTx, key_id: UUID, *, actor: str, staff_id: UUID | None = None) -> None:
    """Ends a key; only the named colleague's, where one is named.

    Raises:
        NotFound: There is no such key.
    """
    await ApiKey.revoke(tx, key_id, staff_id)
    await AuditEntry.add(tx, actor, "api_key.revoked", str(key_id))


class ApiKeys:
    """Reads keys that callers show."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._living: Remembered[tuple[UUID, str], LivingKey | None] = Remembered(
            seconds=STANDING_SECONDS
        )
        self._touched: Remembered[UUID, None] = Remembered(seconds=TOUCHED_SECONDS)

    async def read(self, shown: str) -> Principal:
        """Whom a key acts for.

        Raises:
            Unauthenticated: It is none of ours, revoked or expired; the reason is not told.
            Unavailable: It can't be looked up now.
        """
        key_id, mode = _named(shown)
        living = await self._living.get((key_id, mode), lambda: self._find(key_id, mode))
        kept = living.secret_hash if living else b""
        if not hmac.compare_digest(_hash(shown), kept) or living is None:
            raise Unauthenticated
        await self._touched.get(key_id, lambda: self._touch(living))
        return Principal(
            subject=str(living.staff_id),
            client_id=living.client_id,
            role=Role(living.role),
            scopes=frozenset(living.scopes),
            application=str(living.key_id),
        )

    async def _find(self, key_id: UUID, mode: str) -> LivingKey | None:
        async with self._db.directory() as tx:
            return await ApiKey.living(tx, key_id, mode)

    async def _touch(self, living: LivingKey) -> None:
        async with self._db.tenant(living.client_id) as tx:
            await ApiKey.touch(tx, living.key_id)


def _written(mode: Mode, key_id: UUID) -> str:
    secret = base62.encode(secrets.token_bytes(32), 43)
    return f"{PREFIX}{mode}_{base62.encode(key_id.bytes, 22)}{secret}"


def _named(shown: str) -> tuple[UUID, str]:
    """The id and mode that a key names."""
    found = _KEY.fullmatch(shown)
    if found is None:
        raise Unauthenticated
    try:
        return UUID(bytes=base62.decode(found[2], 16)), found[1]
    except ValueError as error:
        raise Unauthenticated from error


def _hash(shown: str) -> bytes:
    return hashlib.sha256(shown.encode()).digest()

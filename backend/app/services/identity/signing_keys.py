"""Signing keys through their lives: published, then signing, then only verifying, then gone.

Keys rotate by the clock alone. A new one is published at once and signs when everybody who keeps our key set has had
time to read it; the old one stays until the last token it signed is dead. Every process reads the same table.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, Protocol
from uuid import uuid4

import orjson
from joserfc.jwk import Key

from app.core.errors import Misconfigured, Unauthenticated, Unreadable
from app.core.logs import get_logger
from app.core.multi_tenant import Database
from app.core.principal import LONGEST_LIFE, Audience
from app.core.token_keys import (
    LEEWAY_SECONDS,
    Algorithm,
    Claims,
    TokenKey,
    head_of,
    import_key,
    new_key,
)
from app.models.signing_key import KeptKey

PUBLISHED_SECONDS = 300
"""How long others may keep our key set."""
READ_SECONDS = 30.0
"""How long a process works with what it read."""
AHEAD = timedelta(minutes=10)
"""How long a new key is published before it signs: longer than both together."""
LIFE = timedelta(days=30)
"""How long a key signs before the next one is made by itself."""
ASKED_AGAIN_SECONDS = 5.0
"""A key that nobody knows is looked for this often, however many tokens name it."""
_EVER = 1e12
_SKEW_SECONDS = 60.0
"""Clocks of hosts differ: a key that is to sign at once has done so for a while already."""

log = get_logger()


class Safe(Protocol):
    """Seals private keys with the installation's own key."""

    async def seal(self, kid: str, plain: bytes) -> tuple[bytes, str]:
        """Seals a key; tells also which key sealed it."""

    async def open(self, kid: str, sealed: bytes, under: str) -> bytes:
        """Opens a sealed key.

        Raises:
            Unreadable: It was sealed by a key that is gone, or altered.
        """


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys at one moment, by algorithm, each list in the order in which they sign."""

    keys: Mapping[Algorithm, Sequence[tuple[float, TokenKey]]] = field(default_factory=dict)
    read_at: float = -1e9

    def signer(self, algorithm: Algorithm, now: float) -> TokenKey | None:
        """The key that signs now: the latest that may."""
        due = [key for signs_from, key in self.keys.get(algorithm, ()) if signs_from <= now]
        return due[-1] if due else None

    def alive(self, now: float) -> list[TokenKey]:
        """Keys that sign, that will, and those that living tokens were signed with."""
        return [key for keys in self.keys.values() for key in _alive(keys, now)]

    def by_head(self, head: str, now: float) -> TokenKey | None:
        """The living key whose tokens begin so."""
        return next((key for key in self.alive(now) if key.head == head), None)

    def dead(self, now: float) -> list[str]:
        """Keys that nothing needs any more."""
        kept = {key.kid for key in self.alive(now)}
        return [str(k.kid) for keys in self.keys.values() for _, k in keys if k.kid not in kept]


def _alive(keys: Sequence[tuple[float, TokenKey]], now: float) -> Iterable[TokenKey]:
    last_token = LONGEST_LIFE.total_seconds() + LEEWAY_SECONDS + READ_SECONDS
    for (_, key), (next_signs, _) in pairwise(keys):
        if now < next_signs + last_token:
            yield key
    yield from (key for _, key in keys[-1:])


class SigningKeys:
    """The installation's signing keys, read now and then."""

    def __init__(
        self, db: Database, safe: Safe, issuer: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = issuer
        self._db = db
        self._safe = safe
        self._clock = clock
        self._ring = Ring()
        self._known: dict[str, TokenKey] = {}
        self._reading = asyncio.Lock()

    async def signer(self, algorithm: Algorithm = Algorithm.EDDSA) -> TokenKey:
        """The key that signs now. The first is made when it is first wanted; a successor when its time comes.

        Raises:
            Unavailable: The database can't be reached.
        """
        ring, now = await self._fresh(READ_SECONDS), self._clock()
        key = ring.signer(algorithm, now)
        if key is None:
            spacing = 0.0 if ring.keys.get(algorithm) else _EVER
            await self._make(algorithm, now - _SKEW_SECONDS, spacing=spacing)
            key = (await self._fresh(0)).signer(algorithm, self._clock())
        elif ring.keys[algorithm][-1][0] < now - LIFE.total_seconds():
            await self.rotate(algorithm)
        if key is None:
            raise Misconfigured("No signing key can be read. Is WAFAA_MASTER_KEY the one it was?")
        return key

    async def claims(self, token: str) -> Claims:
        """What an access token says that one of these keys signed.

        Raises:
            Unauthenticated: None did, or it is no longer good.
            Unavailable: The database can't be reached.
        """
        head, now = head_of(token), self._clock()
        key = (await self._fresh(READ_SECONDS)).by_head(head, now)
        key = key or (await self._fresh(ASKED_AGAIN_SECONDS)).by_head(head, now)
        if key is None:
            raise Unauthenticated
        return key.claims(token, Audience.API, now)

    async def readable(self, token: str) -> Claims | None:
        """What a token says; None where it is no good one."""
        try:
            return await self.claims(token)
        except Unauthenticated:
            return None

    async def published(self) -> list[dict[str, Any]]:
        """What others verify our tokens with."""
        await self.signer()
        ring = await self._fresh(READ_SECONDS)
        return [key.public() for key in ring.alive(self._clock())]

    async def rotate(self, algorithm: Algorithm, *, at_once: bool = False) -> str | None:
        """Makes the next key, and forgets what nothing needs any more.

        Args:
            algorithm: Whose turn it is.
            at_once: The present key is no longer to be trusted: the next one signs now, and every token that older
                ones signed is worth nothing.

        Returns:
            The name of the new key; None where one was made a moment ago that doesn't sign yet.
        """
        ring, now = await self._fresh(0), self._clock()
        old = [str(key.kid) for _, key in ring.keys.get(algorithm, ())]
        if at_once or not old:
            made = await self._make(algorithm, now - _SKEW_SECONDS, spacing=0.0)
        else:
            ahead = AHEAD.total_seconds()
            made = await self._make(algorithm, now + ahead, spacing=ahead)
        async with self._db.directory() as tx:
            await KeptKey.drop(tx, old if at_once else ring.dead(now))
        await self._fresh(0)
        return made

    async def refresh(self) -> None:
        """Reads the keys now."""
        await self._fresh(0)

    async def _make(self, algorithm: Algorithm, signs_from: float, *, spacing: float) -> str | None:
        kid = uuid4().hex[:16]
        key = await asyncio.to_thread(new_key, algorithm)
        sealed, under = await self._safe.seal(kid, orjson.dumps(key.as_dict(private=True)))
        async with self._db.directory() as tx:
            kept = KeptKey(kid, algorithm, sealed, under, signs_from)
            if not await kept.add(tx, spacing=spacing):
                return None
        log.info("signing_key_made", signing_key_id=kid, algorithm=algorithm)
        return kid

    async def _fresh(self, seconds: float) -> Ring:
        """The keys as they were at most so many seconds ago."""
        begun = time.monotonic()
        async with self._reading:
            if self._ring.read_at < begun - seconds:
                self._ring = await self._read()
        return self._ring

    async def _read(self) -> Ring:
        begun = time.monotonic()
        async with self._db.directory() as tx:
            kept = await KeptKey.all(tx)
        found: dict[Algorithm, list[tuple[float, TokenKey]]] = {}
        for one in kept:
            if key := await self._opened(one):
                found.setdefault(key.algorithm, []).append((one.signs_from, key))
        self._known = {str(k.kid): k for keys in found.values() for _, k in keys}
        return Ring(found, begun)

    async def _opened(self, kept: KeptKey) -> TokenKey | None:
        """A kept key, parsed once; None where its seal can't be opened, so that one lost key doesn't stop all."""
        if kept.kid in self._known:
            return self._known[kept.kid]
        try:
            private = await self._safe.open(kept.kid, kept.sealed, kept.under)
        except Unreadable:
            log.exception("signing_key_unreadable", signing_key_id=kept.kid)
            return None
        algorithm = Algorithm(kept.algorithm)
        key: Key = import_key(algorithm, orjson.loads(private))
        return TokenKey(algorithm, key, self.issuer, kept.kid)

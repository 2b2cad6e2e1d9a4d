"""The second factor: codes by time (RFC 6238) from an authenticator app, and recovery codes that open once."""

import base64
import hashlib
import hmac
import os
import secrets
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from app.core.errors import Conflict, Forbidden, InvalidInput, SecondFactorNeeded
from app.core.multi_tenant import Database, TenantTx
from app.core.security import Attempts, Principal
from app.models.audit import AuditEntry
from app.models.staff_factor import RecoveryCode, SignInRules, StaffFactor

STEP_SECONDS = 30
DIGITS = 6
DRIFT = (0, -1, 1)
"""Steps that a clock may be off."""
RECOVERY_CODES = 10
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without letters and digits that look alike."""
_RECOVERY_LENGTH = 16
WRONG_CODE = (
    "This code is wrong, too old, or was used already. Wait for the next one and try again."
)


class SecondFactor:
    """Sets second factors up, and checks them."""

    def __init__(
        self,
        db: Database,
        attempts: Attempts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._attempts = attempts
        self._clock = clock

    async def propose(self, person: Principal) -> bytes:
        """Makes a new secret; it counts once a code of it was given.

        Raises:
            Conflict: There is one already.
        """
        secret = os.urandom(20)
        async with self._db.tenant(person.client_id) as tx:
            if not await StaffFactor.propose(tx, person.staff_id, secret):
                raise Conflict("There is a second factor already. Remove it first.")
        return secret

    async def proposal(self, tx: TenantTx, staff_id: UUID) -> bytes | None:
        """The secret that waits for its first code; None where there is none, or it has been confirmed."""
        factor = await StaffFactor.of_staff(tx, staff_id)
        if factor is None or factor.confirmed_at is not None:
            return None
        return factor.secret(tx)

    async def confirm(self, person: Principal, code: str) -> list[str]:
        """Makes the proposed secret count; gives recovery codes, which nobody can show again.

        Raises:
            Conflict: Nothing is proposed.
            InvalidInput: The code is wrong.
            RateLimited: It was tried too often.
        """
        async with self._attempt(person) as tx:
            factor = await StaffFactor.of_staff(tx, person.staff_id)
            if factor is None or factor.confirmed_at is not None:
                raise Conflict("No second factor waits to be confirmed. Begin again.")
            if not await self._use_totp(tx, factor, normal(code)):
                raise InvalidInput(WRONG_CODE, pointer="/code")
            await StaffFactor.confirm(tx, person.staff_id)
            await AuditEntry.add(tx, person.subject, "second_factor.added", person.subject)
            return await _new_codes(tx, person.staff_id)

    async def renew_codes(self, person: Principal, code: str) -> list[str]:
        """New recovery codes in place of the old ones.

        Raises:
            SecondFactorNeeded: The code is wrong.
            RateLimited: It was tried too often.
        """
        async with self._attempt(person) as tx:
            await self._use(tx, person.staff_id, code)
            await AuditEntry.add(tx, person.subject, "recovery_codes.renewed", person.subject)
            return await _new_codes(tx, person.staff_id)

    async def remove(self, person: Principal, code: str) -> None:
        """Does without a second factor from now on.

        Raises:
            SecondFactorNeeded: The code is wrong.
            Forbidden: The client asks for one.
            RateLimited: It was tried too often.
        """
        async with self._attempt(person) as tx:
            if await SignInRules.asks_second_factor(tx):
                raise Forbidden("Your business asks for a second factor, so it can't be removed.")
            await self._use(tx, person.staff_id, code)
            await StaffFactor.remove(tx, person.staff_id)
            await AuditEntry.add(tx, person.subject, "second_factor.removed", person.subject)

    async def check(self, person: Principal, code: str) -> None:
        """Uses a code up: of the app, or a recovery code.

        Raises:
            SecondFactorNeeded: It is neither, or was used before.
            RateLimited: It was tried too often.
        """
        async with self._attempt(person) as tx:
            await self._use(tx, person.staff_id, code)

    @asynccontextmanager
    async def _attempt(self, person: Principal) -> AsyncIterator[TenantTx]:
        """A transaction in which a code is tried: counted before, forgiven if nothing was raised."""
        name = f"code {person.staff_id}"
        await self._attempts.take(name)
        async with self._db.tenant(person.client_id) as tx:
            yield tx
        await self._attempts.forgive(name)

    async def _use(self, tx: TenantTx, staff_id: UUID, code: str) -> None:
        factor, given = await StaffFactor.of_staff(tx, staff_id), normal(code)
        if factor is None or factor.confirmed_at is None:
            raise SecondFactorNeeded(WRONG_CODE)
        if await self._use_totp(tx, factor, given):
            return
        if not await RecoveryCode.use(tx, staff_id, _hash(given)):
            raise SecondFactorNeeded(WRONG_CODE)
        await AuditEntry.add(tx, str(staff_id), "recovery_code.used", str(staff_id))

    async def _use_totp(self, tx: TenantTx, factor: StaffFactor, code: str) -> bool:
        """Whether a code is that of a step near now, and none of its step or a later one was used."""
        if len(code) != DIGITS:
            return False
        totp, now = totp_of(factor.secret(tx)), int(self._clock()) // STEP_SECONDS
        steps = [now + off for off in DRIFT if _matches(totp, now + off, code)]
        return bool(steps) and await StaffFactor.use_step(tx, factor.staff_id, steps[0])


async def _new_codes(tx: TenantTx, staff_id: UUID) -> list[str]:
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    await RecoveryCode.replace(tx, staff_id, [_hash(code) for code in codes])
    return ["-".join(code[n : n + 4] for n in range(0, _RECOVERY_LENGTH, 4)) for code in codes]


def totp_of(secret: bytes) -> TOTP:
    """The codes of a secret, as every authenticator app makes them."""
    spoken = SHA1()  # noqa: S303  # nosec B303 - RFC 6238; the apps know no other.
    return TOTP(secret, DIGITS, spoken, STEP_SECONDS)


def uri_of(secret: bytes, email: str, client: str) -> str:
    """What an authenticator app reads from the picture."""
    issuer = f"Wafaa ({client.replace(':', ' ')})"
    return totp_of(secret).get_provisioning_uri(email, issuer)


def readable(secret: bytes) -> str:
    """The secret for typing it in: groups of four."""
    text = base64.b32encode(secret).decode()
    return " ".join(text[n : n + 4] for n in range(0, len(text), 4))


def normal(code: str) -> str:
    """A code without what people put between its signs, its digits as ASCII knows them."""
    folded = unicodedata.normalize("NFKC", code[:100])
    kept = [str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded if c.isalnum()]
    return "".join(kept).upper()


def _matches(totp: TOTP, step: int, code: str) -> bool:
    return hmac.compare_digest(totp.generate(step * STEP_SECONDS), code.encode())


def _hash(code: str) -> bytes:
    """79 bits of chance need no slow hash."""
    return hashlib.sha256(code.encode()).digest()

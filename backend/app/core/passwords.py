"""Passwords: kept as Argon2id hashes, checked in the same time whether the account exists or not."""

import unicodedata
from functools import cache

import anyio
from anyio.lowlevel import RunVar
from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 256

_hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
"""OWASP's second choice (19 MiB, two passes): small machines sign people in too."""

_at_once: RunVar[anyio.CapacityLimiter] = RunVar("passwords")


NO_PASSWORD = ""
"""What is kept for somebody who has none yet, or signs in elsewhere."""


def hash_password(password: str) -> str:
    """The hash to keep. Takes some 30 ms of CPU: call it from a thread where requests wait."""
    return _hasher.hash(_normal(password))


async def verify_password(password: str, stored: str | None) -> bool:
    """Whether a password is the one kept; does the same work when nothing is kept."""
    return await anyio.to_thread.run_sync(_verify, password, stored, limiter=_limiter())


def _verify(password: str, stored: str | None) -> bool:
    try:
        matches = _hasher.verify(_normal(password), stored or _nobody())
    except PwdlibError:  # What is kept isn't a hash: nobody gets in by it.
        return False
    return matches and bool(stored)


@cache
def _nobody() -> str:
    """What an unknown account is checked against."""
    return _hasher.hash("nobody's password")


def _normal(password: str) -> str:
    """One spelling for what keyboards spell differently (NIST SP 800-63B asks for NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _limiter() -> anyio.CapacityLimiter:
    """At most two hashes at once: each takes 19 MiB and a core."""
    try:
        return _at_once.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(2)
        _at_once.set(limiter)
        return limiter

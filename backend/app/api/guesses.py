"""Who guesses keys or sessions doesn't make us look all of them up: so many from one network address, then none.

What was good before is looked up in any case, so those who share an address with somebody who guesses go on.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.api.addresses import group_of
from app.core.errors import RateLimited, Unauthenticated
from app.core.limits import SECOND, Charge, Count, Limit, LocalLimits

MOST_REMEMBERED = 10_000

T = TypeVar("T")


class Guesses:
    """Counts, in this process, what nobody has; signed tokens needn't be counted, as they cost no look-up."""

    def __init__(self, limit: Limit | None) -> None:
        self._limit = limit
        self._limits = LocalLimits()
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def look_up(
        self, address: str, shown: str, find: Callable[[str], Awaitable[T | None]]
    ) -> T | None:
        """What ``find`` finds for a credential.

        Raises:
            RateLimited: This address showed too many that nobody has.
        """
        if self._limit is None:
            return await find(shown)
        charge = Charge(self._limit, group_of(address))
        count = self._limits.count(charge.subject, charge)
        digest = hashlib.sha256(shown.encode(errors="replace")).digest()
        known, guessed = digest in self._good, False
        if not known:  # Before anybody can tell: of those who guess at once not each is the first.
            _take(count)
        try:
            found = await find(shown)
            guessed = found is None
        except Unauthenticated:
            guessed = True
            raise
        finally:
            self._settle(count, digest, known=known, guessed=guessed)
        if found is not None:
            self._remember(digest)
        return found

    def _settle(self, count: Count, digest: bytes, *, known: bool, guessed: bool) -> None:
        """Charges for a guess, and for nothing else: what fails otherwise says nothing of who asked."""
        if guessed:
            self._good.pop(digest, None)
        if guessed and known:
            count.take()
        elif not guessed and not known:
            count.give_back()

    def _remember(self, digest: bytes) -> None:
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > MOST_REMEMBERED:
            self._good.popitem(last=False)


def _take(count: Count) -> None:
    """Takes a charge.

    Raises:
        RateLimited: There is none left.
    """
    if wait := count.wait():
        raise RateLimited(retry_after=wait / SECOND)
    count.take()

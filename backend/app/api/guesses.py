"""Who guesses keys or sessions doesn't make us look all of them up: so many from one network address, then none.

What was good before is looked up in any case, so those who share an address with somebody who guesses go on.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.api.addresses import group_of
from app.core.errors import RateLimited, Unauthenticated
from app.core.limits import SECOND, Charge, Limit, LocalLimits

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
        digest = hashlib.sha256(shown.encode(errors="replace")).digest()
        count = self._limits.count(charge.subject, charge)
        wait = 0 if digest in self._good else count.wait()
        if wait:
            raise RateLimited(retry_after=wait / SECOND)
        try:
            found = await find(shown)
        except Unauthenticated:
            self._note(digest, charge, good=False)
            raise
        self._note(digest, charge, good=found is not None)
        return found

    def _note(self, digest: bytes, charge: Charge, *, good: bool) -> None:
        if not good:
            self._good.pop(digest, None)
            self._limits.take_now(charge.subject, [charge])
            return
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > MOST_REMEMBERED:
            self._good.popitem(last=False)

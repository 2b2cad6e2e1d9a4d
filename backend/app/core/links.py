"""Links that open one thing of one client for some minutes: signed, so that they need no other credential."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from uuid import UUID

from app.core.errors import NotFound

SECONDS = 300
_FORM = re.compile(r"([0-9a-f-]{36})\.([0-9a-f-]{36})\.([0-9]{10})\.([0-9a-f]{64})", re.ASCII)


class Links:
    """Makes and reads such links' tickets."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"wafaa link\0" + secret.encode()).digest()
        self._clock = clock

    def ticket(self, client_id: UUID, thing: UUID) -> str:
        """A ticket for one thing, good for five minutes."""
        head = f"{client_id}.{thing}.{int(self._clock()) + SECONDS:010d}"
        return f"{head}.{self._mac(head)}"

    def read(self, ticket: str) -> tuple[UUID, UUID]:
        """The client and the thing that a ticket opens.

        Raises:
            NotFound: It is forged, or its time is over.
        """
        found = _FORM.fullmatch(ticket)
        if found is None:
            raise NotFound
        head = ticket[: found.start(4) - 1]
        fresh = int(found[3]) > self._clock()
        if not hmac.compare_digest(self._mac(head), found[4]) or not fresh:
            raise NotFound("This link's time is over. Ask for a new one.")
        return UUID(found[1]), UUID(found[2])

    def _mac(self, head: str) -> str:
        return hmac.digest(self._key, head.encode(), "sha256").hex()

"""Listening while thinking: what a contact says meanwhile makes a draft worthless, and whoever is asked is hung up on.

The news comes by NOTIFY; losing it costs an answer that nobody will send, never an answer too many.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar
from uuid import UUID

from app.core.errors import Unavailable
from app.core.multi_tenant import Database
from app.models.conversation import Conversation
from app.services.orchestrator.session_manager import Session

T = TypeVar("T")

GLANCE_SECONDS = 0.05
"""From the news to the look whether it matters: what is thought by then needs none."""


class Outdated(Exception):
    """What is being thought would be for nothing."""


class News(Protocol):
    """Tells that something happened in a conversation."""

    def follow(self, conversation_id: UUID) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever something may have."""


class Attention:
    """Follows conversations that are being answered."""

    def __init__(self, db: Database, news: News) -> None:
        self._db = db
        self._news = news
        self._looks: set[asyncio.Task[bool]] = set()

    def follow(self, conversation_id: UUID) -> AbstractContextManager[asyncio.Event]:
        """News of a conversation, to be opened before it is read: nothing is missed in between."""
        return self._news.follow(conversation_id)

    async def think(
        self,
        thought: Coroutine[Any, Any, T],
        session: Session,
        client_id: UUID,
        news: asyncio.Event,
    ) -> T:
        """Thinks to the end, unless that is for nothing: then the thought is cancelled, its calls and all.

        Raises:
            Outdated: It is for nothing.
        """
        thinker, thinking = asyncio.current_task(), True

        def stop(_: asyncio.Task[None]) -> None:
            if thinking and thinker:
                thinker.cancel()

        watching = asyncio.create_task(self._outdated(session, client_id, news))
        watching.add_done_callback(stop)
        try:
            return await thought
        except asyncio.CancelledError:
            if watching.done() and thinker and not thinker.uncancel():  # Else somebody else did.
                raise Outdated from None
            raise
        finally:
            thinking = False
            watching.cancel()

    async def _outdated(self, session: Session, client_id: UUID, news: asyncio.Event) -> None:
        """Comes back when the contact has said more, or a human has taken the conversation."""
        while True:
            await news.wait()
            await asyncio.sleep(GLANCE_SECONDS)
            news.clear()
            self._looks.add(look := asyncio.create_task(self._has_moved_on(session, client_id)))
            look.add_done_callback(self._looks.discard)
            # A question that is broken off takes its connection along, and a new one begins with cold caches.
            if await asyncio.shield(look):
                return

    async def _has_moved_on(self, session: Session, client_id: UUID) -> bool:
        since = None if session.final else session.last_contact_seq
        try:
            async with self._db.tenant(client_id) as tx:
                return await Conversation.has_moved_on(tx, session.conversation_id, since)
        except Unavailable:  # Then recording the answer finds out.
            return False

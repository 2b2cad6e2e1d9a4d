"""Who thinks about an answer hears that the contact said more; and listening costs no connection to the database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.bootstrap import app_url, signer
from app.core.multi_tenant import Database, TenantTx
from app.embedded.postgres import EmbeddedPostgres
from app.models.conversation import Conversation
from app.services.orchestrator.attention import GLANCE_SECONDS, Attention, Outdated
from app.services.orchestrator.jobs import AnswerMessage
from app.services.orchestrator.session_manager import Session, SessionManager
from app.services.queue.jobs import Work
from tests.fixtures.keys import sealed
from tests.fixtures.product import migrate_now, settings_for
from tests.fixtures.talks import HELD, Talk, asks, begin


class Noise:
    """News of every conversation, all the time."""

    @contextmanager
    def follow(self, conversation_id: UUID) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        event.set()
        yield event


@pytest.fixture
async def talk(
    postgres18: EmbeddedPostgres, fresh_database: Callable[..., str], tmp_path: Path
) -> AsyncIterator[Talk]:
    settings = settings_for(fresh_database(postgres18, migrate_now), tmp_path)
    db = sealed(Database.connect(app_url(settings), signer(settings), size=2))
    yield await begin(db)
    await db.close()


async def _session(talk: Talk) -> Session:
    [lease] = await talk.claim()
    sessions = SessionManager(talk.db, quiet_seconds=0, stale_seconds=900)
    session = await sessions.load(Work(lease, HELD, 0.0), AnswerMessage.of(lease))
    assert session is not None
    return session


async def _think(talk: Talk, session: Session, thought: Any) -> object:
    attention = Attention(talk.db, Noise())
    with attention.follow(talk.id) as news:
        return await attention.think(thought, session, talk.client_id, news)


async def _server_processes(talk: Talk) -> set[int]:
    async with talk.db.tenant(talk.client_id) as one, talk.db.directory() as other:
        return {await tx.value("SELECT pg_backend_pid()") for tx in (one, other)}


async def test_what_a_contact_adds_meanwhile_ends_the_thought(talk: Talk) -> None:
    session = await _session(talk)

    async def never() -> None:
        async with talk.db.tenant(talk.client_id) as tx:
            await asks(tx, talk.id)
        await asyncio.sleep(60)

    with pytest.raises(Outdated):
        await _think(talk, session, never())


async def test_news_without_news_disturbs_nobody(talk: Talk) -> None:
    session = await _session(talk)
    assert await _think(talk, session, asyncio.sleep(4 * GLANCE_SECONDS, "thought")) == "thought"


async def test_a_thought_that_ends_during_the_look_whether_it_matters_leaves_the_connection_whole(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, looking, seen = await _session(talk), asyncio.Event(), asyncio.Event()

    async def slowly(tx: TenantTx, *_: object) -> bool:
        looking.set()
        await tx.value("SELECT pg_sleep(0.3)")
        seen.set()
        return False

    monkeypatch.setattr(Conversation, "has_moved_on", slowly)
    before = await _server_processes(talk)
    await _think(talk, session, looking.wait())
    assert not seen.is_set(), "nobody waits for the look"
    seeing = asyncio.create_task(seen.wait())
    await asyncio.wait({seeing}, timeout=10)
    assert seeing.done(), "it was broken off"
    await asyncio.sleep(0.1)
    assert await _server_processes(talk) == before


async def test_a_short_thought_is_not_looked_after_at_all(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, looks = await _session(talk), []
    monkeypatch.setattr(Conversation, "has_moved_on", lambda *of: looks.append(of))
    await _think(talk, session, asyncio.sleep(GLANCE_SECONDS / 5))
    await asyncio.sleep(2 * GLANCE_SECONDS)
    assert not looks

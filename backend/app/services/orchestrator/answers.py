"""Answers from a client's knowledge, remembered for as long as they are sure to be the same.

The key is exact: client, knowledge version, prompt version, models, language, channel and the normalised words. No
similarity: "can I cancel before 24 hours" and "after 24 hours" are near, and must not share an answer.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson

from app.core.errors import QuotaExceeded, Suspended, UpstreamUnavailable
from app.core.multi_tenant import Database
from app.core.observability import Metrics
from app.core.sealing import Cipher, Ciphers
from app.models.client import Client
from app.services.ai.base import Persona, Question, Tokens
from app.services.ai.nlu_service import language_of
from app.services.ai.prompt_manager import PROMPT_VERSION
from app.services.ai.rag_engine import Answer, Cited, RagEngine, Released
from app.services.cache._sealed import SealedCache
from app.services.knowledge.base import Passage
from app.services.knowledge.lexical import normalise
from app.services.orchestrator.standing import Standings

RESPONSE_SECONDS = 1800.0


class Answers:
    """Asks the engine, unless the same was answered a moment ago."""

    def __init__(
        self,
        db: Database,
        engine: RagEngine,
        ciphers: Ciphers,
        cache: SealedCache,
        metrics: Metrics,
        models: str,
        standings: Standings,
    ) -> None:
        self._db = db
        self._standings = standings
        self._engine = engine
        self._ciphers = ciphers
        self._cache = cache
        self._metrics = metrics
        self._models = models

    async def ask(self, client_id: UUID, text: str) -> Answer:
        """Answers once, outside any conversation."""
        async with self._db.tenant(client_id) as tx:
            client = await Client.mine(tx)
        if not client.is_active:
            raise Suspended
        if await self._standings.used_up(client_id):
            raise QuotaExceeded
        settings = client.assistant
        language = language_of(text) or settings.language
        question = Question(text, language, Persona(client.name, settings.tone, settings.fallback))
        pieces = self.stream(
            question,
            client_id,
            providers=tuple(settings.providers),
            version=client.knowledge_version,
            channel="api",
        )
        async with aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Answer):
                    return piece
        raise UpstreamUnavailable("The answer broke off.")

    async def stream(
        self,
        question: Question,
        client_id: UUID,
        *,
        providers: tuple[str, ...],
        version: int,
        channel: str,
    ) -> AsyncGenerator[Released | Answer, None]:
        """Yields sentences as they pass the checks; the whole answer comes last."""
        cipher = await self._ciphers.of(client_id)
        key = self._key(question, cipher, providers, version, channel)
        known = await self._recall(cipher, key)
        if known is not None:
            yield Released(known.text)
            yield known
            return
        async with aclosing(
            self._engine.stream(question, client_id, providers=providers)
        ) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer) and key and piece.grounded:
                    await self._cache.put(cipher, key, _write(piece), RESPONSE_SECONDS)
                yield piece

    def _key(
        self,
        question: Question,
        cipher: Cipher,
        providers: tuple[str, ...],
        version: int,
        channel: str,
    ) -> str | None:
        """None for a question that leans on earlier turns: its words alone don't say what was asked."""
        if question.history:
            return None
        words = " ".join(normalise(question.text).split())
        parts = [
            str(version),
            PROMPT_VERSION,
            self._models,
            *providers,
            question.language,
            channel,
            words,
        ]
        persona = [
            question.persona.client_name,
            question.persona.tone,
            question.persona.fallback or "",
        ]
        asked = cipher.index(orjson.dumps([parts, persona]), "answer").hex()
        return f"answer:{cipher.client_id}:{asked}"

    async def _recall(self, cipher: Cipher, key: str | None) -> Answer | None:
        kept = await self._cache.get(cipher, key) if key else None
        if key:
            self._metrics.cache(cipher.client_id, "answers", hit=kept is not None)
        return _read(orjson.loads(kept)) if kept else None


def _write(answer: Answer) -> bytes:
    cited = tuple(replace(c, passage=replace(c.passage, notes={})) for c in answer.citations)
    return orjson.dumps(
        replace(answer, citations=cited), default=str
    )  # The driver has a UUID of its own.


def _read(kept: dict[str, Any]) -> Answer:
    """The answer as it was, at no cost: nobody was asked."""
    cited = tuple(Cited(c["number"], _passage(c["passage"]), c["quote"]) for c in kept["citations"])
    answer = Answer(**{**kept, "citations": cited, "tokens": Tokens()})
    return replace(answer, milliseconds=0.0, trace={**answer.trace, "cached": True})


def _passage(kept: dict[str, Any]) -> Passage:
    ids = {name: UUID(kept[name]) for name in ("chunk_id", "document_id")}
    return Passage(**{**kept, **ids, "sentences": tuple(kept["sentences"])})

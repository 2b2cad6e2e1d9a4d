"""Why an answer is what it is, as plain JSON for people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.services.ai import answerability
from app.services.ai.answerability import Signals
from app.services.ai.base import Prompt, Tokens
from app.services.ai.llm_gateway import Reply
from app.services.ai.prompt_manager import PROMPT_VERSION
from app.services.knowledge.base import Passage

Json = dict[str, Any]


def told(prompt: Prompt, signals: Signals, replies: Sequence[Reply], checks: Json) -> Json:
    """Question, passages with scores, prompt, models, tokens and checks of one answer."""
    return {
        "question": prompt.question.text,
        "language": prompt.question.language,
        "passages": [_passage(n, p) for n, p in enumerate(prompt.passages, 1)],
        "gate": {**asdict(signals), "probability": round(answerability.probability(signals), 4)},
        "prompt": {"version": PROMPT_VERSION, "system": prompt.system, "user": prompt.user},
        "model": replies[-1].completion.model if replies else None,
        "drafts": [_draft(reply) for reply in replies],
        "tokens": asdict(sum((reply.tokens for reply in replies), Tokens())),
        "checks": checks,
    }


def _passage(number: int, passage: Passage) -> Json:
    return {
        "number": number,
        "chunk_id": str(passage.chunk_id),
        "document_id": str(passage.document_id),
        "title": passage.title,
        "question": passage.question,
        "text": passage.text,
        "language": passage.language,
        "score": round(passage.score, 4),
        "dense": round(passage.dense, 4),
        "lexical": round(passage.lexical, 4),
    }


def _draft(reply: Reply) -> Json:
    return {
        "text": reply.completion.text,
        "model": reply.completion.model,
        "finish_reason": reply.completion.finish_reason,
        "tokens": asdict(reply.tokens),
        "attempts": [
            {"provider": a.provider, "ms": a.milliseconds, "error": a.error} for a in reply.attempts
        ],
    }

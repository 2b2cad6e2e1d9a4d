"""Asking once, outside any conversation."""

from typing import Any

from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import Theirs, paint


def ask(question: str, slug: str | None) -> dict[str, Any]:
    """The answer as the API gives it, with its sources."""

    async def work(here: Installation) -> dict[str, Any]:
        client = await choose_client(here.services, slug)
        answer = await here.services.answers.ask(client.id, question)
        return {
            "client": client.slug,
            "answer": answer.text,
            "language": answer.language,
            "citations": [
                {"number": c.number, "title": c.passage.title, "quote": c.quote, "url": c.passage.url}
                for c in answer.citations
            ],
            "grounded": answer.grounded,
            "offer_human": answer.offer_human,
            "model": answer.model,
            "milliseconds": round(answer.milliseconds),
        }  # fmt: skip

    return with_services(work, embedder=True)


def lines(answer: dict[str, Any]) -> list[str]:
    """The answer, then what it rests on."""
    sources = [_source(citation) for citation in answer["citations"]]
    return [Theirs(answer["answer"]), *([""] if sources else []), *sources]


def _source(citation: dict[str, Any]) -> str:
    where = f" <{citation['url']}>" if citation["url"] else ""
    quote = " ".join(citation["quote"].split())
    return paint(Theirs(f"[{citation['number']}] {citation['title']}{where}: {quote}"), "dim")

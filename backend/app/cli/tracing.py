"""Why an answer is what it is; or where a message is stuck."""

from typing import Any
from uuid import UUID

from app.bootstrap import Services
from app.cli.choosing import choose_client
from app.cli.installation import Installation, with_services
from app.cli.output import Theirs, to_json, worded
from app.core.errors import NotFound
from app.core.multi_tenant import TenantTx
from app.models.client import Client, ClientRef
from app.models.conversation import Conversation
from app.models.job import Job, JobRef
from app.models.message import Message
from app.models.usage import AnswerTrace


def trace(slug: str | None, message_id: UUID) -> dict[str, Any]:
    """All that is known of a message and its answer; without a client, wherever it is.

    Raises:
        NotFound: There is no such message.
    """

    async def work(here: Installation) -> dict[str, Any]:
        for client in await _candidates(here.services, slug):
            async with here.services.db.tenant(client.id) as tx:
                message = await Message.find(tx, message_id)
                if message is not None:
                    return {"client": client.slug, **await _told(tx, message)}
        raise NotFound(f"There is no message {message_id}. `wafaa inbox read` shows ids.")

    return with_services(work)


async def _candidates(services: Services, slug: str | None) -> list[ClientRef]:
    if slug is not None:
        return [await choose_client(services, slug)]
    async with services.db.directory() as tx:
        return await Client.every(tx)


async def _told(tx: TenantTx, message: Message) -> dict[str, Any]:
    answered_by = message.answered_by
    answer = await Message.find(tx, answered_by) if answered_by else None
    conversation = await Conversation.get(tx, message.conversation_id)
    jobs = await Job.of_lane(tx, message.conversation_id)
    return {
        "message_id": message.id,
        "conversation_id": message.conversation_id,
        "author": message.author,
        "text": message.text,
        "created_at": message.created_at,
        "delivery_state": message.delivery_state,
        "delivery_error": message.delivery_error,
        "answered_by": answered_by,
        "answer": answer.text if answer else None,
        "where": where(message, answer, conversation, jobs),
        "trace": await AnswerTrace.of_message(tx, answered_by or message.id),
        "jobs": jobs,
    }


def where(
    message: Message, answer: Message | None, conversation: Conversation, jobs: list[JobRef]
) -> str:
    """How far it has come, in a sentence."""
    if message.author != "contact":
        return _delivered(message, jobs)
    if message.answered_by == message.id:
        return "It asked for no reply."
    if answer is not None:
        return f"It was answered. {_delivered(answer, jobs)}"
    if message.is_stale:
        return "It came too late to be answered."
    if conversation.owner == "agent":
        return "A colleague has the conversation, so the assistant is silent."
    return _work("No answer yet.", jobs) or "Nobody will answer it: no work is left for it."


def _delivered(message: Message, jobs: list[JobRef]) -> str:
    state = message.delivery_state or "kept"
    why = f" ({message.delivery_error})" if message.delivery_error else ""
    said = f"The reply is {state}{why}."
    return (_work(said, jobs) or said) if state in ("queued", "sending", "indeterminate") else said


def _work(said: str, jobs: list[JobRef]) -> str | None:
    """What is said, with the first of the work before it; None where there is no work."""
    if not jobs:
        return None
    job = jobs[0]
    why = f": {job.error}" if job.error else ""
    tries = f"after {job.attempts} tries" if job.attempts else "not tried yet"
    again = f" `wafaa jobs replay {job.id}` tries again." if job.state == "parked" else ""
    return f"{said} {job.kind} is {job.state}, {tries}{why}.{again}"


def lines(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    head = f"{worded(found['author'])} · {found['client']} · {found['conversation_id']}"
    answer = ["", found["answer"]] if found["answer"] else []
    trace = found["trace"] or {}
    why = [f"  {name}: {_plain(value)}" for name, value in trace.items() if name != "passages"]
    passages = [f"  passage {_plain(passage)}" for passage in trace.get("passages", [])]
    told = [head, found["text"] or "", *answer, "", worded(found["where"]), *why, *passages]
    return [Theirs(line) for line in told]


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= 400 else f"{text[:400]}…"

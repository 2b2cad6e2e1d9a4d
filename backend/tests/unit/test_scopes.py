"""Whose it is can't be left out: where a scope belongs, the type checker asks for one, and every key holds it."""

import subprocess
import sys
from dataclasses import replace
from inspect import signature
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from app.core.sealing import Cipher, Secret
from app.services.ai.base import Persona, Question, Turn
from app.services.orchestrator.answers import Answers
from app.utils.ids import uuid7

BACKEND = Path(__file__).parents[2]
HEAD = """
from uuid import UUID
from app.core.multi_tenant import Database, DirectoryTx, TenantTx, cipher_of
from app.models.attachment import Attachment
from app.models.conversation import Conversation
from app.models.conversation_event import ConversationEvent
from app.models.export import Export, ExportPart
from app.models.job import Job
from app.models.lane import Lease
from app.models.knowledge_base import KnowledgeDocument
from app.services.orchestrator import events
from app.services.knowledge.base import VectorStore, namespace_of
from app.services.knowledge.retriever import Retriever
"""
REFUSED = {
    "a query outside of a scope": "async def f(tx: DirectoryTx, u: UUID) -> None:\n    await Conversation.get(tx, u)",
    "a list outside of a tenant's scope": "async def f(tx: DirectoryTx) -> None:\n    await KnowledgeDocument.all(tx)",
    "an export outside of a tenant's scope": "async def f(tx: DirectoryTx, u: UUID) -> None:\n"
    "    await Export.get(tx, u)",
    "an export's part without a client": "async def f(u: UUID) -> None:\n    await ExportPart.get(u, 1)",
    "a file outside of a tenant's scope": "async def f(tx: DirectoryTx, u: UUID) -> None:\n"
    "    await Attachment.add(tx, u, 'image')",
    "a job outside of a tenant's scope": "async def f(tx: DirectoryTx, lane: UUID) -> None:\n"
    "    await Job.add(tx, lane_id=lane, queue='q', kind='k', payload={})",
    "a job settled outside of a tenant's scope": "async def f(tx: DirectoryTx, lease: Lease) -> None:\n"
    "    await Job.settle(tx, lease)",
    "a stream outside of a tenant's scope": "async def f(tx: DirectoryTx, u: UUID) -> None:\n"
    "    await ConversationEvent.after(tx, u, 0)",
    "an event told outside of a tenant's scope": "async def f(tx: DirectoryTx, u: UUID) -> None:\n"
    "    await events.tell(tx, u, 'typing')",
    "a key of nobody": "async def f(tx: DirectoryTx) -> None:\n    cipher_of(tx)",
    "vectors without a namespace": "async def f(s: VectorStore) -> None:\n    await s.search((1.0,), limit=3)",
    "a text as a namespace": "async def f(s: VectorStore) -> None:\n    await s.search('cafe', (1.0,), limit=3)",
    "a search without a client": "async def f(r: Retriever) -> None:\n    await r.retrieve('words', 'en')",
    "a scope without a client": "async def f(db: Database) -> None:\n    async with db.tenant() as tx:\n        del tx",
    "a text as a client": "async def f(db: Database) -> None:\n    async with db.tenant('cafe') as tx:\n        del tx",
}
ACCEPTED = """
async def f(tx: TenantTx, id_: UUID, s: VectorStore) -> None:
    await Conversation.get(tx, id_)
    await s.search(namespace_of(id_), (1.0,), limit=3)
"""


@pytest.mark.timeout(300)
def test_without_a_scope_it_does_not_type_check(tmp_path: Path) -> None:
    """One run of mypy over a file for each way to leave the scope out, and one that has it."""
    paths = {}
    for number, (name, code) in enumerate(REFUSED.items()):
        paths[name] = tmp_path / f"refused_{number}.py"
        paths[name].write_text(HEAD + code + "\n")
    (tmp_path / "accepted.py").write_text(HEAD + ACCEPTED)
    argv = [
        sys.executable,
        "-m",
        "mypy",
        "--no-error-summary",
        *map(str, sorted(tmp_path.iterdir())),
    ]
    done = subprocess.run(argv, cwd=BACKEND, capture_output=True, text=True)
    for name, path in paths.items():
        told = [line for line in done.stdout.splitlines() if f"{path.name}:" in line]
        assert any("[arg-type]" in line or "[call-arg]" in line for line in told), (name, done)
    assert "accepted.py" not in done.stdout


def _answers(models: str = "models") -> Answers:
    """The keys need none of its parts but the models' names."""
    nothing: Any = SimpleNamespace()
    wanted = set(signature(Answers).parameters) - {"models"}
    return Answers(**dict.fromkeys(wanted, nothing), models=models)


SOMEBODY = uuid7()
PERSONA = Persona("Cafe", "friendly", None)
ASKED = Question("How much is a flat white?", "en", PERSONA)
CHANGES: dict[str, dict[str, Any]] = {
    "words": {"question": Question("How much is a latte?", "en", PERSONA)},
    "language": {"question": Question(ASKED.text, "ar", PERSONA)},
    "tone": {"question": Question(ASKED.text, "en", Persona("Cafe", "formal", None))},
    "knowledge version": {"version": 2},
    "channel": {"channel": "whatsapp"},
    "providers": {"providers": ("openai",)},
    "more providers": {"providers": ("openai", "quoting")},
    "their order": {"providers": ("quoting", "openai")},
    "models": {"models": "openai/other"},
    "prompt version": {"prompt": "another"},
    "client": {"client": uuid7()},
}
"""What an answer depends on: one part changed, all the others the same."""


def _key(
    monkeypatch: pytest.MonkeyPatch,
    *,
    question: Question = ASKED,
    version: int = 1,
    channel: str = "web",
    providers: tuple[str, ...] = (),
    models: str = "openai/one",
    prompt: str = "one",
    client: UUID = SOMEBODY,
) -> str | None:
    monkeypatch.setattr("app.services.orchestrator.answers.PROMPT_VERSION", prompt)
    cipher = Cipher(client, {1: Secret(b"s" * 32, b"i" * 32)}, 1)
    return _answers(models)._key(question, cipher, providers, version, channel)


def test_whatever_an_answer_depends_on_changes_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check 11: each part alone, and no two of these changes make the same key."""
    keys = [
        _key(monkeypatch),
        *(_key(monkeypatch, **change) for change in CHANGES.values()),
    ]
    assert None not in keys
    assert len(set(keys)) == len(CHANGES) + 1


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("How much is a flat white?", "  HOW much is\ta flat   white? "),
        ("كم سعر القهوة؟", "كَم سِعر  القهوه؟"),
        ("أين الفرع", "اين الفرع"),
        ("بكم ٣ أكواب", "بكم 3 اكواب"),
    ],
)
def test_the_same_question_in_another_spelling_has_the_same_key(
    monkeypatch: pytest.MonkeyPatch, text: str, spelt: str
) -> None:
    one, other = (Question(said, "ar", PERSONA) for said in (text, spelt))
    assert _key(monkeypatch, question=one) == _key(monkeypatch, question=other)


def test_a_question_that_leans_on_earlier_ones_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    leaning = replace(ASKED, history=(Turn("contact", "Hello"),))
    assert _key(monkeypatch, question=leaning) is None


def test_ten_thousand_questions_of_two_clients_share_no_key() -> None:
    """Check 11: the same words, version, language and channel; and words that try to write a key themselves."""
    chance, answers, seen = Random(11), _answers(), {}  # noqa: S311
    clients = [uuid7() for _ in range(20)]
    same = Secret(
        b"s" * 32, b"i" * 32
    )  # One key for all: the client stands in the key itself, too.
    ciphers = {client: Cipher(client, {1: same}, 1) for client in clients}
    words = [
        "price",
        "سعر",
        "answer:",
        ":",
        "\0",
        "1",
        "en",
        "api",
        "web",
        " ",
        str(clients[0]),
        str(clients[1]),
    ]
    for _ in range(10_000):
        text = " ".join(chance.choices(words, k=chance.randrange(1, 4)))
        client = chance.choice(clients)
        version, channel = chance.randrange(3), chance.choice(("api", "web"))
        question = Question(text, chance.choice(("ar", "en")), Persona("Cafe", "friendly", None))
        key = answers._key(question, ciphers[client], (), version, channel)
        assert key is not None
        assert seen.setdefault(key, client) == client
        assert UUID(key.split(":")[1]) == client
    assert len(seen) > 3_000

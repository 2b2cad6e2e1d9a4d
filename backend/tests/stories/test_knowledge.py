"""What a business teaches is found by meaning and by words, in both languages, and by nobody else."""

import hashlib
import math
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest

from app.core.errors import InvalidInput, NotFound, UpstreamUnavailable
from app.core.multi_tenant import Database, TenantTx
from app.embedded.postgres import EmbeddedPostgres
from app.models import knowledge_search
from app.models.knowledge_base import KnowledgeDocument, KnowledgeSource, Upload
from app.models.knowledge_search import Sought
from app.services.knowledge.base import (
    Block,
    BlockKind,
    Namespace,
    Purpose,
    Vector,
    VectorMatch,
    VectorRecord,
    VectorStore,
    model_of,
    namespace_of,
)
from app.services.knowledge.calibration import mean_of
from app.services.knowledge.embedders.local import LocalEmbedder
from app.services.knowledge.fusion import bm25, fused
from app.services.knowledge.indexer import Indexer
from app.services.knowledge.lexical import terms
from app.services.knowledge.retriever import Retriever
from app.services.knowledge.stores.postgres import Config, PostgresVectors
from tests.fixtures.knowledge import WordsEmbedder, connect, migrate_knowledge

NewClient = Callable[[], Awaitable[UUID]]

CAFE = """# Hours
We open at seven in the morning and close at eleven at night.

# Delivery
Delivery inside Riyadh costs 15 riyals and takes forty minutes.

# ساعات رمضان
نفتح في رمضان بعد صلاة العشاء حتى الثانية صباحًا.

# الولاء
تحصل على كوب مجاني بعد كل تسعة أكواب.
"""


async def parse(content: bytes, *, media_type: str, filename: str) -> list[Block]:
    """Lines: headings, paragraphs, and ``question? | answer``."""
    if content.startswith(b"%broken"):
        raise InvalidInput("This file is broken. Save it again and upload it once more.")
    return [block(line) for line in content.decode().splitlines() if line.strip()]


def block(line: str) -> Block:
    if line.startswith("# "):
        return Block(BlockKind.HEADING, line[2:], level=1)
    if " | " in line:
        question, _, answer = line.partition(" | ")
        return Block(BlockKind.QUESTION_ANSWER, answer, question=question)
    return Block(BlockKind.PARAGRAPH, line)


class Library:
    """One client's knowledge, as the product keeps it."""

    def __init__(
        self,
        db: Database,
        embedder: WordsEmbedder | LocalEmbedder,
        vectors: VectorStore | None = None,
    ) -> None:
        model = model_of(embedder)
        self.db = db
        self.vectors = vectors or PostgresVectors(Config(database=db, model=model), None)  # type: ignore[arg-type]
        self.indexer = Indexer(db, embedder, self.vectors, parse)
        self.retriever = Retriever(db, embedder, self.vectors)

    async def learn(self, client_id: UUID, text: str, title: str = "Café") -> UUID | None:
        content = text.encode()
        async with self.db.tenant(client_id) as tx:
            source = await KnowledgeSource.named(tx, "files")
            upload = Upload(
                source, title, "text/plain", content, hashlib.sha256(content).hexdigest()
            )
            document_id = await KnowledgeDocument.put(tx, upload)
        if document_id:
            await self.indexer.index(client_id, document_id)
        return document_id

    async def first(self, client_id: UUID, query: str, language: str) -> str:
        return (await self.retriever.retrieve(client_id, query, language))[0].text

    async def document(self, client_id: UUID, document_id: UUID) -> KnowledgeDocument:
        async with self.db.tenant(client_id) as tx:
            return await KnowledgeDocument.get(tx, document_id)

    async def count(self, client_id: UUID, table: str) -> int:
        async with self.db.tenant(client_id) as tx:
            found: int = await tx.value(
                f"SELECT count(*) FROM {table} WHERE client_id = $1",
                client_id,
            )
        return found


@pytest.fixture
def embedder() -> WordsEmbedder:
    return WordsEmbedder()


@pytest.fixture
def library(knowledge_db: Database, embedder: WordsEmbedder) -> Library:
    return Library(knowledge_db, embedder)


@pytest.mark.parametrize(
    ("query", "language", "words"),
    [
        ("When does the café close in the evening?", "en", "eleven at night"),
        ("How much do you charge for bringing it to my home?", "en", "15 riyals"),
        ("متى تفتحون في شهر رمضان؟", "ar", "بعد صلاة العشاء"),
        ("هل عندكم قهوة مجانية للعملاء الدائمين؟", "ar", "تسعة أكواب"),
    ],
)
async def test_a_question_finds_its_passage(
    knowledge_db: Database,
    e5: LocalEmbedder,
    new_client: NewClient,
    query: str,
    language: str,
    words: str,
) -> None:
    library, client = Library(knowledge_db, e5), await new_client()
    await library.learn(client, CAFE)
    assert words in await library.first(client, query, language)


async def test_an_answer_in_the_other_language_is_found_too(
    knowledge_db: Database, e5: LocalEmbedder, new_client: NewClient
) -> None:
    library, client = Library(knowledge_db, e5), await new_client()
    await library.learn(client, CAFE)
    arabic = await library.retriever.retrieve(client, "كم تكلفة التوصيل؟", "ar")
    english = await library.retriever.retrieve(
        client, "Is there a loyalty programme with free cups?", "en"
    )
    assert next(p.text for p in arabic if p.language == "en").startswith("Delivery")
    assert "تسعة أكواب" in next(p.text for p in english if p.language == "ar")


async def test_an_entry_is_found_by_its_question_and_comes_with_it(
    library: Library, new_client: NewClient
) -> None:
    client = await new_client()
    await library.learn(
        client, "Do you take cards? | Yes, all of them.\nهل تقبلون البطاقات؟ | نعم، كلها.\n"
    )
    first, *_ = await library.retriever.retrieve(client, "هل يمكن الدفع بالبطاقات", "ar")
    assert (first.question, first.text, first.sentences) == (
        "هل تقبلون البطاقات؟",
        "نعم، كلها.",
        ("نعم، كلها.",),
    )
    assert first.title == "Café"
    assert first.dense > 0
    assert first.lexical > 0


async def test_nobody_finds_what_another_client_taught(
    library: Library, new_client: NewClient
) -> None:
    one, other = await new_client(), await new_client()
    await library.learn(one, CAFE)
    assert await library.retriever.retrieve(other, "When do you open?", "en") == []
    vector = (await WordsEmbedder().embed(["When do you open?"], Purpose.QUERY))[0]
    assert await library.vectors.search(namespace_of(other), vector, limit=5) == []
    for table in (
        "knowledge_documents",
        "knowledge_chunks",
        "knowledge_postings",
        "knowledge_vectors",
    ):
        async with library.db.tenant(other) as tx:
            assert await tx.value(f"SELECT count(*) FROM {table}") == 0


async def test_an_unchanged_file_costs_nothing(
    library: Library, embedder: WordsEmbedder, new_client: NewClient
) -> None:
    client = await new_client()
    document = await library.learn(client, CAFE)
    assert document
    embedder.embedded.clear()
    assert await library.learn(client, CAFE) is None
    await library.indexer.index(client, document)  # The job ran twice.
    assert embedder.embedded == []
    assert (await library.document(client, document)).status == "ready"


async def test_of_a_changed_file_only_new_words_are_embedded(
    library: Library, embedder: WordsEmbedder, new_client: NewClient
) -> None:
    client = await new_client()
    document = await library.learn(client, CAFE)
    embedder.embedded.clear()
    assert await library.learn(client, CAFE.replace("15 riyals", "20 riyals")) == document
    assert [text.split("\n")[-1] for text in embedder.embedded] == [
        "Delivery inside Riyadh costs 20 riyals and takes forty minutes."
    ]
    assert "20 riyals" in await library.first(
        client, "What does delivery inside Riyadh cost?", "en"
    )
    assert (
        await library.count(client, "knowledge_chunks")
        == await library.count(client, "knowledge_vectors")
        == 4
    )


async def test_a_document_says_how_far_it_is(library: Library, new_client: NewClient) -> None:
    client = await new_client()
    document_id = await library.learn(client, CAFE)
    assert document_id
    document = await library.document(client, document_id)
    assert (document.status, document.progress, document.chunk_count, document.version) == (
        "ready",
        1.0,
        4,
        1,
    )
    assert document.vector_id == str(document_id)
    assert document.content
    assert document.content.startswith("Hours\nWe open")


async def test_a_long_document_says_how_far_it_is_while_it_is_learnt(
    knowledge_db: Database, new_client: NewClient
) -> None:
    seen: list[tuple[str, float]] = []

    class Watching(WordsEmbedder):
        """Looks at the only document whenever it is given some of it."""

        async def embed(
            self, texts: Sequence[str], purpose: Purpose, whose: UUID | None = None
        ) -> list[Vector]:
            async with knowledge_db.tenant(client) as tx:
                (document,) = await KnowledgeDocument.all(tx)
            seen.append((document.status, document.progress))
            return await super().embed(texts, purpose, whose)

    client = await new_client()
    await Library(knowledge_db, Watching()).learn(
        client, "\n".join(f"What is dish {n}? | It is dish {n}." for n in range(80))
    )
    assert [status for status, _ in seen] == ["indexing"] * 3
    assert [progress for _, progress in seen] == pytest.approx([0, 32 / 80, 64 / 80])


async def test_a_broken_file_is_reported_and_the_old_version_stays(
    library: Library, new_client: NewClient
) -> None:
    client = await new_client()
    document_id = await library.learn(client, CAFE)
    assert await library.learn(client, "%broken") == document_id
    assert document_id
    document = await library.document(client, document_id)
    assert (document.status, document.error) == (
        "failed",
        "This file is broken. Save it again and upload it once more.",
    )
    assert "15 riyals" in await library.first(client, "What does delivery cost?", "en")
    assert await library.learn(client, CAFE) == document_id
    assert (await library.document(client, document_id)).status == "ready"


async def test_an_embedder_that_fails_leaves_the_old_version_and_is_tried_again(
    library: Library,
    embedder: WordsEmbedder,
    new_client: NewClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Away(WordsEmbedder):
        async def embed(
            self, texts: Sequence[str], purpose: Purpose, whose: UUID | None = None
        ) -> list[Vector]:
            raise UpstreamUnavailable

    client = await new_client()
    document = await library.learn(client, CAFE)
    assert document
    with pytest.raises(UpstreamUnavailable):
        await Library(library.db, Away()).learn(
            client, CAFE + "\n# Parking\nThere is parking behind the house."
        )
    assert "15 riyals" in await library.first(client, "What does delivery cost?", "en")
    await library.indexer.index(client, document)
    assert "parking" in await library.first(client, "Where is parking?", "en")


async def test_a_removed_document_is_found_no_more(library: Library, new_client: NewClient) -> None:
    client = await new_client()
    document = await library.learn(client, CAFE)
    assert document
    async with library.db.tenant(client) as tx:
        await KnowledgeDocument.remove(tx, document)
    assert await library.retriever.retrieve(client, "When do you open?", "en") == []
    for table in ("knowledge_chunks", "knowledge_postings", "knowledge_vectors"):
        assert await library.count(client, table) == 0
    with pytest.raises(NotFound):
        await library.document(client, document)
    await library.indexer.index(client, document)  # Its job comes too late, and has nothing to do.


async def test_the_job_ends_in_the_transaction_that_changes_what_is_found(
    library: Library, new_client: NewClient
) -> None:
    async def lost(tx: TenantTx) -> None:
        raise UpstreamUnavailable("The lease is lost.")

    client = await new_client()
    document = await library.learn(client, CAFE)
    assert document
    async with library.db.tenant(client) as tx:
        source = await KnowledgeSource.named(tx, "files")
        title = (await KnowledgeDocument.get(tx, document)).title
        upload = Upload(source, title, "text/plain", b"Nothing.", "x", filename=title)
        assert await KnowledgeDocument.put(tx, upload) == document
    with pytest.raises(UpstreamUnavailable):
        await library.indexer.index(client, document, finish=lost)
    assert await library.count(client, "knowledge_chunks") == 4


async def test_a_question_that_leans_on_the_one_before_finds_its_passage(
    library: Library, new_client: NewClient
) -> None:
    client = await new_client()
    await library.learn(
        client, "Latte price? | The latte is 15 riyals.\nMuseum price? | The museum is 90 riyals.\n"
    )
    found = await library.retriever.retrieve(
        client, "And with milk?", "en", previous="What is the latte price?"
    )
    assert found[0].text == "The latte is 15 riyals."


async def test_the_database_scores_as_the_formulas_say(
    library: Library, embedder: WordsEmbedder, new_client: NewClient
) -> None:
    client, query = await new_client(), "What does delivery to Riyadh cost at night?"
    await library.learn(client, CAFE, "One")
    await library.learn(
        client,
        "We deliver at night. And in the morning.\n# Cost\nNothing costs more than time.",
        "Two",
    )
    (vector,) = await embedder.embed([query], Purpose.QUERY)
    sought = Sought("en", list(terms(query)), vector, [0.0] * 64, model_of(embedder))
    async with library.db.tenant(client) as tx:
        found = [f for f in await knowledge_search.search(tx, sought, 50) if f.is_own]
    texts = [f"{f.title}\n{f.text}" for f in found]
    dense = [
        sum(map(math.prod, zip(vector, v, strict=True)))
        for v in await embedder.embed(texts, Purpose.QUERY)
    ]
    lexical = lexical_scores(query, texts)
    assert [f.dense for f in found] == pytest.approx(dense, abs=1e-4)
    assert [f.lexical for f in found] == pytest.approx(lexical, rel=1e-4)
    assert [f.score for f in found] == pytest.approx(fused(dense, lexical), abs=1e-2)
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


async def test_the_other_pool_is_compared_without_what_its_language_shares(
    library: Library, embedder: WordsEmbedder, new_client: NewClient
) -> None:
    client = await new_client()
    shared, sought_for = "أهلا بكم في المقهى", "القهوة"
    for title, text in enumerate(
        (shared, f"{shared} {sought_for} عندنا كل صباح", f"{shared} الشاي")
    ):
        await library.learn(client, f"{text}.", f"{title}")
    usual, vector = await embedder.embed([shared, f"{shared} {sought_for}"], Purpose.QUERY)
    sought = Sought("en", [], vector, usual, model_of(embedder))
    async with library.db.tenant(client) as tx:
        found = await knowledge_search.search(tx, sought, 50)
    assert [f.is_own for f in found] == [False] * 3
    vectors = await embedder.embed([f"{f.title}\n{f.text}" for f in found], Purpose.QUERY)
    middle = mean_of(vectors)
    meaning = [
        sum((x - m) * (q - u) for x, m, q, u in zip(v, middle, vector, usual, strict=True))
        / math.dist(v, middle)
        for v in vectors
    ]
    scores, plain = [f.score for f in found], [f.dense for f in found]
    assert scores == pytest.approx(fused(meaning, [0.0] * 3), abs=1e-2)
    assert scores == sorted(scores, reverse=True)
    assert sought_for in found[0].text
    assert plain == pytest.approx(
        [sum(map(math.prod, zip(vector, v, strict=True))) for v in vectors], abs=1e-4
    )
    assert plain[0] < max(plain), "By the whole vectors it wouldn't have been the first."


def lexical_scores(query: str, texts: Sequence[str]) -> list[float]:
    chunks = [terms(text) for text in texts]
    mean = sum(c.total() for c in chunks) / len(chunks)
    containing = {term: sum(term in c for c in chunks) for term in terms(query)}
    return [
        sum(bm25(c[t], c.total(), mean, containing[t], len(chunks)) for t in terms(query) if t in c)
        for c in chunks
    ]


class FarAway:
    """A vector store elsewhere: a namespace is a dict."""

    def __init__(self) -> None:
        self.kept: dict[Namespace, dict[UUID, VectorRecord]] = {}

    async def upsert(self, namespace: Namespace, records: Sequence[VectorRecord]) -> None:
        self.kept.setdefault(namespace, {}).update({record.chunk_id: record for record in records})

    async def search(
        self, namespace: Namespace, vector: Vector, *, limit: int
    ) -> list[VectorMatch]:
        found = [
            VectorMatch(r.chunk_id, r.pool, sum(map(math.prod, zip(vector, r.vector, strict=True))))
            for r in self.kept.get(namespace, {}).values()
        ]
        return sorted(found, key=lambda match: -match.similarity)[:limit]

    async def delete(
        self, namespace: Namespace, document_id: UUID, chunks: Sequence[UUID] | None = None
    ) -> None:
        kept = self.kept.get(namespace, {})
        gone = [
            i
            for i, r in kept.items()
            if r.document_id == document_id and (chunks is None or i in chunks)
        ]
        for chunk_id in gone:
            del kept[chunk_id]


async def test_vectors_may_lie_elsewhere(
    knowledge_db: Database, embedder: WordsEmbedder, new_client: NewClient
) -> None:
    store = FarAway()
    library, client = Library(knowledge_db, embedder, store), await new_client()
    await library.learn(client, CAFE)
    assert "15 riyals" in await library.first(
        client, "What does delivery inside Riyadh cost?", "en"
    )
    await library.learn(client, CAFE.replace("15 riyals", "20 riyals"))
    assert "20 riyals" in await library.first(
        client, "What does delivery inside Riyadh cost?", "en"
    )
    assert len(store.kept[namespace_of(client)]) == 4
    assert await library.count(client, "knowledge_vectors") == 0


async def test_postgresql_15_without_pgvector_searches_with_vectors_elsewhere(
    postgres15: EmbeddedPostgres, fresh_database: Callable[..., str], embedder: WordsEmbedder
) -> None:
    db = connect(fresh_database(postgres15, migrate_knowledge))
    try:
        library, client = Library(db, embedder, FarAway()), UUID(int=1)
        async with db.tenant(client) as tx:
            await tx.run("INSERT INTO clients (id, name, slug) VALUES ($1, 'A', 'a')", client)
            assert await tx.value("SELECT to_regclass('knowledge_vectors')") is None
        await library.learn(client, CAFE)
        assert "بعد صلاة العشاء" in await library.first(client, "متى تفتحون في رمضان؟", "ar")
    finally:
        await db.close()
